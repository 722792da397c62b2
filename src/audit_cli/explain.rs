//! `palisade-audit explain`: all that the log has of one decision, with the policies as they stood then.
//!
//! Never: takes a policy of today for one of then, or calls a record proven that no checkpoint covers.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;
use serde_json::json;

use crate::audit::entry::Entry;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::printable;
use crate::disk;
use crate::disk::Snapshots;
use crate::evidence;
use crate::evidence::Folder;
use crate::evidence::NotProven;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::policy::written;
use crate::policy::written::Written;
use crate::snapshot::Past;

use super::Global;
use super::Refused;
use super::prove::named_json;
use super::reading::Reads;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit explain 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f
  palisade-audit explain 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f -o json | jq .policies
  palisade-audit explain 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f --as rita --as-tenant acme --as-roles auditor

The id is what the app and the caller were told as `x-palisade-decision-id`. Policies are shown as the snapshot of that day has
them, which is kept with the log; `proof` says whether a signed checkpoint covers the record.

Exit codes: 0; 1 the log cannot be read; 2 there is no such decision; 6 the record is not what was signed; 10 the
policies let it not be read.";

/// What `explain` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The id of the decision.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    reads: Reads,
}

/// Whether the record is proven.
enum Proof {
    /// It is, by a checkpoint of so many records that this log signed.
    Holds(String, u64),
    /// No checkpoint covers it yet.
    Unsigned,
    /// It is not what was signed, or nothing can be said, and why.
    Fails(String),
}

pub(super) fn explain(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let id = DecisionId::parse(&arguments.id)
        .ok_or_else(|| Refused::usage(format!("`{}` is not the id of a decision", arguments.id)))?;
    let log = global.log(world)?;
    let folder = Folder::open(&log).map_err(Refused::internal)?;
    let found = evidence::of_decision(&folder, id).map_err(Refused::internal)?;
    let books: BTreeSet<String> = found.iter().filter_map(|(_, record)| book(record)).collect();
    let mut allowed = arguments.reads.may((global, &log), &books, world, out)?;
    let (statement, tenants) = (format!("explain {}", arguments.id), books.into_iter().collect::<Vec<_>>());
    let names = disk::names(&log).map_err(Refused::internal)?;
    let may = |record: &[u8]| book(record).is_some_and(|book| allowed.holds(&book));
    let records: Vec<(u64, Json)> = found
        .iter()
        .filter(|(_, record)| may(record))
        .filter_map(|(seq, record)| Some((*seq, named_json(record, &names)?)))
        .collect();
    let is_of = |kind: &str, record: &Json| record.get("type").and_then(Json::as_str) == Some(kind);
    let is_whole = |record: &Json| record.get("mirror").is_none();
    // Whoever may read the data's owner alone is shown that tenant's copy.
    let of = |kind: &str| {
        let mut all = records.iter().filter(|(_, record)| is_of(kind, record));
        all.clone().find(|(_, record)| is_whole(record)).or_else(|| all.next())
    };
    if records.is_empty() && !found.is_empty() {
        return Err(allowed.refused(&statement, &tenants));
    }
    let Some((seq, decision)) = of("decision") else {
        return Err(Refused::usage(format!("the log has no decision `{}`", arguments.id)));
    };
    allowed.record(&statement, &tenants, records.len() as u64)?;
    let proof = proof(&folder, *seq);
    let policies = policies(&log, decision);
    let (outcome, shadow) = (of("outcome").map(|(_, record)| record), of("shadow").map(|(_, record)| record));
    if global.is_json() {
        let (policies, unkept) = match &policies {
            Ok(policies) => (Some(policies.iter().map(policy).collect::<Vec<_>>()), None),
            Err(why) => (None, Some(why)),
        };
        let told = json!({
            "decision": decision,
            "outcome": outcome,
            "shadow": shadow,
            "policies": policies,
            "policies_unknown": unkept,
            "proof": proof.json(),
        });
        out.raw(formats::pretty(&told).as_bytes());
    } else {
        pretty(decision, outcome, shadow, out);
        told(&policies, out);
        out.line(&format!("{}\n  {}", paint(BOLD, "proof"), proof.line(*seq)));
    }
    Ok(if matches!(proof, Proof::Fails(_)) { Exit::Audit } else { Exit::Ok })
}

/// The tenant in whose book a record stands.
fn book(record: &[u8]) -> Option<String> {
    Entry::read(record).ok().map(|entry| entry.book.to_owned())
}

fn proof(folder: &Folder, seq: u64) -> Proof {
    match evidence::prove(folder, seq) {
        Ok(proven) => match proven.proof.proves(&proven.record) {
            Some(head) => Proof::Holds(head.origin, head.size),
            None => Proof::Fails(NotProven::Differs.to_string()),
        },
        Err(NotProven::Unsigned) => Proof::Unsigned,
        Err(why) => Proof::Fails(why.to_string()),
    }
}

impl Proof {
    fn json(&self) -> Json {
        match self {
            Self::Holds(origin, size) => json!({ "status": "proven", "origin": origin, "size": size }),
            Self::Unsigned => json!({ "status": "unsigned" }),
            Self::Fails(why) => json!({ "status": "fails", "why": why }),
        }
    }

