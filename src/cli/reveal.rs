//! `palisade reveal`: turns values that a reversible mask made back into what they were, for who may see them.
//!
//! What a value is of is asked of the policies as for a request that reads it. Each use is put on record before anything
//! is printed, where the configuration names a file for that.
//! Never: turns a value back of a class that the caller may not see, or prints a key.

mod ask;
mod body;
mod show;
mod turn;

use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;

use crate::audit::Event;
use crate::audit::Reveal;
use crate::disk;
use crate::file;
use crate::ids::TenantPath;
use crate::limits;
use crate::snapshot::Held;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::check::Ready;
use super::facts;
use super::facts::Asking;
use super::progress::Progress;

use ask::Asked;
use turn::Revealed;

pub(super) const AFTER: &str = "\
Examples:
  palisade reveal --as dana --tenant acme --roles clinician --class pii.name sl_2026b_g43raaz5brt6rgttinncfkj57hkhj4z6s6mpyx5svaczhfpxctma
  palisade reveal --as dana --tenant acme --roles clinician --class pii.card --key 2026b < masked.txt
  palisade reveal --as dana --tenant acme --roles clinician --class pii.mrn --among members.txt ps_1d642b52f99653fa2ab0a7d637397d12
  palisade reveal --as gus --tenant globex --roles auditor --target acme --purpose audit --route listClaims --body < masked.json

The principal is told as to `eval`, and has to be let see the class in the answer of a route: of the one that --route or --path
names, else of any that carries the class. Values are arguments, or lines of the standard input. What `seal` made says by which key;
what `format` made does not, so it is turned back by each key that is kept, unless --key names one (`-`: the one secret of all
tenants). A pseudonym cannot be turned back: --among says which of the candidates it is, one a line.

A table on a terminal; JSON where the output is piped, or with -o json.

Exit codes: 0 every value was turned back; 1 some could not be; 2 what is asked makes no sense; 3 the configuration is invalid;
10 the caller may not see the class.";

/// What `reveal` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// What masks made. Default: the lines of the standard input.
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
    /// The data class that the values are of.
    #[arg(long, value_name = "CLASS", required_unless_present = "body")]
    class: Option<String>,
    /// Turn back by this key alone: its id, or `-` for the one secret of all tenants.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    key: Option<String>,
    /// Candidates for pseudonyms, one a line.
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    among: Option<PathBuf>,
    /// Turn back what stands in a JSON document of the standard input, where the route says that the caller's classes stand.
    #[arg(long, conflicts_with = "values")]
    body: bool,
    #[command(flatten)]
    asking: Asking,
}

/// What one use comes to, for its record.
#[derive(Debug, Default)]
struct Count {
    given: usize,
    turned_back: usize,
    /// The keys that turned something back, each once.
    keys: Vec<String>,
}

