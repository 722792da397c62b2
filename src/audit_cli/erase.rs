//! `palisade-audit erase`: all that names a person goes.
//!
//! Never: says who it was, but to whoever asked; takes away what a hold covers.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::archive;
use crate::archive::Cut;
use crate::audit::keeping::Act;
use crate::audit::keeping::Erased;
use crate::audit::keeping::Fate;
use crate::audit::keeping::Holds;
use crate::audit::keeping::Order;
use crate::audit::keeping::Person;
use crate::audit::keeping::Retention;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::now_ms;
use crate::disk;
use crate::disk::Snapshots;
use crate::disk::StoreSettings;
use crate::evidence::Folder;
use crate::ids::Digest;
use crate::keeping;
use crate::keeping::Plan;
use crate::keeping::Rules;
use crate::limits;

use super::Global;
use super::Refused;
use super::prune;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit erase --tenant acme --principal ann --by dpo --reason request-17          how much names her
  palisade-audit erase --tenant acme --principal ann --by dpo --reason request-17 --yes    it goes

Each record of the tenant that names the person, as caller or anywhere else as a word of its own, goes from the log and its archive as
by `prune`: its hash stays, so that every proof of the others holds. So do readings that name the person, and kept snapshots that do:
decisions of those days can then not be made again. An event `erase` says that somebody of that tenant was erased, when and why, not who.
Where the log has pseudonyms (`decision_log.pseudonyms`), the name is forgotten and the records stay.
Take the person out of the configuration first: who still calls, or stands in a policy, is put on record again. Nothing goes while a hold
covers any of it. Of what the log was sent on to (`decision_log.ship`), of lines, case folders and copies nothing goes.

Exit codes: 0; 1 the log cannot be read or written; 2 usage, or a hold covers it; 3 the configuration is invalid; 6 a segment is damaged.";

/// What `erase` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant that the person is of.
    #[arg(short, long, value_name = "TENANT")]
    tenant: String,
    /// The id by which the person calls.
    #[arg(long, value_name = "ID")]
    principal: String,
    /// Who asks for it.
    #[arg(long, value_name = "WHO")]
    by: String,
    /// What for; do not name the person.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Take it away. Without this nothing is changed.
    #[arg(long)]
    yes: bool,
    /// The archive. Default: `archive` in the log's directory.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

/// What names the person.
struct Found {
    plan: Plan,
    rows: Vec<Cut>,
    snapshots: Vec<Digest>,
}

pub(super) fn erase(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let store = global.store(world)?;
    let (tenant, id) = (arguments.tenant.clone(), arguments.principal.clone());
    let pseudonyms = disk::names(&store.dir).map_err(Refused::internal)?.of(Some(&tenant), &id);
    let person = Person { tenant, id, pseudonyms };
    if person.id.is_empty()
        || [&arguments.by, &arguments.reason].iter().any(|text| person.is_named(text.as_bytes()))
    {
        return Err(Refused::usage(
            "`--principal` names nobody, or `--by` or `--reason` names the person: both stay on record",
        ));
    }
    let archive = arguments.archive.clone().unwrap_or_else(|| store.dir.join("archive"));
    let folder = Folder::open(&store.dir).map_err(Refused::internal)?;
    let holds = keeping::holds(&folder).map_err(Refused::internal)?;
    let mut rules = rules(holds, person);
    let mut found = look(&folder, &archive, &rules)?;
    if let Some(hold) = found.plan.held.keys().next() {
        let why =
            format!("the hold `{hold}` covers records that name the person: nothing goes while it stands");
        return Err(Refused::usage(why));
    }
    let pseudonyms = rules.person.as_ref().map_or(0, |person| person.pseudonyms.len());
    let any =
        pseudonyms > 0 || !found.plan.is_empty() || !found.rows.is_empty() || !found.snapshots.is_empty();
    let mut readings = of_readings(&folder, &rules)?;
    if arguments.yes && (any || readings > 0 || open(&folder, &rules)?) {
        let count = found.plan.records();
        close(&store, &folder, (arguments, &rules), count)?;
        // What was written until a moment ago is within reach only now.
        found = look(&folder, &archive, &rules)?;
        go(&store, &folder, (&archive, &rules), &found)?;
        readings = erase_readings(&folder, arguments, &mut rules)?;
    }
    told(global, arguments.yes, (&found, readings), out);
    Ok(Exit::Ok)
}

fn rules(holds: Holds, person: Person) -> Rules {
    Rules { retention: Retention::default(), holds, now_ms: now_ms(), person: Some(person) }
}

