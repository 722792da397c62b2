//! What the verbs that ask the log have in common: whose books, which records, what of it is on record.
//!
//! Never: prints a row before its reading is on record.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::keeping::Names;
use crate::audit_cli::Global;
use crate::audit_cli::Refused;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::audits::Reader;
use crate::cli::audits::Reading;
use crate::cli::audits::Said;
use crate::cli::now_ms;
use crate::cli::times;
use crate::disk;
use crate::query::Books;
use crate::query::Bounds;
use crate::query::Engine;
use crate::query::Filter;
use crate::query::NotAnswered;

/// Whose books are asked, and by whom.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Scope {
    /// Only the books of this tenant and of those below it. May be repeated. Default: all that may be read.
    #[arg(short, long, value_name = "TENANT")]
    tenant: Vec<String>,
    /// The archive. Default: `archive` in the log's directory.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// The log that this reading is put on record in. Default: `reads` in the log's directory.
    #[arg(long, value_name = "DIR")]
    reads: Option<PathBuf>,
    #[command(flatten)]
    reader: Reader,
    /// The longest that a question may take.
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Bounds")]
    timeout: String,
}

/// Which records are meant.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which records")]
pub(super) struct Which {
    /// Only what was allowed.
    #[arg(long, conflicts_with = "deny")]
    allow: bool,
    /// Only what was denied.
    #[arg(long)]
    deny: bool,
    /// From this time on: `24h`, `7d`, `2026-11-22` or RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The answer may have carried this data class or one below it, shown or hidden.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// This data class or one below it was shown.
    #[arg(long, value_name = "CLASS")]
    shown: Option<String>,
    /// Who called.
    #[arg(long, value_name = "ID")]
    principal: Option<String>,
    /// The tenant of who called.
    #[arg(long, value_name = "TENANT")]
    caller: Option<String>,
    /// What was attempted.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// A policy that decided.
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
    /// The route: its id or its template.
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// The pathway by which data crossed tenants.
    #[arg(long, value_name = "NAME")]
    pathway: Option<String>,
    /// The code of the refusal.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// The decision's id, or the one that the caller gave the request.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Records of this type: `decision` (default), `outcome`, `shadow` or `event`.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

/// The log, opened for one reader.
pub(super) struct Opened {
    pub(super) engine: Engine,
    pub(super) log: PathBuf,
    archive: PathBuf,
    books: Books,
    bounds: Bounds,
    said: Said,
    reads: PathBuf,
    reader: Reader,
    tenants: Vec<String>,
}

impl Scope {
    /// The directory of the log, and that of its archive.
    fn places(&self, global: &Global, world: &World<'_>) -> Result<(PathBuf, PathBuf), Refused> {
        let log = global.log(world)?;
        let archive = self.archive.clone().unwrap_or_else(|| log.join("archive"));
        Ok((log, archive))
    }

