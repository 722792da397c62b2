//! Starts Palisade for the story. The one place that knows how.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;

use crate::Fallible;

/// Palisade, until this is dropped.
pub(crate) struct Running {
    pub(crate) data: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Running {
    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What Palisade has said so far, for when it does not start.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end and nothing to say.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first argument that makes this program Palisade itself.
pub(crate) const AS_PALISADE: &str = "--as-palisade";

/// The `palisade` program, with this process's further arguments.
pub(crate) fn be_palisade() -> ExitCode {
    let arguments = std::iter::once("palisade".into()).chain(std::env::args_os().skip(2)).collect();
    let world = palisade::cli::World { arguments, variable: &|name| std::env::var(name).ok() };
    ExitCode::from(palisade::cli::main(&world))
}

/// Runs Palisade with this configuration, which names both addresses.
// The example starts itself a second time: a process of its own, as in life, and `cargo run --example` builds no binary.
pub(crate) fn start_palisade(config: &Path, data: SocketAddr, admin: SocketAddr) -> Fallible<Running> {
    let log = config
        .parent()
        .and_then(Path::parent)
        .ok_or("the configuration lies in no folder")?
        .join("palisade.log");
    let file = std::fs::File::create(&log)?;
    let child = Command::new(std::env::current_exe()?)
        .arg(AS_PALISADE)
        .arg("run")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .map_err(|why| format!("Palisade could not be started: {why}"))?;
    Ok(Running { data, admin, log, child })
}
