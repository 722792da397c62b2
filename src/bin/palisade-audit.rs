//! The `palisade-audit` program: arguments, environment, streams, exit code. Nothing else reads or leaves them.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let world = palisade::cli::World {
        arguments: std::env::args_os().collect(),
        variable: &|name| std::env::var(name).ok(),
    };
    ExitCode::from(palisade::audit_cli::main(&world))
}
