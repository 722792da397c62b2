//! `palisade check`: the config and every file that it names, every problem at once.
//!
//! Never: starts anything, or changes a file.

use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::json;

use crate::cases;
use crate::cases::TestFile;
use crate::config::Config;
use crate::config::Files;
use crate::door;
use crate::model::Model;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::reload;
use crate::reload::Reading;
use crate::reload::Unsaved;
use crate::snapshot::Checked;
use crate::snapshot::Settings;
use crate::snapshot::Snapshot;
use crate::snapshot::Sources;

use super::Exit;
use super::Global;
use super::Loaded;
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

/// Everything that stands in the files, and everything that is wrong with it.
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    /// The text of the configuration.
    pub(super) text: String,
    pub(super) config: Option<Config>,
    pub(super) sources: Option<Sources>,
    pub(super) tests: Vec<TestFile>,
    /// How many tests there are in those files.
    pub(super) count: usize,
    pub(super) checked: Option<Checked>,
    /// What of the model is sound, where not everything is.
    pub(super) model: Option<Model>,
}

/// Finds every problem of the configuration and of all files that it names.
pub(super) fn find(loaded: Loaded) -> Found {
    find_by(loaded, &Unsaved::new(), reload::first)
}

/// The same, of what stands in an editor where that is not saved yet, at the cost of what changed since the snapshot
/// before. A bundle is not asked for.
pub(super) fn find_with(loaded: Loaded, unsaved: &Unsaved, before: Option<&Snapshot>) -> Found {
    find_by(loaded, unsaved, |files, settings| {
        let reading = reload::read_with(files, unsaved);
        let checked = reload::checked_after(before, &reading, settings);
        (reading, checked)
    })
}

fn find_by(
    loaded: Loaded,
    unsaved: &Unsaved,
    first: impl FnOnce(&Files, &Arc<Settings>) -> (Reading, Result<Checked, Vec<Problem>>),
) -> Found {
    let (config, problems) = match loaded.config {
        Ok((config, problems)) => (Some(config), problems),
        Err(problems) => (None, problems),
    };
    let (sources, tests, text) = (None, Vec::new(), loaded.text);
    let mut found = Found { problems, text, config, sources, tests, count: 0, checked: None, model: None };
    let Some(config) = &found.config else { return found };
    let (reading, checked) = first(&config.files, &config.settings);
    let of_door = of_door(config);
    let (tests, mut more) = reload::read_tests_with(&config.files, &[], unsaved);
    match checked {
        Ok(checked) => {
            let snapshot = checked.snapshot();
            let (model, policies) = (snapshot.model(), snapshot.policies());
            (found.count, more) = with(more, cases::check(&tests, Some(model), Some(policies), now_ms()));
            more.extend_from_slice(checked.warnings());
            found.checked = Some(checked);
        }
        Err(of_snapshot) => {
            found.model = reload::model(&reading, &config.settings);
            (found.count, more) = with(more, cases::check(&tests, found.model.as_ref(), None, now_ms()));
            more.extend(of_snapshot);
        }
    }
    more.extend(of_door);
    more.sort_by(|a, b| a.place.cmp(&b.place));
    more.dedup();
    found.problems.extend(more);
    (found.sources, found.tests) = (Some(reading.sources), tests);
    found
}

/// What is wrong with the certificates of the listeners.
fn of_door(config: &Config) -> Vec<Problem> {
    let tls = config.listen.tls.as_ref();
    tls.map_or_else(Vec::new, |tls| door::check(&tls.settings, now_ms() / 1_000))
}

impl Found {
    /// Is there an error among what is wrong?
    pub(super) fn is_bad(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    pub(super) fn texts(&self) -> Texts<'_> {
        Texts { config: &self.text, sources: self.sources.as_ref(), tests: &self.tests }
    }
}

