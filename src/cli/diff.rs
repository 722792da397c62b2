//! `palisade diff OLD NEW`: what differs in the text of policies, and what differs in effect over many requests.
//!
//! Never: decides in a way of its own, or calls two configurations equal; it says over how many requests they are.

use std::io::BufRead as _;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use crate::compare::Change;
use crate::compare::Effects;
use crate::compare::Generator;
use crate::compare::Plan;
use crate::compare::Recorded;
use crate::compare::effect::Outcome;
use crate::compare::text;
use crate::limits;
use crate::snapshot::Role;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::check::Ready;
use super::formats;
use super::progress::Progress;

pub(super) mod report;

pub(super) const AFTER: &str = "\
OLD and NEW are each a configuration, a folder with a `palisade.yaml`, or a folder of policies: then everything else
is as `--config` says.

Examples:
  palisade diff ../main/policies policies
  palisade diff /etc/palisade/palisade.yaml draft/palisade.yaml --log decisions.jsonl
  palisade diff policies draft --fail-on widening    end with 5 when anything new is allowed or shown
  palisade diff policies draft -o json

Requests are made of the roles, groups, tenants, DataKeys, purposes and times that the policies name, on every kind of
route: those about what changed first, then others. Where there are more than `--requests`, some are, spread evenly.

Exit codes: 0; 3 when one of the two is invalid; with --fail-on 5.";

/// What `diff` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The older configuration or folder of policies.
    old: PathBuf,
    /// The newer one.
    new: PathBuf,
    /// Put the requests of a decision log to both as well.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How many requests are made.
    #[arg(long, value_name = "NUMBER", default_value_t = limits::COMPARE_REQUESTS, value_parser = requests)]
    requests: usize,
    /// The time of the requests that are made (RFC 3339). Default: now.
    #[arg(long, value_name = "TIME")]
    now: Option<jiff::Timestamp>,
    /// End with 5: on `widening` when anything is newly allowed or shown, on `flips` when anything is otherwise.
    #[arg(long, value_enum, value_name = "WHAT")]
    fail_on: Option<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Any decision, or any class of data, that is not as it was.
    Flips,
    /// Anything newly allowed or newly shown.
    Widening,
}

fn requests(text: &str) -> Result<usize, String> {
    let most = limits::COMPARE_REQUESTS_MAX;
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("write a number up to {most}"))
}

/// One step of the requests that were made.
struct Step {
    what: &'static str,
    asked: u64,
    of: Generator,
}

/// All that differs.
struct Found {
    changes: Vec<Change>,
    /// Files other than policies that are not the same.
    other_files: Vec<String>,
    steps: Vec<Step>,
    generated: Effects,
    recorded: Option<(Recorded, Effects)>,
    /// The folders of policies, for shorter names.
    folders: [PathBuf; 2],
}

impl Found {
    fn folders(&self) -> [&Path; 2] {
        self.folders.each_ref().map(PathBuf::as_path)
    }
}

pub(super) fn diff(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let mut sides = Vec::new();
    for path in [&arguments.old, &arguments.new] {
        let at = match side(global, path) {
            Ok(at) => at,
            Err(why) => {
                out.error(&why);
                return Ok(Exit::Usage);
            }
        };
        match check::ready(&at, world, out) {
            Some(ready) => sides.push(ready),
            None => {
                out.error(&format!("`{}` is invalid", path.display()));
                return Ok(Exit::Invalid);
            }
        }
    }
    let [old, new] = &*sides else { return Err("two are compared".to_owned()) };
    let found = compare(old, new, arguments)?;
    if global.output.is_json() {
        out.raw(formats::pretty(&report::json(&found)).as_bytes());
    } else {
        report::pretty(&found, out);
    }
    Ok(exit(&found, arguments.fail_on))
}

/// What to load for one side.
pub(super) fn side(global: &Global, path: &Path) -> Result<Global, String> {
    let mut at = global.clone();
    let config = path.join("palisade.yaml");
    if config.is_file() {
        at.config = config;
    } else if path.is_dir() {
        let folder = std::path::absolute(path).map_err(|error| error.to_string())?;
        // JSON is YAML, whatever stands in the name.
        let folder = serde_json::Value::from(folder.to_string_lossy());
        at.set.push(format!("policies.directory={folder}"));
    } else if path.is_file() && path.extension().is_none_or(|ending| ending != "cedar") {
        path.clone_into(&mut at.config);
    } else {
        return Err(format!("`{}` is neither a configuration nor a folder of policies", path.display()));
    }
    Ok(at)
}