    fn line(&self, seq: u64) -> String {
        match self {
            Self::Holds(origin, size) => {
                let proven = paint(GOOD, "proven");
                format!("{proven}  record {seq} is covered by the checkpoint of {size} records of {origin}")
            }
            Self::Unsigned => format!("{}  {}", paint(WARN, "unsigned"), NotProven::Unsigned),
            Self::Fails(why) => format!("{}  {why}", paint(BAD, "fails")),
        }
    }
}

/// The policies that the record names, as its snapshot has them.
fn policies(log: &Path, decision: &Json) -> Result<Vec<Written>, String> {
    let digest = decision.get("snapshot").and_then(Json::as_str).and_then(Digest::parse);
    let digest = digest.ok_or("the record names no snapshot")?;
    let parts = Snapshots::of(log).read(&digest).map_err(|why| why.to_string())?;
    let past = Past::of(&parts).map_err(|why| why.to_string())?;
    let listed = |key: &str| decision.get(key).and_then(Json::as_array).into_iter().flatten();
    let reasons = listed("reasons").filter_map(|reason| reason.get("policy_id")?.as_str());
    let named: Vec<&str> = reasons.chain(listed("errors").filter_map(Json::as_str)).collect();
    let mut all = written::written(&past.snapshot().sources().policies());
    all.retain(|policy| named.contains(&&*policy.id));
    Ok(all)
}

fn policy(one: &Written) -> Json {
    let confined_to = one.confined_to.as_ref().map(ToString::to_string);
    json!({ "id": one.id, "file": &*one.file, "confined_to": confined_to, "text": one.text() })
}

fn text<'j>(record: &'j Json, at: &str) -> Option<&'j str> {
    record.pointer(at)?.as_str()
}

/// The words of a list; of objects, what they have under these keys.
fn list(record: &Json, at: &str, keys: &[&str]) -> String {
    let one = |item: &Json| match item.as_str() {
        Some(word) => word.to_owned(),
        None => keys.iter().filter_map(|key| item.pointer(key)).map(bare).collect::<Vec<_>>().join(" "),
    };
    let all = record.pointer(at).and_then(Json::as_array).into_iter().flatten();
    all.map(one).collect::<Vec<_>>().join(", ")
}

fn bare(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pretty(decision: &Json, outcome: Option<&Json>, shadow: Option<&Json>, out: &mut Out) {
    let head = |out: &mut Out, name: &str| out.line(&paint(BOLD, name));
    let row = |out: &mut Out, name: &str, says: String| {
        if !says.is_empty() {
            out.line(&format!("  {} {}", paint(DIM, format!("{name:<10}")), printable(&says)));
        }
    };
    let own = |at: &str| text(decision, at).unwrap_or_default().to_owned();
    let joined =
        |all: &[String]| all.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join("  ");
    let allowed = own("/decision") == "allow";
    let word = paint(if allowed { GOOD } else { BAD }, own("/decision"));
    out.line(&format!("{word}  {}", printable(&joined(&[own("/code"), own("/detail"), own("/time")]))));
    head(out, "who");
    row(out, "principal", joined(&[own("/principal/id"), own("/principal/type")]));
    row(out, "of", own("/principal/tenant"));
    for (name, at) in
        [("roles", "/principal/roles"), ("groups", "/principal/groups"), ("scopes", "/principal/scopes")]
    {
        row(out, name, list(decision, at, &[]));
    }
    row(out, "known by", joined(&[own("/principal/auth_method"), own("/principal/issuer")]));
    row(out, "from", own("/source_ip"));
    head(out, "what");
    row(out, "action", own("/action"));
    row(out, "tenant", own("/tenant"));
    row(out, "data key", own("/data_key"));
    row(out, "request", joined(&[own("/http/method"), own("/http/path")]));
    row(out, "route", own("/resource"));
    row(out, "purpose", own("/purpose"));
    row(out, "pathway", own("/pathway"));
    row(out, "shown", list(decision, "/classes/revealed", &[]));
    row(out, "hidden", list(decision, "/classes/hidden", &["/class", "/mask"]));
    if let Some(outcome) = outcome {
        let of = |at: &str| outcome.pointer(at).map(bare).unwrap_or_default();
        row(out, "ended", joined(&[of("/status"), of("/ended"), of("/cause")]));
        row(out, "masked", list(outcome, "/redactions", &["/class", "/mask", "/count"]));
    }
    if let Some(shadow) = shadow {
        row(out, "in shadow", list(shadow, "/directions", &[]));
    }
}

fn told(policies: &Result<Vec<Written>, String>, out: &mut Out) {
    out.line(&paint(BOLD, "why"));
    match policies {
        Err(why) => {
            out.line(&format!("  {} {}", paint(WARN, "the policies of then are not known:"), printable(why)))
        }
        Ok(none) if none.is_empty() => {
            out.line("  no policy decided: nothing permitted it, or it was refused before they were asked")
        }
        Ok(policies) => {
            for policy in policies {
                out.line(&format!(
                    "  {}  {}",
                    paint(BOLD, printable(&policy.id)),
                    paint(DIM, printable(&policy.file))
                ));
                for line in policy.text().lines() {
                    out.line(&format!("    {}", printable(line)));
                }
            }
        }
    }
}