    /// Opens the books that are asked for and that the reader may see.
    pub(super) fn open(
        &self,
        global: &Global,
        rows: usize,
        world: &World<'_>,
        out: &mut Out,
    ) -> Result<Opened, Refused> {
        let (log, archive) = self.places(global, world)?;
        let time = times::duration_ms(&self.timeout).map_err(Refused::usage)?;
        let bounds = Bounds { rows, time: Duration::from_millis(time), ..Bounds::default() };
        let open = |books: Books| Engine::open(&log, &archive, books, bounds).map_err(|why| refused(&why));
        let reads = self.reads.clone().unwrap_or_else(|| log.join(disk::READINGS));
        let (mut said, mut books) = (Said::default(), Books::All);
        if self.reader.is_named() || !self.tenant.is_empty() {
            let known = open(Books::All)?.books().map_err(|why| refused(&why))?;
            let wanted = wanted(known, &self.tenant);
            let seen = if self.reader.is_named() {
                said = self
                    .reader
                    .may(&global.of_palisade(), &wanted, world, out)
                    .map_err(|(exit, why)| Refused(exit, why))?;
                said.tenants.clone()
            } else {
                wanted
            };
            books = Books::These(seen.into_iter().collect::<BTreeSet<String>>());
        }
        let tenants = match &books {
            Books::All => Vec::new(),
            Books::These(books) => books.iter().cloned().collect(),
        };
        let engine = open(books.clone())?;
        let reader = self.reader.clone();
        Ok(Opened { engine, log, archive, books, bounds, said, reads, reader, tenants })
    }
}

/// Of the books that are known, those of these tenants and of those below them; all but the program's own where none is named.
/// A tenant that is asked for and has no book yet is asked about all the same.
pub(super) fn wanted(mut known: BTreeSet<String>, tenants: &[String]) -> Vec<String> {
    known.extend(tenants.iter().cloned());
    let below = |book: &str, tenant: &str| {
        book.strip_prefix(tenant).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_wanted = |book: &String| {
        if tenants.is_empty() { !book.is_empty() } else { tenants.iter().any(|tenant| below(book, tenant)) }
    };
    known.into_iter().filter(is_wanted).collect()
}

impl Opened {
    /// The same filter, where somebody is named, by that person's pseudonyms as well.
    pub(super) fn named(&self, mut filter: Filter) -> Result<Filter, Refused> {
        if let Some(id) = &filter.principal {
            filter.pseudonyms = self.names()?.of(None, id);
        }
        Ok(filter)
    }

    /// The names that the log's pseudonyms stand for.
    pub(super) fn names(&self) -> Result<Names, Refused> {
        disk::names(&self.log).map_err(Refused::internal)
    }

    /// Does it hold more than single tenants' books?
    pub(super) fn is_all(&self) -> bool {
        self.books == Books::All
    }

    /// The same books, of records from this number on.
    pub(super) fn again(&self, from: u64) -> Result<Engine, Refused> {
        Engine::open_from(&self.log, &self.archive, self.books.clone(), self.bounds, from)
            .map_err(|why| refused(&why))
    }

    /// Puts the reading on record; says so where nothing may be read.
    pub(super) fn record(&self, statement: &str, rows: usize) -> Result<(), Refused> {
        let reading = Reading { statement, tenants: &self.tenants, rows: rows as u64 };
        self.reader.record(&self.reads, &self.said, &reading).map_err(Refused::internal)
    }

    /// Nothing may be read: that is on record, and the exit says so.
    pub(super) fn denied(&self, statement: &str) -> Result<(), Refused> {
        match self.said.code {
            Some(code) if self.said.tenants.is_empty() => {
                self.record(statement, 0)?;
                let why = format!(
                    "no book may be read: the policies refuse `audit` with `{code}`; `palisade explain --action audit` says why"
                );
                Err(Refused(Exit::Denied, why))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Which {
    /// The records that are meant; where all books are asked the mirrors can be left out, for another book holds them in full.
    pub(super) fn filter(&self, without_mirrors: bool) -> Result<Filter, Refused> {
        let time = |text: &Option<String>| {
            let moment = text.as_deref().map(|text| times::moment(text, now_ms()));
            let ms = moment.transpose().map_err(Refused::usage)?;
            Ok::<_, Refused>(ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000)))
        };
        let kinds = ["decision", "outcome", "shadow", "event"];
        if let Some(kind) = self.kind.as_deref().filter(|kind| !kinds.contains(kind)) {
            return Err(Refused::usage(format!(
                "`{kind}` is no type of record: write one of {}",
                kinds.join(", ")
            )));
        }
        Ok(Filter {
            kind: self.kind.clone(),
            decision: if self.deny { Some("deny") } else { self.allow.then_some("allow") },
            since_us: time(&self.since)?,
            until_us: time(&self.until)?,
            class: self.class.clone(),
            shown: self.shown.clone(),
            principal: self.principal.clone(),
            pseudonyms: Vec::new(),
            caller: self.caller.clone(),
            action: self.action.clone(),
            policy: self.policy.clone(),
            route: self.route.clone(),
            pathway: self.pathway.clone(),
            code: self.code.clone(),
            id: self.id.clone(),
            without_mirrors,
        })
    }

    /// Is nothing said at all?
    pub(super) fn is_empty(&self) -> bool {
        let flags = [self.allow, self.deny];
        let texts = [
            &self.since,
            &self.until,
            &self.class,
            &self.shown,
            &self.principal,
            &self.caller,
            &self.action,
            &self.policy,
            &self.route,
            &self.pathway,
            &self.code,
            &self.id,
            &self.kind,
        ];
        !flags.contains(&true) && texts.iter().all(|text| text.is_none())
    }
}

/// Why there is no answer, and how the program ends.
pub(super) fn refused(why: &NotAnswered) -> Refused {
    let exit = match why {
        NotAnswered::Refused(_) => Exit::Usage,
        NotAnswered::Bound(_) => Exit::Threshold,
        NotAnswered::Unreadable(_) => Exit::Internal,
    };
    Refused(exit, why.to_string())
}
