//! `palisade-audit reconcile`: the app's access log against the records.
//!
//! No log can prove what was never written. The app is a second witness: each request that it saw has the id of its decision
//! in `x-palisade-decision-id`, so an access log that writes it down can be held against the records.
//! Never: takes a line without an id for one that is on record.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read as _;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::json;

use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::now_ms;
use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::times;
use crate::evidence;
use crate::evidence::Folder;
use crate::ids::DecisionId;
use crate::limits;

use super::Global;
use super::Refused;
use super::reading::Reads;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit reconcile --access-log /var/log/app/access.log
  zcat access.log.*.gz | palisade-audit reconcile --access-log - --since 7d

Have the app or what serves it write the header `x-palisade-decision-id` into its access log, in any format: the first id of a
line counts. A request that the app saw and that no record allows came past Palisade, or its record is gone. One that is on record
and the app did not see may have failed on its way; its outcome says so. A line without an id came past Palisade, or is no request.

Exit codes: 0 each request that the app saw is on record; 1 a file cannot be read; 2 usage; 6 some are not; 10 the policies
let not every book be read.";

/// What `reconcile` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The app's access log, or `-` for the standard input.
    #[arg(long, value_name = "FILE")]
    access_log: PathBuf,
    /// Only requests from then on, by the time in their ids: `24h` ago, a day in UTC (`2026-11-22`), or a moment (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only requests before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    reads: Reads,
}

/// What is known of an id.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// How often the app saw it.
    seen: u32,
    /// A record allows it.
    allowed: bool,
    /// A record refuses it.
    refused: bool,
}

/// What came of it.
#[derive(Debug, Default)]
struct Found {
    ids: HashMap<[u8; 16], Known>,
    lines: u64,
    without_id: u64,
}

pub(super) fn reconcile(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let now = now_ms();
    let moment = |text: &Option<String>| {
        text.as_deref().map(|text| times::moment(text, now)).transpose().map_err(Refused::usage)
    };
    let time = moment(&arguments.since)?.unwrap_or(0)..moment(&arguments.until)?.unwrap_or(u64::MAX);
    let log = global.log(world)?;
    let folder = Folder::open(&log).map_err(Refused::internal)?;
    let books = books(&folder, &time)?;
    let mut allowed = arguments.reads.may((global, &log), &books, world, out)?;
    let (statement, tenants) = ("reconcile", books.iter().cloned().collect::<Vec<_>>());
    // Its answer is of all that the app saw: of some books alone it would call the others' requests unrecorded.
    if let Some(book) = books.iter().find(|book| !book.is_empty() && !allowed.holds(book)) {
        let Refused(exit, why) = allowed.refused(statement, &tenants);
        return Err(Refused(exit, format!("not every book may be read, as that of `{book}`: {why}")));
    }
    let mut found = Found::default();
    let path = &arguments.access_log;
    let unreadable =
        |why: std::io::Error| Refused::internal(format!("`{}` cannot be read: {why}", path.display()));
    if path.as_os_str() == "-" {
        found.lines(&mut std::io::stdin().lock(), &time)
    } else {
        std::fs::File::open(path).and_then(|file| found.lines(&mut BufReader::new(file), &time))
    }
    .map_err(unreadable)?;
    found.records(&folder, &time)?;
    let told = found.told();
    allowed.record(statement, &tenants, found.ids.len() as u64)?;
    if global.is_json() {
        out.raw(formats::pretty(&told.json()).as_bytes());
    } else {
        told.pretty(out);
    }
    Ok(if told.unrecorded.0 == 0 { Exit::Ok } else { Exit::Audit })
}

/// The books with a decision of this time.
fn books(folder: &Folder, time: &Range<u64>) -> Result<BTreeSet<String>, Refused> {
    let mut books = BTreeSet::new();
    evidence::each(folder, 0..u64::MAX, &mut |entry, _| {
        let meant = entry.kind == Kind::Decision && time.contains(&entry.time_ms);
        if meant && !books.contains(entry.book) {
            books.insert(entry.book.to_owned());
        }
        true
    })
    .map_err(Refused::internal)?;
    Ok(books)
}

