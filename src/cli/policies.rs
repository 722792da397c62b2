//! `palisade policies`: what each policy did since it was loaded, asked of a running Palisade.
//!
//! Never: calls a policy useless; it says what was not seen, and since when.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value as Json;
use serde_json::json;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::formats;
use super::healthcheck;
use super::out::BAD;
use super::out::BOLD;
use super::out::DIM;
use super::out::WARN;
use super::out::paint;
use super::report::printable;

pub(super) const AFTER: &str = "\
Examples:
  palisade policies                          those that never matched, only err, or are always overridden
  palisade policies --all                    every policy with its counts
  palisade policies --of candidate           those of the candidate that is looked at
  palisade policies --address 10.0.0.7:8081 -o json

A policy matched when it was among those that decided: a permit of an allow, a forbid of a deny, of a request or of a class
of data. A permit is overridden when it held and a forbid decided. Counts begin when a policy is loaded, and go on over
edits that do not change its text; each replica has its own.

Exit codes: 0; 1 when it cannot be reached; 2 when there is nothing such to ask for.";

/// Longest answer that is read, in bytes: a page of policies with long names.
const ANSWER_BYTES_MAX: u64 = 8 << 20;
/// How often it is begun anew where an edit comes between two pages.
const ATTEMPTS_MAX: usize = 5;

/// What `policies` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Address of the admin listener; without it, the one of the configuration.
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
    /// Which policies.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Of::Enforced)]
    of: Of,
    /// Show every policy.
    #[arg(long)]
    all: bool,
    /// Longest wait for each answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Of {
    /// Those that decide.
    Enforced,
    /// Those of the candidate.
    Candidate,
    /// Those that decide, with those in shadow mode among them.
    Mode,
}

impl Of {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Candidate => "candidate",
            Self::Mode => "mode",
        }
    }
}

/// What one policy did.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
struct Told {
    id: String,
    effect: String,
    shadow: bool,
    file: String,
    line: u32,
    matched: u64,
    errored: u64,
    overridden: u64,
    since: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
struct Page {
    snapshot: String,
    generation: u64,
    policies: Vec<Told>,
    next: Option<usize>,
}

impl Told {
    /// What is worth a look.
    const fn finding(&self) -> Option<&'static str> {
        match (self.matched, self.errored, self.overridden) {
            (0, 0, 0) => Some("never_matched"),
            (0, 1.., _) => Some("only_erring"),
            (0, 0, 1..) => Some("always_overridden"),
            (1.., _, _) => None,
        }
    }
}

const FINDINGS: [(&str, &str); 3] = [
    ("never_matched", "never matched"),
    ("only_erring", "only erring"),
    ("always_overridden", "always overridden"),
];

pub(super) fn policies(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(address) = healthcheck::admin(global, arguments.address, world, out) else {
        return Ok(Exit::Invalid);
    };
    let Some((page, all)) = ask(address, arguments)? else {
        out.error(&format!("no policies are `{}` there", arguments.of.as_str()));
        return Ok(Exit::Usage);
    };
    if global.output.is_json() {
        let told = |told: &Told| {
            let mut all = serde_json::to_value(told).unwrap_or(Json::Null);
            if let Some(all) = all.as_object_mut() {
                all.insert("finding".to_owned(), told.finding().into());
            }
            all
        };
        let shown = all.iter().filter(|told| arguments.all || told.finding().is_some()).map(told);
        let report = json!({
            "of": arguments.of.as_str(),
            "snapshot": page.snapshot,
            "generation": page.generation,
            "total": all.len(),
            "policies": shown.collect::<Vec<Json>>(),
        });
        out.raw(formats::pretty(&report).as_bytes());
    } else {
        pretty(&page, &all, arguments.all, out);
    }
    Ok(Exit::Ok)
}

/// Every policy, page by page, all of one snapshot.
fn ask(address: SocketAddr, arguments: &Arguments) -> Result<Option<(Page, Vec<Told>)>, String> {
    for _ in 0..ATTEMPTS_MAX {
        let Some(mut page) = one(address, arguments, 0)? else { return Ok(None) };
        let (snapshot, mut all) = (page.snapshot.clone(), Vec::new());
        loop {
            all.append(&mut page.policies);
            // Each page moves on, so that this ends.
            let Some(next) = page.next.filter(|next| *next == all.len()) else {
                return Ok(Some((page, all)));
            };
            match one(address, arguments, next)? {
                Some(next) if next.snapshot == snapshot => page = next,
                Some(_) | None => break,
            }
        }
    }
    Err("the policies changed again and again while they were asked for".to_owned())
}

/// One page; nothing where there are no such policies.
fn one(address: SocketAddr, arguments: &Arguments, from: usize) -> Result<Option<Page>, String> {
    let path = format!("/policies?of={}&from={from}", arguments.of.as_str());
    let patience = Duration::from_millis(arguments.timeout_ms);
    let (status, body) = healthcheck::get(healthcheck::here(address), &path, patience, ANSWER_BYTES_MAX)
        .map_err(|why| format!("not reachable at {address}: {why}"))?;
    let bad =
        |why: &dyn std::fmt::Display| format!("{address} does not answer as an admin listener does: {why}");
    match status {
        200 => serde_json::from_str(&body).map(Some).map_err(|error| bad(&error)),
        404 => Ok(None),
        other => Err(bad(&other)),
    }
}

fn pretty(page: &Page, all: &[Told], every: bool, out: &mut Out) {
    let matched = all.iter().filter(|told| told.matched > 0).count();
    let head = format!("{} policies, {matched} matched; snapshot {}", all.len(), page.snapshot);
    out.line(&paint(BOLD, printable(&head)));
    if every {
        out.line(&paint(DIM, "   matched   errored overridden"));
        let mut sorted: Vec<&Told> = all.iter().collect();
        sorted.sort_by(|a, b| b.matched.cmp(&a.matched).then_with(|| a.id.cmp(&b.id)));
        for told in sorted {
            let counts = format!("{:>10}{:>10}{:>11}", told.matched, told.errored, told.overridden);
            out.line(&format!("{counts}  {}", line(told)));
        }
        return;
    }
    for (finding, name) in FINDINGS {
        let found: Vec<&Told> = all.iter().filter(|told| told.finding() == Some(finding)).collect();
        if found.is_empty() {
            out.line(&format!("{name}: none"));
            continue;
        }
        let style = if finding == "only_erring" { BAD } else { WARN };
        out.line(&format!("{name}: {}", paint(style, found.len())));
        for told in found {
            let since = told.since.as_deref().unwrap_or_default();
            out.line(&format!("  {}  {}", line(told), paint(DIM, printable(&format!("since {since}")))));
        }
    }
}

fn line(told: &Told) -> String {
    let mode = if told.shadow { " in shadow mode" } else { "" };
    let place = printable(&format!("{}:{}", told.file, told.line));
    format!("{} {}{mode}  {}", told.effect, paint(BOLD, printable(&told.id)), paint(DIM, place))
}
