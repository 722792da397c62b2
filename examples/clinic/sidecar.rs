//! Starts Palisade for the story. The one place that knows how.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
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

/// Runs Palisade with this configuration, which names both addresses.
// The lead wires the library in here; until then this needs `cargo build` first, because `cargo run --example` does
// not build the binary.
pub(crate) fn start_palisade(config: &Path, data: SocketAddr, admin: SocketAddr) -> Fallible<Running> {
    let own = std::env::current_exe()?;
    let profile = own.parent().and_then(Path::parent).ok_or("the example lies in no target folder")?;
    let binary = profile.join("palisade");
    let log = config
        .parent()
        .and_then(Path::parent)
        .ok_or("the configuration lies in no folder")?
        .join("palisade.log");
    let file = std::fs::File::create(&log)?;
    let child = Command::new(&binary)
        .arg("run")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .map_err(|why| format!("`{}` could not be started: {why}", binary.display()))?;
    Ok(Running { data, admin, log, child })
}
