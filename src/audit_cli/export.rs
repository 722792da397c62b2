//! `palisade-audit export`: a case folder for one tenant and time, which others check without the log and without Palisade.
//!
//! Never: puts a record of another book into the folder, or calls a folder whole before its manifest stands in it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use serde_json::json;

use crate::audit::entry;
use crate::audit::frame;
use crate::audit::ocsf;
use crate::audit::tree::Hash;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::now_ms;
use crate::cli::out::BOLD;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::times;
use crate::evidence;
use crate::evidence::Case;
use crate::evidence::Folder;
use crate::evidence::Left;
use crate::evidence::NotExported;
use crate::file;
use crate::ids::Digest;
use crate::limits;

use super::Global;
use super::Refused;
use super::prove;
use super::reading::Reads;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit export --tenant acme --since 2026-11-01 --until 2026-11-08 --out case-42
  palisade-audit export --tenant acme --out all-of-acme --format ocsf
  python3 case-42/check.py                   what whoever gets the folder does

The folder holds the records of the tenant's book from the first of that time to the last (rows.jsonl to read, records.bin as they are
in the log), the proof that none of them is left out or changed (proof.json, seal.tlog-proof), the signed checkpoint, the keys, a
manifest with the SHA-256 of each file, and a README that says how to check all of it with Python and OpenSSL alone.

Exit codes: 0; 1 the log cannot be read or the folder not written; 2 usage, or nothing of that tenant is sealed and signed yet; 6 the log is
not what was signed; 10 the policies let the book not be read.";

/// What `export` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant whose book it is.
    #[arg(short, long, value_name = "TENANT")]
    tenant: String,
    /// From then on: `24h` ago, a day in UTC (`2026-11-22`), or a moment (RFC 3339). Default: all that is there.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The folder to make; it must not be there yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How the rows are written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Rows::Jsonl)]
    format: Rows,
    #[command(flatten)]
    reads: Reads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rows {
    /// Palisade's own lines.
    Jsonl,
    /// OCSF 6003.
    Ocsf,
}

const ROWS: &str = "rows.jsonl";
const CHECK: &str = include_str!("export/check.py");
const README: &str = include_str!("export/README.md");

pub(super) fn export(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let log = global.log(world)?;
    let now = now_ms();
    let moment = |text: &Option<String>| {
        text.as_deref().map(|text| times::moment(text, now)).transpose().map_err(Refused::usage)
    };
    let time = moment(&arguments.since)?.unwrap_or(0)..moment(&arguments.until)?.unwrap_or(u64::MAX);
    let to = &arguments.out;
    let unwritten =
        |why: io::Error| Refused::internal(format!("`{}` cannot be written: {why}", to.display()));
    let tenants = [arguments.tenant.clone()];
    let mut allowed = arguments.reads.may((global, &log), &BTreeSet::from(tenants.clone()), world, out)?;
    let statement = format!("export {}", to.display());
    if !allowed.holds(&arguments.tenant) {
        return Err(allowed.refused(&statement, &tenants));
    }
    std::fs::create_dir(to).map_err(|why| {
        let is_there = why.kind() == io::ErrorKind::AlreadyExists;
        if is_there { Refused::usage(format!("`{}` is there already", to.display())) } else { unwritten(why) }
    })?;
    let folder = Folder::open(&log).map_err(Refused::internal)?;
    let case = rows(&log, &folder, arguments, time).map_err(refused)?;
    if let Err(why) = allowed.record(&statement, &tenants, case.stretch.to - case.stretch.from) {
        // What is not on record is not handed over.
        std::fs::remove_dir_all(to).map_err(unwritten)?;
        return Err(why);
    }
    proofs(&folder, &arguments.tenant, &case, to)?;
    let manifest = manifest(arguments, &folder, &case, now).map_err(unwritten)?;
    let text = formats::pretty(&manifest);
    write(to, "manifest.json", text.as_bytes()).map_err(unwritten)?;
    if global.is_json() {
        out.raw(text.as_bytes());
    } else {
        pretty(&case, to, out);
    }
    Ok(Exit::Ok)
}

fn refused(why: NotExported) -> Refused {
    match why {
        NotExported::NotProven(why) => prove::refused(why),
        NotExported::NoBook => Refused::usage(why.to_string()),
        NotExported::Differs => Refused(Exit::Audit, why.to_string()),
        NotExported::Unwritten(_) => Refused::internal(why),
    }
}

