//! `palisade test`: runs the tests that stand beside the policies against the files as they are.
//!
//! Never: starts anything, changes a file, or decides in a way of its own; each question takes the way of `eval`.

use std::path::PathBuf;

use crate::cases::Case;
use crate::cases::Cases;
use crate::cases::Coverage;
use crate::cases::Ran;
use crate::cases::TestFile;
use crate::cases::Worlds;
use crate::config::Config;
use crate::problem::Problem;
use crate::reload;
use crate::reload::Follow;
use crate::reload::Reading;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::World;
use super::check;
use super::check::Texts;
use super::formats;
use super::load;
use super::out::DIM;
use super::out::paint;

mod mutants;
mod show;

use mutants::Mutants;

pub(super) const AFTER: &str = "\
Examples:
  palisade test                                       all *_test.yaml and *_test.json beside the policies
  palisade test policies/roles_test.yaml --filter clinician
  palisade test --watch                               again whenever a file changes
  palisade test -o junit > report.xml                 for a CI
  palisade test --coverage --threshold 90             what of the policies no test has tried
  palisade test --lcov coverage.info                  the same for editors and CI servers
  palisade test --mutate                              changes of the policies that no test notices

Exit codes: 0 when all passed; 4 when one failed or none was run; 5 below the threshold; 3 when the configuration or a
test file is invalid.";

/// What `test` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Test files, or folders of them. Default: those beside the policies.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run only tests with this in the name of the test or of its file.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Run again whenever a file changes, until interrupted.
    #[arg(long)]
    watch: bool,
    /// Tell which policies never applied, and which tests in their conditions were never true or never false.
    #[arg(long)]
    coverage: bool,
    /// Write that to a file too, in LCOV's format.
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Change each policy a little, one change at a time, and tell the changes that no test notices.
    #[arg(long)]
    mutate: bool,
    /// End with 5 when less was covered, or noticed, than this, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    threshold: Option<f64>,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').parse::<f64>().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "write a number from 0 to 100".into())
}

/// A part of a whole, in percent; all of nothing is all.
#[expect(clippy::cast_precision_loss, reason = "nobody reads the sixteenth digit")]
fn share((part, whole): (u64, u64)) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// Every test that was run.
struct Report {
    tests: Vec<(Case, Ran)>,
    snapshot: String,
    /// The policies in shadow mode, which decide no test.
    in_shadow: Vec<String>,
    coverage: Option<Coverage>,
    mutants: Option<Mutants>,
}

impl Report {
    fn failed(&self) -> usize {
        self.tests.iter().filter(|(_, ran)| !ran.failures.is_empty()).count()
    }

    /// Everything that a threshold is held against, by name.
    fn shares(&self) -> Vec<(&'static str, f64)> {
        let coverage = self.coverage.as_ref().map(|coverage| ("coverage", share(coverage.tried())));
        let mutants = self.mutants.as_ref().map(|mutants| ("noticed changes", share(mutants.noticed())));
        coverage.into_iter().chain(mutants).collect()
    }

    fn exit(&self, threshold: Option<f64>) -> Exit {
        let below = |(_, share): &(&str, f64)| threshold.is_some_and(|threshold| *share < threshold);
        if self.tests.is_empty() || self.failed() > 0 {
            Exit::TestsFailed
        } else if self.shares().iter().any(below) {
            Exit::Threshold
        } else {
            Exit::Ok
        }
    }
}

/// Everything that a run depends on, as it was at one moment.
struct Look {
    text: String,
    config: Result<(Config, Reading), Vec<Problem>>,
    tests: Vec<TestFile>,
    /// What could not be read of the tests.
    unread: Vec<Problem>,
}

impl Look {
    fn now(global: &Global, arguments: &Arguments, world: &World<'_>) -> Self {
        let loaded = load(global, world);
        let (mut tests, mut unread) = (Vec::new(), Vec::new());
        let config = loaded.config.map(|(config, _)| {
            let reading = reload::read(&config.files);
            (tests, unread) = reload::read_tests(&config.files, &arguments.paths);
            (config, reading)
        });
        Self { text: loaded.text, config, tests, unread }
    }

