//! `palisade-audit tail`: the newest records, and those that come.
//!
//! Never: shows a record whose reading is not on record: that it began is, with what it asked for.

use std::time::Duration;

use crate::audit::entry;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::limits;
use crate::query;
use crate::query::Answer;
use crate::query::Filter;

use super::Global;
use super::Refused;
use super::asking;
use super::asking::Opened;
use super::asking::Scope;
use super::asking::Which;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit tail
  palisade-audit tail -f -t acme --deny
  palisade-audit tail -f --type event

Each record as the JSON line that the log wrote. Exit codes: as of `query`.";

/// How often it is looked for new records.
const PAUSE: Duration = Duration::from_millis(500);

/// What `tail` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    which: Which,
    /// Go on with the records that come.
    #[arg(short, long)]
    follow: bool,
    /// How many of the newest to begin with.
    #[arg(short = 'n', long, value_name = "ROWS", default_value_t = 10)]
    lines: usize,
}

pub(super) fn tail(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let opened = arguments.scope.open(global, limits::QUERY_ROWS, world, out)?;
    let filter = opened.named(arguments.which.filter(opened.is_all())?)?;
    let statement = filter.newest("*", arguments.lines);
    opened.denied(&statement)?;
    let answer = opened.engine.whole(&statement).map_err(|why| asking::refused(&why));
    let said = if arguments.follow { format!("tail -f: {statement}") } else { statement };
    opened.record(&said, answer.as_ref().map_or(0, |answer| answer.rows))?;
    let mut next = print(&opened, answer?, 0, out)?;
    if arguments.follow {
        loop {
            next = follow(&opened, &filter, next, out)?;
            if out.is_unread() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
    Ok(Exit::Ok)
}

/// Prints what came since; the number of the next record.
fn follow(opened: &Opened, filter: &Filter, next: u64, out: &mut Out) -> Result<u64, Refused> {
    let engine = opened.again(next)?;
    let answer =
        engine.whole(&filter.following(next, limits::QUERY_ROWS)).map_err(|why| asking::refused(&why))?;
    print(opened, answer, next, out)
}

fn print(opened: &Opened, mut answer: Answer, next: u64, out: &mut Out) -> Result<u64, Refused> {
    query::named(&mut answer, &opened.names()?).map_err(Refused::internal)?;
    let mut lines = Vec::new();
    query::records(&answer, |record| {
        // What is of no record is told by `verify`, so nothing of it is shown.
        record.map(|record| entry::line(record, &mut lines).ok());
    });
    out.raw(&lines);
    Ok(query::last(&answer).map_or(next, |last| next.max(last + 1)))
}