pub(super) fn check(global: &Global, world: &World<'_>, out: &mut Out) -> Exit {
    let found = find(load(global, world));
    let snapshot = found.checked.as_ref().map(Checked::snapshot);
    let counted = snapshot.map_or(Json::Null, |snapshot| counts(snapshot, found.count));
    print(global, &found.problems, &found.texts(), &counted, out);
    if found.is_bad() {
        return Exit::Invalid;
    }
    if global.output == Output::Pretty {
        out.line(&snapshot.map_or_else(String::new, |snapshot| sentence(snapshot, found.count)));
    }
    Exit::Ok
}

/// The problems so far and those of the tests; how many tests there are comes first.
fn with(mut problems: Vec<Problem>, checked: (usize, Vec<Problem>)) -> (usize, Vec<Problem>) {
    problems.extend(checked.1);
    (checked.0, problems)
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// The texts that problems point into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) config: &'a str,
    pub(super) sources: Option<&'a Sources>,
    pub(super) tests: &'a [TestFile],
}

pub(super) fn print(global: &Global, problems: &[Problem], texts: &Texts<'_>, found: &Json, out: &mut Out) {
    match global.output {
        Output::Json => out.raw(formats::json(problems, found).as_bytes()),
        Output::Sarif => out.raw(formats::sarif(problems, &|_| None).as_bytes()),
        Output::Github => out.raw(formats::github(problems).as_bytes()),
        Output::Pretty | Output::Yaml | Output::Junit | Output::Mermaid | Output::Dot | Output::Svg => {
            pretty_in(global, problems, texts, |text| out.line(text))
        }
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
    ready_of(global, load(global, world), out)
}

/// The same of a config that was read already.
pub(super) fn ready_of(global: &Global, loaded: Loaded, out: &mut Out) -> Option<Ready> {
    let (config, warnings) = match loaded.config {
        Ok(read) => read,
        Err(problems) => {
            pretty(global, &problems, &loaded.text, None, |text| out.aside(text));
            return None;
        }
    };
    let (of_door, mut warnings) = (of_door(&config), warnings);
    if of_door.iter().any(|problem| problem.severity == Severity::Error) {
        pretty(global, &of_door, &loaded.text, None, |text| out.aside(text));
        return None;
    }
    warnings.extend(of_door);
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
    print: impl FnMut(&str),
) {
    pretty_in(global, problems, &Texts { config, sources, tests: &[] }, print);
}

/// The same, where test files are among those that problems point into.
pub(super) fn pretty_in(
    global: &Global,
    problems: &[Problem],
    texts: &Texts<'_>,
    mut print: impl FnMut(&str),
) {
    let name = global.config.to_string_lossy();
    let text = |file: &str| {
        if *file == *name {
            return Some(texts.config.to_owned());
        }
        let test = || texts.tests.iter().find(|test| *test.file == *file).map(|test| &*test.text);
        texts.sources.and_then(|sources| sources.text(file)).or_else(test).map(str::to_owned)
    };
    for problem in problems {
        print(&report::problem(problem, &text));
    }
    if !problems.is_empty() {
        print(&report::summary(problems));
    }
}

fn counts(snapshot: &Snapshot, tests: usize) -> Json {
    json!({
        "digest": snapshot.digest().to_string(),
        "policies": snapshot.policies().len(),
        "tenants": snapshot.model().tenants.len(),
        "classes": snapshot.model().classes.len(),
        "routes": snapshot.model().routes.len(),
        "tests": tests,
    })
}

fn sentence(snapshot: &Snapshot, tests: usize) -> String {
    let model = snapshot.model();
    let counts = [
        (snapshot.policies().len(), "policy", "policies"),
        (model.tenants.len(), "tenant", "tenants"),
        (model.classes.len(), "data class", "data classes"),
        (model.routes.len(), "route", "routes"),
        (tests, "test", "tests"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(n, _, many)| *n > 0 || *many != "tests")
        .map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }))
        .collect();
    let ok = super::out::paint(super::out::GOOD, "ok");
    format!("{ok}: {}; snapshot {}", counts.join(", "), snapshot.digest())
}
