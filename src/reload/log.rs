//! What the reload thread does, as log lines.
//!
//! Never: shows a line of a file; problems say where and what is wrong.

use crate::problem::Problem;
use crate::problem::Severity;

use super::Change;
use super::Shadowing;

/// Logs what happened.
pub(super) fn change(change: &Change) {
    match change {
        Change::Applied { before, after, generation, cause, bundle, changes, warnings } => {
            tracing::info!(
                %before, %after, generation, cause = cause.as_str(), bundle = bundle.as_ref().map(|(title, _)| title),
                added = changes.added.len(), removed = changes.removed.len(), changed = changes.changed.len(),
                "an edit is live"
            );
            warnings.iter().for_each(problem);
        }
        Change::Refused { live, problems } => {
            tracing::error!(%live, problems = problems.len(), "a broken edit was refused; the last good snapshot stays");
            problems.iter().for_each(problem);
        }
        Change::Restored { live } => tracing::info!(%live, "the broken edit was taken back"),
        Change::Beside(shadowing) => beside(shadowing),
    }
}

fn problem(problem: &Problem) {
    let Problem { code, severity, place, message, hint } = problem;
    let (file, line, column, hint) = (&*place.file, place.line, place.column, hint.as_deref().unwrap_or(""));
    match severity {
        Severity::Error => tracing::error!(code, file, line, column, hint, "{message}"),
        Severity::Warning => tracing::warn!(code, file, line, column, hint, "{message}"),
    }
}

fn beside(change: &Shadowing) {
    match change {
        Shadowing::Started { origin, live, candidate, changes } => tracing::info!(
            origin = origin.as_str(), %live, %candidate,
            added = changes.added.len(), removed = changes.removed.len(), changed = changes.changed.len(),
            "policies are looked at beside the enforced ones"
        ),
        Shadowing::Refused { live, problems } => {
            tracing::error!(%live, problems = problems.len(), "the candidate is broken, and is not looked at; what is enforced stays");
            problems.iter().for_each(problem);
        }
        Shadowing::Withdrawn => tracing::info!("the broken candidate was taken away"),
        Shadowing::Ended { origin, candidate } => {
            tracing::info!(origin = origin.as_str(), %candidate, "policies are no longer looked at beside the enforced ones");
        }
    }
}
