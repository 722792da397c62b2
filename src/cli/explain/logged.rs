//! A decision from a decision log: what is on record, and the request as far as the record holds it.
//!
//! Never: takes for a fact what the record does not say; each such thing is listed as assumed.

use std::fs::File;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value as Json;

use crate::limits;
use crate::model::Found;
use crate::snapshot::Snapshot;

use crate::cli::facts;
use crate::cli::facts::Asking;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;

/// What a caller has, and not every record holds.
const CALLER: [&str; 3] = ["roles", "groups", "scopes"];

/// What the log says about one decision.
#[derive(Debug, serde::Serialize)]
pub(super) struct Logged {
    /// The record as it stands.
    decision: Json,
    /// How the request ended, where that is on record.
    outcome: Option<Json>,
    /// What had to be assumed to make the decision again, one sentence each.
    assumed: Vec<String>,
    /// Was it made by the snapshot that the files are now?
    same_snapshot: bool,
    /// Does the decision made again agree with the record? Nothing where it could not be made.
    agrees: Option<bool>,
}

/// Reads one decision, and what to ask to make it again; nothing to ask where the record does not say enough.
pub(super) fn read(
    log: &Path,
    id: &str,
    flags: &Asking,
    snapshot: &Snapshot,
) -> Result<(Option<Asking>, Logged), String> {
    let (decision, outcome) = find(log, id)?;
    let digest = snapshot.digest().to_string();
    let mut logged = Logged {
        same_snapshot: text(&decision, "/snapshot") == Some(&digest),
        decision,
        outcome,
        assumed: Vec::new(),
        agrees: None,
    };
    let record = &logged.decision;
    if text(record, "/principal/id").is_none() || text(record, "/action").is_none() {
        return Ok((None, logged));
    }
    let asked = asked(record, snapshot);
    logged.assumed = assumed(record, &asked, flags, logged.same_snapshot);
    let asking = facts::over(flags, asked);
    Ok((Some(asking), logged))
}

/// The lines of the log about one decision.
fn find(log: &Path, id: &str) -> Result<(Json, Option<Json>), String> {
    let name = log.display();
    let unreadable = |error: std::io::Error| format!("`{name}` cannot be read: {error}");
    let mut lines = BufReader::new(File::open(log).map_err(unreadable)?);
    let longest = u64::try_from(limits::RECORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(2);
    let (mut decision, mut outcome) = (None, None);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(longest).read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            break;
        }
        if memchr::memmem::find(&line, id.as_bytes()).is_none() {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Json>(&line) else { continue };
        // What stands in the book of another tenant says less of the same decision.
        if text(&record, "/decision_id") != Some(id) || record.get("mirror").is_some() {
            continue;
        }
        match text(&record, "/type") {
            Some("decision") => decision = Some(record),
            Some("outcome") => outcome = Some(record),
            Some(_) | None => {}
        }
    }
    let decision = decision.ok_or_else(|| format!("`{name}` has no decision `{}`", printable(id)))?;
    Ok((decision, outcome))
}

/// The request as the record has it.
fn asked(record: &Json, snapshot: &Snapshot) -> Asking {
    let own = |at: &str| text(record, at).map(str::to_owned);
    let resource = own("/resource");
    let routes = &snapshot.model().routes;
    let method = own("/http/method").and_then(|method| method.parse::<http::Method>().ok());
    // Conditions may look at the path, so it is asked with where it still leads to the same route.
    let path = own("/http/path").zip(method).filter(|(path, method)| {
        matches!(routes.find(method, path), Found::Route(route, _) if Some(&*route.id) == resource.as_deref())
    });
    let path = path.map(|(path, _)| path);
    let route = resource.filter(|id| path.is_none() && routes.iter().any(|(_, route)| *route.id == **id));
    let is_made = path.is_none() && route.is_none();
    let kind = own("/principal/type").map(|kind| kind.to_lowercase());
    let issuer = own("/principal/issuer").filter(|_| text(record, "/principal/auth_method") == Some("jwt"));
    Asking {
        principal: own("/principal/id"),
        kind,
        tenant: own("/principal/tenant"),
        roles: texts(record, "/principal/roles"),
        groups: texts(record, "/principal/groups"),
        scopes: texts(record, "/principal/scopes"),
        issuer,
        actor: actors(record),
        action: own("/action").filter(|_| is_made),
        classes: if is_made { classes(record) } else { Vec::new() },
        route,
        target: own("/tenant"),
        data_key: own("/data_key"),
        method: own("/http/method"),
        purpose: own("/purpose"),
        host: own("/http/host"),
        path,
        source_ip: text(record, "/source_ip").and_then(|ip| ip.parse().ok()),
        now: own("/now").or_else(|| own("/time")),
    }
}

