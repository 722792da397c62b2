//! `palisade audit`: becomes `palisade-audit`, the auditors' program, which is far larger and built by itself.
//!
//! Never: runs another program of that name while there is one beside this one.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::Exit;
use super::Out;

const PROGRAM: &str = "palisade-audit";

/// What `audit` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What `palisade-audit` takes: `palisade audit --help` tells.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

pub(super) fn audit(arguments: &Arguments, out: &mut Out) -> Result<Exit, String> {
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(PROGRAM));
    let program = beside.filter(|program| program.is_file()).unwrap_or_else(|| PathBuf::from(PROGRAM));
    // It comes back only where that could not be run.
    let error = Command::new(&program).args(&arguments.arguments).exec();
    if error.kind() != std::io::ErrorKind::NotFound {
        return Err(format!("`{}` cannot be run: {error}", program.display()));
    }
    out.error(&format!(
        "`{PROGRAM}` is neither beside this program nor on the PATH; `cargo build --release --features audit` builds it"
    ));
    Ok(Exit::Usage)
}