/// Writes the records, as rows and as they are.
fn rows(
    log: &Path,
    folder: &Folder,
    arguments: &Arguments,
    time: std::ops::Range<u64>,
) -> Result<Case, NotExported> {
    let create = |name: &str| File::create_new(arguments.out.join(name)).map(BufWriter::new);
    let mut rows = create(ROWS).map_err(NotExported::Unwritten)?;
    let mut records = create("records.bin").map_err(NotExported::Unwritten)?;
    let log_id = format!("{:032x}", u128::from_be_bytes(*folder.log_id()));
    let (mut line, mut framed) = (Vec::new(), Vec::new());
    let case = evidence::case(log, &arguments.tenant, time, &mut |left| {
        line.clear();
        framed.clear();
        match left {
            Left::Record(_, record) => {
                match arguments.format {
                    Rows::Jsonl => entry::line(record, &mut line),
                    Rows::Ocsf => ocsf::event_line(&log_id, record, &mut line),
                }
                .map_err(io::Error::other)?;
                frame::append(record, &mut framed);
            }
            // No row, and its leaf in place of the record.
            Left::Withheld(withheld) => frame::append(&withheld.write(), &mut framed),
        }
        rows.write_all(&line)?;
        records.write_all(&framed)
    })?;
    rows.flush().and_then(|()| records.flush()).map_err(NotExported::Unwritten)?;
    Ok(case)
}

fn hashes(all: &[Hash]) -> Vec<String> {
    all.iter().map(|hash| STANDARD.encode(hash)).collect()
}

fn proofs(folder: &Folder, tenant: &str, case: &Case, to: &Path) -> Result<(), Refused> {
    let (stretch, head) = (&case.stretch, &case.head);
    let proof = json!({
        "book": tenant,
        "from": stretch.from,
        "to": stretch.to,
        "size": stretch.size,
        "before": hashes(&stretch.before),
        "behind": hashes(&stretch.behind),
        "head": { "index": head.index, "count": head.count, "path": hashes(&head.path) },
        "seal": STANDARD.encode(&case.seal.record),
        // The codes by which the seal's record names what is looked at.
        "keys": { "event": code("event"), "heads_root": code("heads_root") },
    });
    let checkpoint = case.seal.proof.note.write();
    let keys = folder.keys().map_err(Refused::internal)?;
    let keys: String = keys.iter().map(|key| format!("{key}\n")).collect();
    let (proof, seal) = (formats::pretty(&proof), case.seal.proof.write());
    for (name, text) in [
        ("proof.json", &*proof),
        ("seal.tlog-proof", &seal),
        ("checkpoint", &checkpoint),
        ("log.vkeys", &keys),
        ("check.py", CHECK),
        ("README.md", README),
    ] {
        write(to, name, text.as_bytes())
            .map_err(|why| Refused::internal(format!("`{name}` cannot be written: {why}")))?;
    }
    Ok(())
}

fn code(name: &str) -> usize {
    entry::KEYS.iter().position(|key| *key == name).map_or(0, |at| at + 1)
}

fn write(to: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(to.join(name))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn manifest(arguments: &Arguments, folder: &Folder, case: &Case, now: u64) -> io::Result<Json> {
    let mut files = serde_json::Map::new();
    for name in [
        ROWS,
        "records.bin",
        "proof.json",
        "seal.tlog-proof",
        "checkpoint",
        "log.vkeys",
        "check.py",
        "README.md",
    ] {
        let bytes = file::bytes(&arguments.out.join(name), limits::EXPORT_FILE_BYTES_MAX)?;
        files.insert(
            name.to_owned(),
            json!({ "bytes": bytes.len(), "sha256": Digest::of(&bytes).to_string() }),
        );
    }
    let at = |ms: u64| {
        let at = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        at.map(|at| at.to_string())
    };
    Ok(json!({
        "palisade": env!("CARGO_PKG_VERSION"),
        "exported_at": at(now),
        "origin": folder.origin(),
        "tenant": arguments.tenant,
        "since": arguments.since,
        "until": arguments.until,
        "rows": case.stretch.to - case.stretch.from - case.withheld,
        "withheld": case.withheld,
        "rows_are": match arguments.format { Rows::Jsonl => "palisade", Rows::Ocsf => "ocsf" },
        "unsealed": case.unsealed,
        "pruned": case.pruned,
        "files": files,
    }))
}

fn pretty(case: &Case, to: &Path, out: &mut Out) {
    let rows = case.stretch.to - case.stretch.from - case.withheld;
    let to = to.display();
    out.line(&format!("{}  {} in `{to}`", paint(GOOD, "exported"), paint(BOLD, format!("{rows} records"))));
    if case.unsealed > 0 {
        let line = format!("{} newer ones are not sealed yet and were left out", case.unsealed);
        out.line(&format!("  {}", paint(WARN, line)));
    }
    if case.pruned > 0 {
        let line = format!("the first {} of this tenant were pruned and are not there any more", case.pruned);
        out.line(&format!("  {}", paint(WARN, line)));
    }
    if case.withheld > 0 {
        let line = format!("of {} more only the leaves are left: they were pruned", case.withheld);
        out.line(&format!("  {}", paint(WARN, line)));
    }
    out.line(&format!("  check it: python3 {to}/check.py"));
}
