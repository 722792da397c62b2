//! `palisade run`: loads the config and the first snapshot, and serves.
//!
//! Never: serves with anything that `check` would refuse.

use crate::net;
use crate::reload;
use crate::snapshot::Live;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::load;

pub(super) const AFTER: &str = "\
Examples:
  palisade run
  palisade run -c etc/palisade.yaml --log-format json
  palisade run --set listen.data=0.0.0.0:8080 --set upstream.address=127.0.0.1:9000

SIGHUP reloads, SIGTERM stops after the requests under way.";

/// Serves until it is told to stop.
///
/// # Errors
/// When it could not serve.
pub fn run(global: &Global, world: &World<'_>, out: &mut Out) -> Result<Exit, String> {
    let loaded = load(global, world);
    let (config, warnings) = match loaded.config {
        Ok(read) => read,
        Err(problems) => {
            check::pretty(global, &problems, &loaded.text, None, out);
            return Ok(Exit::Invalid);
        }
    };
    let (reading, checked) = reload::first(&config.files, &config.settings);
    match checked {
        Ok(checked) => net::serve(config, Live::new(checked), &reading, &warnings).map(|()| Exit::Ok),
        Err(problems) => {
            check::pretty(global, &problems, &loaded.text, Some(&reading.sources), out);
            Ok(Exit::Invalid)
        }
    }
}
