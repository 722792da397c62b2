//! Turns what Cedar says about a text into [`Problem`]s: its message, the place of its label, its help as the hint.
//!
//! Never: decides how bad something is; the caller knows.

use std::sync::Arc;

use cedar_policy_core::parser::Loc;
use miette::Diagnostic;

use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Source;

/// One of Cedar's diagnostics about `source`, with `within` where it has no place of its own.
pub(super) fn from_cedar(
    code: &'static str,
    severity: Severity,
    source: &Source,
    within: Option<&Loc>,
    said: &dyn Diagnostic,
) -> Problem {
    let mut labels: Vec<_> = said.labels().into_iter().flatten().collect();
    labels.sort_by_key(|label| !label.primary());
    let place = match labels.first() {
        Some(label) => place(source, label.offset(), label.len()),
        None => within.map_or_else(|| Place::file(source.file.clone()), |loc| at(source, loc)),
    };
    let mut message = one_line(&said.to_string());
    let mut causes = std::iter::successors(std::error::Error::source(said), |error| error.source());
    // Cedar repeats a transparent error as its own cause; only what adds something is shown.
    if let Some(cause) =
        causes.by_ref().map(|cause| one_line(&cause.to_string())).find(|c| !message.contains(c))
    {
        message = format!("{message}: {cause}");
    }
    let label = labels.first().and_then(|label| label.label()).map(str::to_owned);
    let hint = match (said.help().map(|help| help.to_string()), label) {
        (Some(help), Some(label)) => Some(format!("{label}; {help}")),
        (help, label) => help.or(label),
    };
    Problem { code, severity, place, message, hint: hint.map(|hint| one_line(&hint)) }
}

/// A span of `source`.
pub(super) fn place(source: &Source, offset: usize, length: usize) -> Place {
    Place::span(Arc::clone(&source.file), &source.text, offset, length)
}

/// The place that Cedar noted for a piece of `source`.
pub(super) fn at(source: &Source, loc: &Loc) -> Place {
    place(source, loc.start(), loc.end().saturating_sub(loc.start()))
}

/// The first line that `loc` covers: a whole policy is better pointed at by its head.
pub(super) fn place_of(source: &Source, loc: Option<&Loc>) -> Place {
    loc.map_or_else(|| Place::file(source.file.clone()), |loc| at(source, loc))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