impl Found {
    /// Reads an access log. Of a line that is longer than any is, the rest is another line.
    fn lines(&mut self, log: &mut dyn BufRead, time: &Range<u64>) -> std::io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if log.take(limits::ACCESS_LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            match id(&line) {
                None => self.without_id += 1,
                Some(id) if time.contains(&id.time_ms()) => {
                    let known = self.known(id)?;
                    known.seen = known.seen.saturating_add(1);
                }
                Some(_) => continue,
            }
            self.lines += 1;
        }
    }

    fn known(&mut self, id: DecisionId) -> std::io::Result<&mut Known> {
        if self.ids.len() >= limits::RECONCILE_IDS_MAX && !self.ids.contains_key(id.as_bytes()) {
            let most = limits::RECONCILE_IDS_MAX;
            let why = format!(
                "there are more than {most} requests: ask for a shorter time with `--since` and `--until`"
            );
            return Err(std::io::Error::other(why));
        }
        Ok(self.ids.entry(*id.as_bytes()).or_default())
    }

    fn records(&mut self, folder: &Folder, time: &Range<u64>) -> Result<(), Refused> {
        let mut failed = None;
        evidence::each(folder, 0..u64::MAX, &mut |entry, _| {
            if entry.kind != Kind::Decision || entry.mirror {
                return true;
            }
            let Some(Value::Id(id)) = entry.field("decision_id") else { return true };
            if !time.contains(&id.time_ms()) {
                return true;
            }
            let allowed = entry.field("decision") == Some(Value::Text("allow", false));
            // What was refused before it got to the app is only looked at where the app says that it saw it.
            if !allowed && !self.ids.contains_key(id.as_bytes()) {
                return true;
            }
            match self.known(id) {
                Ok(known) if allowed => known.allowed = true,
                Ok(known) => known.refused = true,
                Err(why) => failed = Some(why),
            }
            failed.is_none()
        })
        .map_err(Refused::internal)?;
        failed.map_or(Ok(()), |why| Err(Refused::usage(why.to_string())))
    }

    fn told(&self) -> Told {
        let mut told = Told { lines: self.lines, without_id: self.without_id, ..Told::default() };
        for (id, known) in &self.ids {
            let list = match known {
                Known { seen: 0, .. } => &mut told.unseen,
                Known { allowed: false, refused: false, .. } => &mut told.unrecorded,
                Known { allowed: false, refused: true, .. } => &mut told.refused,
                Known { seen: 1, .. } => {
                    told.same += 1;
                    continue;
                }
                Known { .. } => &mut told.repeated,
            };
            list.0 += 1;
            list.1.push(DecisionId::from_bytes(*id));
        }
        // Whoever was refused and seen is not on record as allowed either.
        told.unrecorded.0 += told.refused.0;
        for list in [&mut told.unseen, &mut told.unrecorded, &mut told.refused, &mut told.repeated] {
            list.1.sort_unstable_by_key(|id| *id.as_bytes());
            list.1.truncate(limits::RECONCILE_EXAMPLES_MAX);
        }
        told
    }
}

/// The first id of a decision in a line.
fn id(line: &[u8]) -> Option<DecisionId> {
    line.windows(36).find_map(|text| {
        let shaped = [8, 13, 18, 23].iter().all(|at| text.get(*at) == Some(&b'-'));
        shaped.then(|| DecisionId::parse(std::str::from_utf8(text).ok()?)).flatten()
    })
}

type List = (u64, Vec<DecisionId>);

/// The counts, each with the first ids.
#[derive(Debug, Default)]
struct Told {
    lines: u64,
    without_id: u64,
    same: u64,
    /// The app saw them and no record allows them; those that a record refuses are among them.
    unrecorded: List,
    /// The app saw them and a record refuses them.
    refused: List,
    /// The app saw them more than once.
    repeated: List,
    /// They are on record as allowed, and the app did not see them.
    unseen: List,
}

impl Told {
    fn lists(&self) -> [(&'static str, &'static str, &List, anstyle::Style); 4] {
        [
            ("unrecorded", "the app saw them, and no record allows them", &self.unrecorded, BAD),
            ("refused", "of these a record refuses, and the app saw them all the same", &self.refused, BAD),
            ("repeated", "the app saw them more than once", &self.repeated, WARN),
            ("unseen", "they are on record as allowed, and the app did not see them", &self.unseen, WARN),
        ]
    }

    fn json(&self) -> serde_json::Value {
        let mut all = json!({ "lines": self.lines, "without_id": self.without_id, "same": self.same });
        if let Some(object) = all.as_object_mut() {
            for (name, _, (count, first), _) in self.lists() {
                let first: Vec<String> = first.iter().map(ToString::to_string).collect();
                object.insert(name.to_owned(), json!({ "count": count, "first": first }));
            }
        }
        all
    }

    fn pretty(&self, out: &mut Out) {
        let Self { lines, without_id, same, .. } = self;
        out.line(&paint(
            BOLD,
            format!("{same} of {lines} requests that the app saw are on record, each once"),
        ));
        for (_, says, (count, first), style) in self.lists().into_iter().filter(|(_, _, list, _)| list.0 > 0)
        {
            out.line(&format!("  {} {says}", paint(style, count)));
            first.iter().for_each(|id| out.line(&format!("    {id}")));
        }
        if *without_id > 0 {
            out.line(&format!(
                "  {} lines have no id: they came past Palisade, or are no requests",
                paint(WARN, without_id)
            ));
        }
        if self.unrecorded.0 == 0 && *without_id == 0 {
            out.line(&paint(GOOD, "nothing is missing"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_of_a_line_counts_wherever_it_stands() {
        let text = "0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f";
        for line in
            [text.to_owned(), format!("GET / 200 \"{text}\"\n"), format!("--{text}-"), format!("x{text}")]
        {
            assert_eq!(id(line.as_bytes()).map(|id| id.to_string()).as_deref(), Some(text), "{line}");
        }
        for line in
            ["", "GET / 200", "0194F0C2-7D3E-7C00-8000-5E0C6B1D2A3F", "0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3"]
        {
            assert_eq!(id(line.as_bytes()), None, "{line}");
        }
    }
}