fn look(folder: &Folder, archive: &Path, rules: &Rules) -> Result<Found, Refused> {
    let plan = keeping::plan(folder, rules, &mut |_| {}).map_err(prune::refused)?;
    let mut due = |record: &[u8]| rules.fate(record).ok().map(|fate| fate == Fate::Due);
    let rows = archive::cuts(archive, folder.log_id(), i64::MAX, &mut due).map_err(Refused::internal)?;
    let names = |part: &[u8]| rules.person.as_ref().is_some_and(|person| person.is_named(part));
    let snapshots = Snapshots::of(&folder.at("")).with(&names).map_err(Refused::internal)?;
    Ok(Found { plan, rows, snapshots })
}

/// Is the person named where it is still written?
fn open(folder: &Folder, rules: &Rules) -> Result<bool, Refused> {
    let mut named = false;
    crate::evidence::each(folder, 0..u64::MAX, &mut |_, record| {
        named = rules.fate(record).is_ok_and(|fate| fate == Fate::Due);
        !named
    })
    .map_err(Refused::internal)?;
    Ok(named)
}

/// Puts on record that it goes, which closes what is written to, and waits until all that is closed is compressed.
fn close(
    store: &StoreSettings,
    folder: &Folder,
    (arguments, rules): (&Arguments, &Rules),
    count: u64,
) -> Result<(), Refused> {
    let pseudonyms = rules.person.as_ref().map(|person| person.pseudonyms.clone()).unwrap_or_default();
    let (tenant, reason, by) = (arguments.tenant.clone(), arguments.reason.clone(), arguments.by.clone());
    let acts = vec![Act::Erase(Erased { tenant, count, pseudonyms, reason, by })];
    let before = folder.segments().map_err(Refused::internal)?;
    disk::act(store, &Order { acts }).map_err(Refused::internal)?;
    let end = Instant::now() + Duration::from_millis(limits::ERASE_WAIT_MS);
    loop {
        let now = folder.segments().map_err(Refused::internal)?;
        let plain = |first: u64| now.iter().any(|segment| segment.first == first && !segment.compressed);
        if !before.iter().any(|segment| plain(segment.first)) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(Refused::internal("a segment was not compressed: run this again"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Takes away what was found.
fn go(
    store: &StoreSettings,
    folder: &Folder,
    (archive, rules): (&Path, &Rules),
    found: &Found,
) -> Result<(), Refused> {
    let mut acts = found.plan.acts(&rules.holds, "erasure");
    acts.extend(prune::of_archive(&found.rows));
    if !acts.is_empty() {
        disk::act(store, &Order { acts }).map_err(Refused::internal)?;
    }
    keeping::apply(folder, &found.plan, rules).map_err(prune::refused)?;
    if !found.rows.is_empty() {
        let mut due = |record: &[u8]| rules.fate(record).ok().map(|fate| fate == Fate::Due);
        archive::cut(archive, folder.log_id(), &found.rows, &mut due).map_err(Refused::internal)?;
    }
    Snapshots::of(&folder.at("")).forget(&found.snapshots).map_err(Refused::internal)
}

/// How many readings name the person.
fn of_readings(folder: &Folder, rules: &Rules) -> Result<u64, Refused> {
    let Some(readings) = folder.readings().map_err(Refused::internal)? else { return Ok(0) };
    let mut count = 0;
    crate::evidence::each(&readings, 0..u64::MAX, &mut |_, record| {
        count += u64::from(rules.fate(record).is_ok_and(|fate| fate == Fate::Due));
        true
    })
    .map_err(Refused::internal)?;
    Ok(count)
}

/// The same with the log of readings; how many went.
fn erase_readings(folder: &Folder, arguments: &Arguments, rules: &mut Rules) -> Result<u64, Refused> {
    let count = of_readings(folder, rules)?;
    let Some(readings) = folder.readings().map_err(Refused::internal)?.filter(|_| count > 0) else {
        return Ok(0);
    };
    let store = StoreSettings::of(&readings.at(""));
    close(&store, &readings, (arguments, rules), count)?;
    let plan = keeping::plan(&readings, rules, &mut |_| {}).map_err(prune::refused)?;
    let acts = plan.acts(&rules.holds, "erasure");
    disk::act(&store, &Order { acts }).map_err(Refused::internal)?;
    keeping::apply(&readings, &plan, rules).map_err(prune::refused)?;
    Ok(plan.records())
}

fn told(global: &Global, done: bool, (found, readings): (&Found, u64), out: &mut Out) {
    let rows: usize = found.rows.iter().map(|cut| cut.numbers.len()).sum();
    let (records, snapshots) = (found.plan.records(), found.snapshots.len());
    if global.is_json() {
        let told = json!({
            "done": done, "records": records, "archive": { "rows": rows }, "readings": readings, "snapshots": snapshots,
        });
        return out.raw(formats::pretty(&told).as_bytes());
    }
    let went = if done { "went" } else { "name the person, beside those that are still written" };
    out.line(&format!(
        "{records} records, {rows} rows of the archive, {readings} readings and {snapshots} snapshots {went}"
    ));
    if !done {
        out.line("nothing was changed: add --yes");
    }
}
