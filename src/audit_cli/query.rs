//! `palisade-audit query`, `top`, `pathways` and `stats`: questions to the log.
//!
//! Never: shows a row of a book that the reader may not see, or one whose reading is not on record.

use std::io::IsTerminal as _;
use std::path::Path;

use crate::audit::entry;
use crate::audit::ocsf;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::evidence::Folder;
use crate::limits;
use crate::query;
use crate::query::Answer;
use crate::query::By;

use super::Global;
use super::Output;
use super::Refused;
use super::asking;
use super::asking::Opened;
use super::asking::Scope;
use super::asking::Which;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit query -t acme --shown pii.contact --since 7d      who saw acme's contact data last week
  palisade-audit query --deny --policy no-exports --since 24h      which denials came from a policy
  palisade-audit query --id 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f -o json
  palisade-audit query --sql \"SELECT tenant, date_trunc('day', time) AS day, count(*) FROM decisions
                              WHERE decision = 'deny' GROUP BY 1, 2 ORDER BY 1, 2\"
  palisade-audit query --as gus --as-tenant globex --as-roles auditor -t globex --since 30d -o csv > globex.csv

With --sql one SELECT is answered, over the one table `decisions`: a row a record, of the books that may be read and no other; `type`
says what it is. Flags without --sql become such a statement, which --show-sql prints. A table on a terminal, else JSON lines: without
--sql the records as the log wrote them.

Exit codes: 0 answered; 1 the log cannot be read; 2 usage; 3 the configuration is invalid; 5 a bound was passed, or rows are left
out; 10 the policies let no book be read.";

pub(super) const TOP_AFTER: &str = "\
Examples:
  palisade-audit top --by policy --deny --since 24h
  palisade-audit top --by principal -t acme --shown pii.contact --since 7d

Exit codes: as of `query`.";

pub(super) const PATHWAYS_AFTER: &str = "\
Examples:
  palisade-audit pathways --since 7d
  palisade-audit pathways -t acme                from whom to acme, and from acme to whom

Exit codes: as of `query`.";

pub(super) const STATS_AFTER: &str = "\
Examples:
  palisade-audit stats
  palisade-audit stats --since 30d -o csv

Exit codes: as of `query`.";

/// What `query` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    which: Which,
    /// Ask this instead: one SELECT over the table `decisions`.
    #[arg(long, value_name = "SELECT")]
    sql: Option<String>,
    /// Print the statement that the flags come to, and ask nothing.
    #[arg(long, conflicts_with = "sql")]
    show_sql: bool,
    /// At most so many rows: the newest. Default: 100; with --sql 10000.
    #[arg(long, value_name = "ROWS", help_heading = "Bounds")]
    limit: Option<usize>,
}

/// What `top` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Top {
    /// By what requests are counted.
    #[arg(long, value_enum, value_name = "WHAT")]
    by: Counted,
    #[command(flatten)]
    counting: Counting,
}

/// What `pathways` and `top` take.
#[derive(Debug, clap::Args)]
pub(super) struct Counting {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    which: Which,
    /// At most so many rows.
    #[arg(long, value_name = "ROWS", default_value_t = 20, help_heading = "Bounds")]
    limit: usize,
}

/// By what requests are counted.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Counted {
    Principal,
    Policy,
    Route,
    Code,
    Tenant,
    Action,
    Class,
}

impl Counted {
    pub(super) const fn by(self) -> By {
        match self {
            Self::Principal => By::Principal,
            Self::Policy => By::Policy,
            Self::Route => By::Route,
            Self::Code => By::Code,
            Self::Tenant => By::Tenant,
            Self::Action => By::Action,
            Self::Class => By::Class,
        }
    }
}

/// The columns that people see where they name none.
const COLUMNS: &str = "time, tenant, principal, principal_tenant, action, resource, decision, code, policies, pathway, revealed, hidden, decision_id";

/// How many records are shown where nobody says how many.
pub(super) const ROWS: usize = 100;