fn compare(old: &Ready, new: &Ready, arguments: &Arguments) -> Result<Found, String> {
    let snapshots = [old.checked.snapshot(), new.checked.snapshot()];
    let sources = snapshots.map(|snapshot| snapshot.sources().policies());
    let [before, after] = &sources;
    let changes = text::changes(before, after);
    let now_ms =
        arguments.now.map_or_else(check::now_ms, |now| u64::try_from(now.as_millisecond()).unwrap_or(0));
    let changed = changes.iter().map(|change| change.id().to_owned()).collect();
    let plan = Plan::new(snapshots, &changed, now_ms, arguments.requests);
    let mut generated = Effects::default();
    let mut progress = Progress::new("asked", plan.len_max());
    let mut asked = vec![0_u64; plan.steps.len()];
    for (step, question) in plan.questions() {
        generated.ask(snapshots, &question);
        asked.iter_mut().skip(step).take(1).for_each(|count| *count += 1);
        progress.step();
    }
    drop(progress);
    Ok(Found {
        changes,
        other_files: other_files(snapshots),
        steps: plan
            .steps
            .into_iter()
            .zip(asked)
            .map(|((what, of), asked)| Step { what, asked, of })
            .collect(),
        generated,
        recorded: arguments.log.as_deref().map(|log| recorded(snapshots, log)).transpose()?,
        folders: [&old.config, &new.config].map(|config| config.files.policies.clone().unwrap_or_default()),
    })
}

/// Puts the requests of a decision log to both.
fn recorded(snapshots: [&Snapshot; 2], log: &Path) -> Result<(Recorded, Effects), String> {
    let failed = |error: std::io::Error| format!("`{}` cannot be read: {error}", log.display());
    let file = std::fs::File::open(log).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut lines = std::io::BufReader::new(file);
    let (mut recorded, mut effects) = (Recorded::default(), Effects::default());
    let mut progress = Progress::new("read", usize::try_from(size >> 10).unwrap_or(usize::MAX));
    let mut bytes = 0_usize;
    let mut line = Vec::new();
    for _ in 0..limits::COMPARE_REQUESTS_MAX {
        line.clear();
        let most = u64::try_from(limits::RECORD_BYTES_MAX).unwrap_or(u64::MAX);
        let read = lines.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            break;
        }
        bytes += read;
        while bytes >= 1 << 10 {
            bytes -= 1 << 10;
            progress.step();
        }
        let Some(asked) = recorded.read(&String::from_utf8_lossy(&line)) else { continue };
        let [old, new] = snapshots.map(|snapshot| Outcome::of(snapshot, &asked.question));
        recorded.otherwise += u64::from(old.allowed != asked.allowed);
        effects.take(&asked.question, &old, &new);
    }
    Ok((recorded, effects))
}

/// Files other than policies that only one has, or that are not the same. What a secret is is not told.
fn other_files(snapshots: [&Snapshot; 2]) -> Vec<String> {
    let [old, new] = snapshots.map(|snapshot| {
        let files = snapshot.sources().files().iter();
        let files =
            files.filter(|file| !matches!(file.role, Role::Policies { .. }) && !file.role.is_secret());
        files.map(|file| (file.role.clone(), &*file.name, &*file.text)).collect::<Vec<_>>()
    });
    let differs =
        old.iter().filter(|file| !new.contains(file)).chain(new.iter().filter(|file| !old.contains(file)));
    let mut names: Vec<String> = differs.map(|(_, name, _)| (*name).to_owned()).collect();
    if snapshots.map(|snapshot| &snapshot.settings().text).windows(2).any(|pair| pair.first() != pair.last())
    {
        names.push("palisade.yaml".to_owned());
    }
    names.sort();
    names.dedup();
    names
}

fn exit(found: &Found, fail_on: Option<FailOn>) -> Exit {
    let recorded = found.recorded.as_ref().map(|(_, effects)| effects);
    let mut all = std::iter::once(&found.generated).chain(recorded);
    let fails = match fail_on {
        None => false,
        Some(FailOn::Flips) => all.any(Effects::is_other),
        Some(FailOn::Widening) => all.any(Effects::is_wider),
    };
    if fails { Exit::Threshold } else { Exit::Ok }
}