pub(super) fn reveal(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { config, checked, .. }) = check::ready(global, world, out) else {
        return Ok(Exit::Invalid);
    };
    let snapshot = checked.snapshot();
    let log = config.decision_log.reveals.as_deref();
    if log.is_none() {
        out.error("nothing records this use: `decision_log.reveal_file` names no file");
    }
    let asked = match ask::ask(snapshot, arguments) {
        Ok(asked) => asked,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    if !asked.may() {
        record(log, arguments, snapshot, &asked, &Count::default())?;
        out.error(&asked.denial());
        return Ok(Exit::Denied);
    }
    let keys = match keys(snapshot, &asked, arguments.key.as_deref()) {
        Ok(keys) => keys,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    if arguments.body {
        let body = input("the document")?;
        let turned = body::turn_back(snapshot.model(), &asked, &keys, body.into())?;
        record(log, arguments, snapshot, &asked, &turned.count)?;
        out.raw(&turned.text);
        if turned.pseudonyms > 0 {
            out.error(&format!("pseudonyms stay, for they cannot be turned back: {}", turned.pseudonyms));
        }
        return Ok(exit(&turned.count));
    }
    let all = values(arguments, &asked, &keys)?;
    let count = turn::count(&all);
    record(log, arguments, snapshot, &asked, &count)?;
    let is_for_people =
        if global.output_is_said { !global.output.is_json() } else { std::io::stdout().is_terminal() };
    if is_for_people {
        out.line(show::pretty(&all).trim_end());
    } else {
        out.raw(show::json(&all).as_bytes());
    }
    Ok(exit(&count))
}

fn exit(count: &Count) -> Exit {
    if count.turned_back == count.given { Exit::Ok } else { Exit::Internal }
}

/// The keys that may have made the masks; one of them, where it is named.
fn keys(snapshot: &Snapshot, asked: &Asked, named: Option<&str>) -> Result<Vec<Held>, String> {
    let Some(tenant) = &asked.tenant else { return Ok(Vec::new()) };
    let all = snapshot.mask_keys().all(tenant);
    if all.is_empty() {
        return Err(format!("there is no key that masks of `{tenant}` are made with"));
    }
    let Some(named) = named else { return Ok(all) };
    let mut known: Vec<String> = all.iter().map(turn::label).collect();
    let found: Vec<Held> = all.into_iter().filter(|held| turn::label(held) == named).collect();
    if found.is_empty() {
        known.dedup();
        return Err(format!("no key `{named}` is kept for `{tenant}`; there are `{}`", known.join("`, `")));
    }
    Ok(found)
}

/// Everything that was given, turned back as far as it can be.
fn values(arguments: &Arguments, asked: &Asked, keys: &[Held]) -> Result<Vec<Revealed>, String> {
    let Some(class) = asked.seen().next() else { return Ok(Vec::new()) };
    let given = match &arguments.values {
        none if none.is_empty() => lines(&input("the values")?),
        values => values.clone(),
    };
    let mut progress = Progress::new("values", given.len());
    let turned = given.into_iter().map(|masked| {
        progress.step();
        turn::turn_back(keys, &class.name, masked)
    });
    let mut all: Vec<Revealed> = turned.collect();
    drop(progress);
    if let Some(path) = &arguments.among {
        let text = file::text(path, limits::REVEAL_INPUT_BYTES_MAX)
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        let candidates = lines(&text);
        let mut progress = Progress::new("candidates", candidates.len());
        turn::among(keys, &class.name, &mut all, &candidates, || progress.step());
    }
    Ok(all)
}

/// The lines of a text that hold something.
fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The standard input.
fn input(what: &str) -> Result<String, String> {
    let read = file::bounded(std::io::stdin().lock(), limits::REVEAL_INPUT_BYTES_MAX);
    let text =
        read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not text")));
    text.map_err(|error| format!("{what} cannot be read: {error}"))
}

/// Puts the use on record, before anything of it is printed.
fn record(
    log: Option<&Path>,
    arguments: &Arguments,
    snapshot: &Snapshot,
    asked: &Asked,
    count: &Count,
) -> Result<(), String> {
    let Some(log) = log else { return Ok(()) };
    // What is no principal has been refused before.
    let principal = facts::principal(&arguments.asking)?;
    let mut classes: Vec<&str> = asked.classes.iter().map(|class| class.name.as_str()).collect();
    if classes.is_empty() {
        classes.extend(arguments.class.as_deref());
    }
    let digest = snapshot.digest();
    let claimed: Vec<String> =
        arguments.asking.said().into_iter().map(|(flag, text)| format!("{flag}={text}")).collect();
    let [claimed, reasons, keys] = [&claimed, &asked.reasons, &count.keys]
        .map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
    let event = Event::Reveal(&Reveal {
        uid: rustix::process::getuid().as_raw(),
        claimed: &claimed,
        kind: principal.kind.as_str(),
        principal: &principal.id,
        caller: principal.tenant.as_ref().map(TenantPath::as_str),
        tenant: asked.tenant.as_ref().map(TenantPath::as_str),
        data_key: asked.data_key.as_deref(),
        resource: asked.route.as_deref(),
        purpose: arguments.asking.purpose.as_deref(),
        decision: if asked.may() { "allow" } else { "deny" },
        code: asked.code,
        reasons: &reasons,
        classes: &classes,
        values: count.given as u64,
        turned_back: count.turned_back as u64,
        keys: &keys,
        snapshot: &digest,
    });
    disk::put(log, &event).map_err(|error| format!("nothing is shown that is not on record: {error}"))
}