pub(super) fn query(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let usual = if arguments.sql.is_some() { limits::QUERY_ROWS } else { ROWS };
    let rows = arguments.limit.unwrap_or(usual).min(limits::QUERY_ROWS_MAX);
    let opened = arguments.scope.open(global, rows, world, out)?;
    if let Some(sql) = &arguments.sql {
        if !arguments.which.is_empty() {
            return Err(Refused::usage(
                "say which records in the statement: with --sql no other flag of that kind counts",
            ));
        }
        opened.denied(sql)?;
        let answer = opened.engine.sql(sql).map_err(|why| asking::refused(&why));
        return shown(global, &recorded(&opened, sql, answer)?, out);
    }
    let filter = opened.named(arguments.which.filter(opened.is_all())?)?;
    let form = form(global);
    let columns = if matches!(form, Output::Pretty) { COLUMNS } else { "*" };
    let statement = filter.newest(columns, rows);
    if arguments.show_sql {
        out.line(&statement);
        return Ok(Exit::Ok);
    }
    opened.denied(&statement)?;
    if !matches!(form, Output::Json | Output::Ocsf) {
        let answer = opened.engine.sql(&statement).map_err(|why| asking::refused(&why));
        return shown(global, &recorded(&opened, &statement, answer)?, out);
    }
    let answer = opened.engine.whole(&statement).map_err(|why| asking::refused(&why));
    let answer = recorded(&opened, &statement, answer)?;
    out.raw(&records(&opened.log, &answer, matches!(form, Output::Ocsf))?);
    Ok(exit(&answer, out))
}

pub(super) fn top(
    global: &Global,
    arguments: &Top,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let Counting { scope, which, limit } = &arguments.counting;
    let opened = scope.open(global, limits::QUERY_ROWS_MAX, world, out)?;
    let statement = opened.named(which.filter(opened.is_all())?)?.top(arguments.by.by(), *limit);
    counted(global, &opened, &statement, out)
}

pub(super) fn pathways(
    global: &Global,
    arguments: &Counting,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let opened = arguments.scope.open(global, limits::QUERY_ROWS_MAX, world, out)?;
    let statement = opened.named(arguments.which.filter(opened.is_all())?)?.pathways(arguments.limit);
    counted(global, &opened, &statement, out)
}

pub(super) fn stats(
    global: &Global,
    arguments: &Counting,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let opened = arguments.scope.open(global, limits::QUERY_ROWS_MAX, world, out)?;
    let statement = opened.named(arguments.which.filter(opened.is_all())?)?.stats();
    counted(global, &opened, &statement, out)
}

fn counted(global: &Global, opened: &Opened, statement: &str, out: &mut Out) -> Result<Exit, Refused> {
    opened.denied(statement)?;
    let answer = opened.engine.sql(statement).map_err(|why| asking::refused(&why));
    shown(global, &recorded(opened, statement, answer)?, out)
}

/// The answer, once its reading is on record; so is that there was none.
fn recorded(opened: &Opened, statement: &str, answer: Result<Answer, Refused>) -> Result<Answer, Refused> {
    opened.record(statement, answer.as_ref().map_or(0, |answer| answer.rows))?;
    let mut answer = answer?;
    query::named(&mut answer, &opened.names()?).map_err(Refused::internal)?;
    Ok(answer)
}

/// How the answer is printed.
fn form(global: &Global) -> Output {
    global.output.unwrap_or(if std::io::stdout().is_terminal() { Output::Pretty } else { Output::Json })
}

fn shown(global: &Global, answer: &Answer, out: &mut Out) -> Result<Exit, Refused> {
    out.raw(&rendered(form(global), answer)?);
    Ok(exit(answer, out))
}

/// The rows in a form.
pub(super) fn rendered(form: Output, answer: &Answer) -> Result<Vec<u8>, Refused> {
    match form {
        Output::Pretty => query::table(answer).map(String::into_bytes).map_err(Refused::internal),
        Output::Json => query::json_lines(answer).map_err(Refused::internal),
        Output::Csv => query::csv(answer).map(String::into_bytes).map_err(Refused::internal),
        Output::Parquet => query::parquet(answer).map_err(Refused::internal),
        Output::Ocsf => {
            Err(Refused::usage("OCSF has words for decisions, not for this: ask `query` without --sql"))
        }
    }
}

/// The records themselves, a line each.
pub(super) fn records(log: &Path, answer: &Answer, ocsf: bool) -> Result<Vec<u8>, Refused> {
    let folder = Folder::open(log).map_err(Refused::internal)?;
    let (mut lines, mut lost) = (Vec::new(), 0_u64);
    let log_id = format!("{:032x}", u128::from_be_bytes(*folder.log_id()));
    query::records(answer, |record| {
        let written = match record {
            Some(record) if ocsf => ocsf::event_line(&log_id, record, &mut lines),
            Some(record) => entry::line(record, &mut lines),
            None => return lost += 1,
        };
        lost += u64::from(written.is_err());
    });
    if lost > 0 {
        return Err(Refused::internal(format!("{lost} rows of the archive are of no record: run `verify`")));
    }
    Ok(lines)
}

fn exit(answer: &Answer, out: &mut Out) -> Exit {
    if !answer.cut {
        return Exit::Ok;
    }
    out.error(&format!(
        "there are more rows than the {} that are shown: ask for less, or raise --limit",
        answer.rows
    ));
    Exit::Threshold
}
