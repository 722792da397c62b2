//! `palisade check`: the config and every file that it names, every problem at once.
//!
//! Never: starts anything, or changes a file.

use serde_json::Value as Json;
use serde_json::json;

use crate::config::Config;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::reload;
use crate::reload::Reading;
use crate::snapshot::Checked;
use crate::snapshot::Snapshot;
use crate::snapshot::Sources;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::World;
use super::formats;
use super::load;
use super::report;

pub(super) const AFTER: &str = "\
Examples:
  palisade check
  palisade check -c etc/palisade.yaml -o json
  palisade check -o sarif > palisade.sarif    for a code scanner
  palisade check -o github                    annotations in GitHub Actions

Exit codes: 0 when there is no error (warnings are shown), 3 otherwise.";

pub(super) fn check(global: &Global, world: &World<'_>, out: &mut Out) -> Exit {
    let loaded = load(global, world);
    let mut found = Json::Null;
    let mut line = String::new();
    let mut sources = None;
    let problems = match loaded.config {
        Err(problems) => problems,
        Ok((config, mut problems)) => {
            let (reading, checked) = reload::first(&config.files, &config.settings);
            sources = Some(reading.sources);
            match checked {
                Ok(checked) => {
                    found = counts(checked.snapshot());
                    line = sentence(checked.snapshot());
                    problems.extend_from_slice(checked.warnings());
                }
                Err(more) => problems.extend(more),
            }
            problems
        }
    };
    print(global, &problems, &loaded.text, sources.as_ref(), &found, out);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Exit::Invalid;
    }
    if global.output == Output::Pretty {
        out.line(&line);
    }
    Exit::Ok
}

fn print(
    global: &Global,
    problems: &[Problem],
    config: &str,
    sources: Option<&Sources>,
    found: &Json,
    out: &mut Out,
) {
    match global.output {
        Output::Json => out.raw(formats::json(problems, found).as_bytes()),
        Output::Sarif => out.raw(formats::sarif(problems).as_bytes()),
        Output::Github => out.raw(formats::github(problems).as_bytes()),
        Output::Pretty => pretty(global, problems, config, sources, |text| out.line(text)),
    }
}

/// Everything that a verb needs to decide as serving does.
pub(super) struct Ready {
    pub(super) config: Config,
    pub(super) warnings: Vec<Problem>,
    pub(super) reading: Reading,
    pub(super) checked: Checked,
}

/// Loads the config and its first snapshot; where that cannot be, says on standard error why not.
pub(super) fn ready(global: &Global, world: &World<'_>, out: &mut Out) -> Option<Ready> {
    let loaded = load(global, world);
    let (config, warnings) = match loaded.config {
        Ok(read) => read,
        Err(problems) => {
            pretty(global, &problems, &loaded.text, None, |text| out.aside(text));
            return None;
        }
    };
    let (reading, checked) = reload::first(&config.files, &config.settings);
    match checked {
        Ok(checked) => Some(Ready { config, warnings, reading, checked }),
        Err(problems) => {
            pretty(global, &problems, &loaded.text, Some(&reading.sources), |text| out.aside(text));
            None
        }
    }
}

/// Prints problems for people; `run` and `eval` use it too.
pub(super) fn pretty(
    global: &Global,
    problems: &[Problem],
    config: &str,
    sources: Option<&Sources>,
    mut print: impl FnMut(&str),
) {
    let name = global.config.to_string_lossy();
    let text = |file: &str| {
        if *file == *name {
            Some(config.to_owned())
        } else {
            sources.and_then(|sources| sources.text(file)).map(str::to_owned)
        }
    };
    for problem in problems {
        print(&report::problem(problem, &text));
    }
    if !problems.is_empty() {
        print(&report::summary(problems));
    }
}

fn counts(snapshot: &Snapshot) -> Json {
    json!({
        "digest": snapshot.digest().to_string(),
        "policies": snapshot.policies().len(),
        "tenants": snapshot.model().tenants.len(),
        "classes": snapshot.model().classes.len(),
        "routes": snapshot.model().routes.len(),
    })
}

fn sentence(snapshot: &Snapshot) -> String {
    let model = snapshot.model();
    let counts = [
        (snapshot.policies().len(), "policy", "policies"),
        (model.tenants.len(), "tenant", "tenants"),
        (model.classes.len(), "data class", "data classes"),
        (model.routes.len(), "route", "routes"),
    ];
    let counts = counts.map(|(n, one, many)| format!("{n} {}", if n == 1 { one } else { many }));
    let ok = super::out::paint(super::out::GOOD, "ok");
    format!("{ok}: {}; snapshot {}", counts.join(", "), snapshot.digest())
}
