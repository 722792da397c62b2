//! `palisade replay`: past decisions made again, from the directory of a decision log.
//!
//! Without a candidate each is put to the snapshot of its day, which is kept with the log, and must come out as it was
//! recorded. With one, what the candidate says stands against what was recorded.
//! Never: decides in a way of its own, or counts a decision that it could not make again as one that agrees.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::compare::Asked;
use crate::compare::Effects;
use crate::compare::Recorded;
use crate::compare::effect::Outcome;
use crate::disk;
use crate::disk::Snapshots;
use crate::evidence;
use crate::evidence::Folder;
use crate::evidence::Left;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::diff;
use super::formats;
use super::loaded;
use super::progress::Progress;
use super::times;

mod days;
mod report;

use days::Days;

pub(super) const AFTER: &str = "\
Examples:
  palisade replay                                   do the decisions of the log come out as they were made?
  palisade replay --since 24h --candidate draft     what would the policies in draft/ have done since yesterday?
  palisade replay --candidate draft --fail-on flips -o json
  palisade replay --log /var/log/palisade --tenant acme

A candidate is a configuration, a folder with a `palisade.yaml`, or a folder of policies: then everything else is as
`--config` says. What a record does not hold (credentials, bodies) is not judged again: such decisions are counted apart.

Exit codes: 0; 1 the log cannot be read; 3 the candidate is invalid; 5 with --fail-on flips when any decision, or any class of
data, would be another; 6 a decision does not come out as it
was recorded, or records are missing (`palisade audit verify` names them).";

/// What `replay` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The directory of the log. Default: `decision_log.dir` of the configuration.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// What to hold past decisions against, in place of the snapshots of their days.
    #[arg(long, value_name = "PATH")]
    candidate: Option<PathBuf>,
    /// Only decisions from then on: `24h` ago, a day in UTC (`2026-11-22`), or a moment (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only decisions before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only decisions about this tenant's data, or of its callers.
    #[arg(short, long, value_name = "TENANT")]
    tenant: Option<String>,
    /// End with 5 when anything would be otherwise.
    #[arg(long, value_enum, value_name = "WHAT", requires = "candidate")]
    fail_on: Option<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Any decision, or any class of data, that is not as it was.
    Flips,
}

/// What came of it.
#[derive(Debug, Default)]
struct Found {
    recorded: Recorded,
    /// Decisions that are not of the time or tenant that is asked for.
    passed: u64,
    effects: Effects,
    /// Those that could not be made again for want of their snapshot, by why.
    unkept: BTreeMap<String, u64>,
    /// Records that the log should have and that cannot be read: nothing is said of what they decided.
    missing: u64,
}

pub(super) fn replay(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let span = match span(arguments) {
        Ok(span) => span,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    let candidate = match &arguments.candidate {
        None => None,
        Some(path) => {
            let at = match diff::side(global, path) {
                Ok(at) => at,
                Err(why) => {
                    out.error(&why);
                    return Ok(Exit::Usage);
                }
            };
            let Some(ready) = check::ready(&at, world, out) else {
                out.error(&format!("`{}` is invalid", path.display()));
                return Ok(Exit::Invalid);
            };
            Some(ready)
        }
    };
    let log = match arguments.log.clone().map_or_else(|| loaded::log_dir(global, world), Ok) {
        Ok(log) => log,
        Err((exit, why)) => {
            out.error(&why);
            return Ok(exit);
        }
    };
    let candidate = candidate.as_ref().map(|ready| ready.checked.snapshot());
    let found = found(&log, arguments, span, candidate)?;
    if global.output.is_json() {
        out.raw(formats::pretty(&report::json(&found)).as_bytes());
    } else {
        report::pretty(&found, candidate.is_some(), out);
    }
    Ok(match (candidate, arguments.fail_on) {
        (None, _) if found.effects.is_other() || found.missing > 0 => Exit::Audit,
        (Some(_), Some(FailOn::Flips)) if found.effects.is_other() => Exit::Threshold,
        (None | Some(_), _) => Exit::Ok,
    })
}

fn span(arguments: &Arguments) -> Result<std::ops::Range<u64>, String> {
    let now = check::now_ms();
    let moment = |text: &Option<String>| text.as_deref().map(|text| times::moment(text, now)).transpose();
    Ok(moment(&arguments.since)?.unwrap_or(0)..moment(&arguments.until)?.unwrap_or(u64::MAX))
}

fn found(
    log: &std::path::Path,
    arguments: &Arguments,
    span: std::ops::Range<u64>,
    candidate: Option<&Snapshot>,
) -> Result<Found, String> {
    let folder = Folder::open(log).map_err(|why| why.to_string())?;
    let (mut found, mut days) = (Found::default(), Days::of(Snapshots::of(log)));
    found.recorded.names = disk::names(log).map_err(|why| why.to_string())?;
    let size = evidence::newest(&folder).map_or(0, |(_, head)| head.size);
    let mut progress = Progress::new("replayed", usize::try_from(size).unwrap_or(usize::MAX));
    let mut next = None;
    evidence::all(&folder, 0..u64::MAX, &mut |left| {
        // What was pruned stands before the first, or is left without what it said.
        found.missing += left.seq().saturating_sub(next.unwrap_or(left.seq()));
        next = Some(left.seq().saturating_add(1));
        let Left::Record(entry, record) = left else { return true };
        progress.at(usize::try_from(entry.seq).unwrap_or(usize::MAX));
        if !span.contains(&entry.time_ms) {
            return true;
        }
        let Some(asked) = found.recorded.take(&entry, record) else { return true };
        if arguments.tenant.as_deref().is_some_and(|tenant| !is_of(&asked, tenant)) {
            found.passed += 1;
            return true;
        }
        let made = match candidate {
            Some(candidate) => Ok(Outcome::of(candidate, &asked.question)),
            None => days.outcome(&asked),
        };
        match made {
            Ok(made) => found.effects.take(&asked.question, &asked.outcome, &made),
            Err(why) => *found.unkept.entry(why).or_default() += 1,
        }
        true
    })
    .map_err(|why| why.to_string())?;
    found.missing += size.saturating_sub(next.unwrap_or(0));
    Ok(found)
}

/// Is it about this tenant's data, or was it one of its own who called?
fn is_of(asked: &Asked, tenant: &str) -> bool {
    let caller = asked.question.principal.as_ref().and_then(|principal| principal.tenant.as_ref());
    [caller, asked.question.target.as_ref()].into_iter().flatten().any(|of| of.as_str() == tenant)
}
