//! `palisade-audit prune`: what is past its time goes, from the log and from its archive.
//!
//! Never: takes anything away without --yes, or before it is on record and signed.

use std::path::PathBuf;

use serde_json::json;

use crate::archive;
use crate::archive::Cut;
use crate::audit::keeping::Act;
use crate::audit::keeping::Fate;
use crate::audit::keeping::Order;
use crate::audit::keeping::Pruned;
use crate::audit::keeping::number_leaf;
use crate::audit::tree::Frontier;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::now_ms;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::printable;
use crate::cli::progress::Progress;
use crate::disk;
use crate::evidence;
use crate::evidence::Folder;
use crate::ids::Digest;
use crate::keeping;
use crate::keeping::NotPruned;
use crate::keeping::Plan;
use crate::keeping::Rules;

use super::Global;
use super::Refused;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit prune                         what would go, and what a hold keeps
  palisade-audit prune --yes                   it goes; run this by a timer
  palisade-audit prune --set decision_log.retention.default=365d

`decision_log.retention` says how long records are kept: by data class, else by the tenant in whose book they stand, else by default.
A segment whose records are all past their time goes whole. Within the others a record's bytes go and its hash stays, so that every
proof of the others holds. It is on record before it is done, in the log itself; while a sidecar writes to the log, that puts it there.
Of what the log was sent on to (`decision_log.ship`), of lines and of copies nothing goes.

Exit codes: 0; 1 the log or the archive cannot be read or written; 2 usage; 3 the configuration is invalid; 6 a segment is damaged.";

/// What `prune` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Take it away. Without this nothing is changed.
    #[arg(long)]
    yes: bool,
    /// The archive. Default: `archive` in the log's directory.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

pub(super) fn prune(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let store = global.store(world)?;
    if !store.retention.is_any() {
        return Err(Refused::usage("nothing says how long records are kept: set `decision_log.retention`"));
    }
    let folder = Folder::open(&store.dir).map_err(Refused::internal)?;
    let place = arguments.archive.clone().unwrap_or_else(|| store.dir.join("archive"));
    let holds = keeping::holds(&folder).map_err(Refused::internal)?;
    let rules = Rules { retention: store.retention.clone(), holds, now_ms: now_ms(), person: None };
    let size = evidence::newest(&folder).map_or(0, |(_, head)| head.size);
    let mut progress = Progress::new("looked at", usize::try_from(size).unwrap_or(usize::MAX));
    let mut tell = |records: u64| progress.at(usize::try_from(records).unwrap_or(usize::MAX));
    let plan = keeping::plan(&folder, &rules, &mut tell);
    drop(progress);
    let plan = plan.map_err(refused)?;
    let mut due = |record: &[u8]| rules.fate(record).ok().map(|fate| fate == Fate::Due);
    let rows =
        archive::cuts(&place, folder.log_id(), before_us(&rules), &mut due).map_err(Refused::internal)?;
    let goes = !plan.is_empty() || !rows.is_empty();
    if arguments.yes && goes {
        let mut acts = plan.acts(&rules.holds, "retention");
        acts.extend(of_archive(&rows));
        disk::act(&store, &Order { acts }).map_err(Refused::internal)?;
        keeping::apply(&folder, &plan, &rules).map_err(refused)?;
        if !rows.is_empty() {
            archive::cut(&place, folder.log_id(), &rows, &mut due).map_err(Refused::internal)?;
        }
    }
    told(global, arguments.yes && goes, (&plan, &rows, &rules), out);
    Ok(Exit::Ok)
}

pub(super) fn refused(why: NotPruned) -> Refused {
    let exit = match why {
        NotPruned::Damaged(_) => Exit::Audit,
        NotPruned::Unreadable(_) | NotPruned::File(..) => Exit::Internal,
    };
    Refused(exit, why.to_string())
}

/// No row that is younger is past its time, in microseconds.
fn before_us(rules: &Rules) -> i64 {
    let shortest = rules.retention.shortest_ms().unwrap_or(u64::MAX);
    i64::try_from(rules.now_ms.saturating_sub(shortest)).unwrap_or(i64::MAX).saturating_mul(1_000)
}

/// What is put on record of the rows that go from the archive.
pub(super) fn of_archive(cuts: &[Cut]) -> Option<Act> {
    let mut numbers: Vec<u64> = cuts.iter().flat_map(|cut| cut.numbers.iter().copied()).collect();
    numbers.sort_unstable();
    let (first, last) = (*numbers.first()?, *numbers.last()?);
    let mut gone = Frontier::new();
    for number in &numbers {
        gone.append(number_leaf(*number));
    }
    let (count, gone) = (Some(gone.size()), Some(Digest::from_bytes(gone.root()).to_string()));
    Some(Act::Prune(Pruned { first, last, reason: "archive".to_owned(), count, gone }))
}

fn told(global: &Global, done: bool, (plan, rows, rules): (&Plan, &[Cut], &Rules), out: &mut Out) {
    let of_archive: usize = rows.iter().map(|cut| cut.numbers.len()).sum();
    if global.is_json() {
        let told = json!({
            "done": done,
            "records": plan.records(),
            "segments": plan.whole.len(),
            "before": plan.boundary,
            "within": plan.within.len(),
            "books": plan.books,
            "archive": { "rows": of_archive, "files": rows.len() },
            "held": plan.held,
        });
        return out.raw(formats::pretty(&told).as_bytes());
    }
    let went = if done { "went" } else { "would go" };
    out.line(&format!("{} {went}", paint(BOLD, format!("{} records", plan.records()))));
    if !plan.whole.is_empty() {
        let line = format!("{} segments whole: all before record {}", plan.whole.len(), plan.boundary);
        out.line(&format!("  {line}"));
    }
    if !plan.within.is_empty() {
        out.line(&format!("  within {} segments, whose hashes of them stay", plan.within.len()));
    }
    out.line(&format!("  and {of_archive} rows of {} files of the archive", rows.len()));
    for (book, records) in &plan.books {
        let book = if book.is_empty() { "(no tenant)" } else { book };
        out.line(&format!("  {} {records}", paint(DIM, format!("{:<32}", printable(book)))));
    }
    for (name, records) in &plan.held {
        let reason = rules.holds.get(name).map_or("", |hold| &hold.reason);
        let line = format!("{records} more are held by `{}`: {}", printable(name), printable(reason));
        out.line(&format!("  {}", paint(WARN, line)));
    }
    if !done && plan.records() + of_archive as u64 > 0 {
        out.line("nothing was changed: add --yes");
    }
}
