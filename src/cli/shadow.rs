//! `palisade shadow`: what a candidate would change, and putting it in the place of what is enforced, and back.
//!
//! Never: talks to a running Palisade. That one sees the files change, as at any other edit.

use std::path::PathBuf;

use super::Exit;
use super::Global;
use super::Out;
use super::World;

mod promote;
mod replace;
mod report;

pub(super) const AFTER: &str = "\
Examples:
  palisade shadow report                              from the decision log that the configuration names
  palisade shadow report --log decisions.jsonl -o json
  palisade shadow report --fail-on new-denial         for a pipeline: end with 5 when something would be newly denied
  palisade shadow promote --dry-run                   check the candidate, and show what it changes
  palisade shadow promote                             put it in the place of the enforced policies
  palisade shadow rollback                            and take that back

The candidate is the folder that `shadow.policies` names. `promote` copies it, with all that stands in it, and exchanges
the copy with the enforced folder in one step, so that a running Palisade reads the one or the other and never a part of
both. It needs no signal: it takes the change up as any other edit, and puts it on record with its cause. What was
enforced is kept beside it, hidden, for `rollback`, which exchanges the two again.

One promotion or rollback works at a time. Where one was interrupted, the next changes nothing and says what to do.

Exit codes: 0; 1 when the folder cannot be replaced, or another is replacing it; 2 when there is no candidate, or nothing to take back; 3 when the
configuration or the candidate is invalid, and nothing was changed; `report --fail-on`: 5.";

/// What `shadow` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// What decisions would have been others, by direction, policy, route and tenant.
    Report(Report),
    /// Put the candidate in the place of the enforced policies.
    Promote(Change),
    /// Take the last promotion back.
    Rollback(Change),
}

/// What `shadow report` takes.
#[derive(Debug, Clone, clap::Args)]
struct Report {
    /// A decision log; may be repeated. Default: the one of the configuration.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// Only what was looked at under this digest, or its beginning; `all`: everything. Default: the last of each origin.
    #[arg(long, value_name = "DIGEST")]
    candidate: Option<String>,
    /// End with 5 when there is a disagreement of this kind in what is shown.
    #[arg(long, value_enum, value_name = "WHAT")]
    fail_on: Option<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Something that would be newly denied.
    NewDenial,
    /// Anything that would be newly allowed or newly shown.
    Widening,
    /// Any.
    Any,
}

/// What `shadow promote` and `shadow rollback` take.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Change {
    /// Check, and say what would change; change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn shadow(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    match &arguments.what {
        What::Report(arguments) => report::report(global, arguments, world, out),
        What::Promote(change) => promote::promote(global, *change, world, out),
        What::Rollback(change) => promote::rollback(global, *change, world, out),
    }
}
