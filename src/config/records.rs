//! Where what is put on record goes.
//!
//! Never: opens a file.

use super::DecisionLog;
use super::check::Checker;
use super::raw;

/// Where decision records go.
pub(super) fn decision_log(c: &mut Checker<'_>, raw: &raw::DecisionLog) -> DecisionLog {
    let file = raw.file.as_ref().filter(|path| !path.is_empty()).map(|path| c.path(path));
    let stdout = raw.stdout.unwrap_or(file.is_none());
    if file.is_none() && !stdout {
        let hint = "name a `decision_log.file`, or set `decision_log.stdout: true`";
        c.error("no-record", "decision_log.stdout", "decision records would go nowhere", hint);
    }
    let reveals = raw.reveal_file.as_ref().filter(|path| !path.is_empty()).map(|path| c.path(path));
    if reveals.is_some() && reveals == file {
        let hint = "name another file: a sidecar keeps its own to itself";
        c.bad_value("decision_log.reveal_file", "a file of its own", hint);
    }
    DecisionLog { file, stdout, reveals }
}