    fn is_as(&self, other: &Self) -> bool {
        let reading = match (&self.config, &other.config) {
            (Ok((_, one)), Ok((_, other))) => one.is_as(other),
            (Err(one), Err(other)) => one == other,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        reading && self.text == other.text && self.tests == other.tests && self.unread == other.unread
    }
}

pub(super) fn test(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    if arguments.threshold.is_some() && !arguments.coverage && arguments.lcov.is_none() && !arguments.mutate {
        out.error("`--threshold` needs `--coverage` or `--mutate` beside it");
        return Ok(Exit::Usage);
    }
    let mut look = Look::now(global, arguments, world);
    let exit = run(global, arguments, &look, out)?;
    if !arguments.watch {
        return Ok(exit);
    }
    let mut follow: Option<Follow> = None;
    loop {
        match &look.config {
            Ok((config, reading)) => follow.get_or_insert_with(|| Follow::new(&config.files)).wait(reading),
            Err(_) => std::thread::sleep(reload::FOLLOW_POLL),
        }
        let next = Look::now(global, arguments, world);
        if !next.is_as(&look) && !out.is_broken() {
            out.line("");
            run(global, arguments, &next, out)?;
        }
        look = next;
    }
}

/// Runs everything once and prints what came out.
fn run(global: &Global, arguments: &Arguments, look: &Look, out: &mut Out) -> Result<Exit, String> {
    let report = match report(arguments, look) {
        Ok(report) => report,
        Err(problems) => {
            let sources = look.config.as_ref().ok().map(|(_, reading)| &reading.sources);
            let texts = Texts { config: &look.text, sources, tests: &look.tests };
            check::pretty_in(global, &problems, &texts, |text| out.aside(text));
            return Ok(Exit::Invalid);
        }
    };
    if let (Some(path), Some(coverage)) = (&arguments.lcov, &report.coverage) {
        std::fs::write(path, coverage.lcov())
            .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
    }
    match global.output {
        Output::Json => out.raw(formats::pretty(&show::json(&report)).as_bytes()),
        Output::Junit => out.raw(show::junit(&report).as_bytes()),
        Output::Pretty
        | Output::Yaml
        | Output::Sarif
        | Output::Github
        | Output::Mermaid
        | Output::Dot
        | Output::Svg => {
            out.line(show::pretty(&report, arguments.threshold).trim_end());
            if arguments.watch {
                out.line(&paint(DIM, "waiting for an edit"));
            }
        }
    }
    Ok(report.exit(arguments.threshold))
}

/// Runs the tests, or says every problem that keeps them from being run.
fn report(arguments: &Arguments, look: &Look) -> Result<Report, Vec<Problem>> {
    let (config, reading) = look.config.as_ref().map_err(Clone::clone)?;
    let mut problems = look.unread.clone();
    let checked = reload::checked(reading, &config.settings);
    let mut all = Vec::new();
    for file in &look.tests {
        match Cases::parse(file, check::now_ms()) {
            Ok(cases) => all.push(cases),
            Err(more) => problems.extend(more),
        }
    }
    let checked = match checked {
        Ok(checked) => checked,
        Err(more) => {
            problems.extend(more);
            problems.dedup();
            return Err(problems);
        }
    };
    let snapshot = checked.snapshot();
    problems.extend(all.iter().flat_map(|cases| cases.check(snapshot.model(), Some(snapshot.policies()))));
    if !problems.is_empty() {
        return Err(problems);
    }
    let wanted = |case: &Case| {
        let filter = arguments.filter.as_deref().unwrap_or("");
        case.name.contains(filter) || case.place.file.contains(filter)
    };
    let cases: Vec<Case> = all.into_iter().flat_map(|cases| cases.all).filter(wanted).collect();
    Ok(tests(arguments, config, snapshot, cases))
}

fn tests(arguments: &Arguments, config: &Config, snapshot: &Snapshot, cases: Vec<Case>) -> Report {
    let wanted = arguments.coverage || arguments.lcov.is_some();
    let mut coverage = wanted.then(|| Coverage::new(snapshot.policies()));
    let mut worlds = Worlds::new(snapshot, &config.settings);
    let mut run = |case: &Case| {
        worlds.run(case, &mut |snapshot, facts, judgement| {
            if let Some(coverage) = &mut coverage {
                coverage.note(snapshot, facts, judgement);
            }
        })
    };
    let ran: Vec<Ran> = cases.iter().map(&mut run).collect();
    let passed = !ran.is_empty() && ran.iter().all(|ran| ran.failures.is_empty());
    let mutants = (arguments.mutate && passed).then(|| mutants::try_all(config, snapshot, &cases));
    let tests = cases.into_iter().zip(ran).collect();
    let in_shadow = snapshot.policies().shadow_ids().map(str::to_owned).collect();
    Report { tests, snapshot: snapshot.digest().to_string(), in_shadow, coverage, mutants }
}