fn actors(record: &Json) -> Vec<String> {
    let first = record.pointer("/principal/actor");
    let chain = std::iter::successors(first, |actor| actor.get("actor"));
    let one =
        |actor: &Json| Some(format!("{}:{}", text(actor, "/type")?.to_lowercase(), text(actor, "/id")?));
    chain.take(limits::DELEGATION_DEPTH_MAX).filter_map(one).collect()
}

fn classes(record: &Json) -> Vec<String> {
    let hidden = record.pointer("/classes/hidden").and_then(Json::as_array).into_iter().flatten();
    let hidden = hidden.filter_map(|one| text(one, "/class").map(str::to_owned));
    texts(record, "/classes/revealed").into_iter().chain(hidden).collect()
}

/// What the record does not hold, or a flag says otherwise, and what stands in its place.
fn assumed(record: &Json, asked: &Asking, flags: &Asking, same_snapshot: bool) -> Vec<String> {
    let mut all = Vec::new();
    let held = asked.said();
    for (name, given) in flags.said() {
        match held.iter().find(|(held, _)| *held == name).map(|(_, text)| text) {
            Some(text) if *text == given => {}
            Some(text) => all.push(format!("`--{name} {given}`, in place of `{text}` on record")),
            // What is missing of the caller is told below.
            None if record.pointer(&format!("/principal/{name}")).is_none() && CALLER.contains(&name) => {}
            None => all.push(format!("`--{name} {given}`, which is not on record")),
        }
    }
    for (name, given) in [("roles", &flags.roles), ("groups", &flags.groups), ("scopes", &flags.scopes)] {
        if record.pointer(&format!("/principal/{name}")).is_none() {
            all.push(if given.is_empty() {
                format!("the caller had no {name}: the record does not hold them (`--{name}`)")
            } else {
                format!("the caller's {name}: {}, from `--{name}`", given.join(", "))
            });
        }
    }
    if !same_snapshot {
        all.push("the files as they are now: the record was made by another snapshot".to_owned());
    }
    all
}

fn text<'j>(record: &'j Json, at: &str) -> Option<&'j str> {
    record.pointer(at)?.as_str()
}

fn texts(record: &Json, at: &str) -> Vec<String> {
    let all = record.pointer(at).and_then(Json::as_array).into_iter().flatten();
    all.filter_map(Json::as_str).map(str::to_owned).collect()
}

impl Logged {
    /// The same, held against the decision made again.
    pub(super) fn compared(self, allowed: bool) -> Self {
        let agrees = (text(&self.decision, "/decision") == Some("allow")) == allowed;
        Self { agrees: Some(agrees), ..self }
    }

    /// For people.
    pub(super) fn pretty(&self) -> String {
        let record = &self.decision;
        let mut out = format!("{}\n", paint(BOLD, "on record"));
        let mut row = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                out += &format!("  {name:<10} {}\n", printable(&value));
            }
        };
        let own = |at: &str| text(record, at).map(str::to_owned);
        row("decision", own("/decision"));
        row("code", own("/code"));
        row("time", own("/time"));
        row("principal", own("/principal/id"));
        row("of", own("/principal/tenant"));
        row("action", own("/action"));
        row("data key", own("/data_key"));
        let reasons = record.pointer("/reasons").and_then(Json::as_array).into_iter().flatten();
        let reasons: Vec<&str> = reasons.filter_map(|reason| text(reason, "/policy_id")).collect();
        row("by", Some(reasons.join(", ")));
        row("errors", Some(texts(record, "/errors").join(", ")));
        row("pathway", own("/pathway"));
        row("revealed", Some(texts(record, "/classes/revealed").join(", ")));
        let hidden = record.pointer("/classes/hidden").and_then(Json::as_array).into_iter().flatten();
        let hidden =
            hidden.filter_map(|one| Some(format!("{} by {}", text(one, "/class")?, text(one, "/mask")?)));
        row("hidden", Some(hidden.collect::<Vec<_>>().join(", ")));
        row("snapshot", own("/snapshot"));
        row("ended", self.outcome.as_ref().and_then(|outcome| text(outcome, "/ended")).map(str::to_owned));
        match self.agrees {
            None => {
                out +=
                    "\nit cannot be made again: the record does not say who called, or what was attempted\n";
                return out;
            }
            Some(true) => out += &format!("\n{}\n", paint(BOLD, "made again: the same decision")),
            Some(false) => out += &format!("\n{}\n", paint(WARN, "made again: another decision")),
        }
        for assumed in &self.assumed {
            out += &format!("  {} {}\n", paint(DIM, "assumed:"), printable(assumed));
        }
        out + "\n"
    }
}
