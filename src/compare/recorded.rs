//! Requests from a decision log. What a record does not say cannot be asked again, so each that cannot be used is
//! counted, with the reason.
//!
//! Never: fills in what a record does not say, but for a purpose; the report says how often the answer is not the
//! recorded one.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::keeping::Names;
use crate::compare::effect::Outcome;
use crate::identity;
use crate::identity::Actor;
use crate::identity::Auth;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::request::question;
use crate::request::question::Call;
use crate::request::question::Question;

/// What was read of a decision log.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// How many decisions were read.
    pub decisions: u64,
    /// How many of them the older snapshot decides otherwise than was recorded.
    pub otherwise: u64,
    /// How many could not be used, by why.
    pub unusable: BTreeMap<&'static str, u64>,
    /// The names that the log's pseudonyms stand for: policies ask for names.
    pub names: Names,
    line: Vec<u8>,
}

/// A recorded request.
#[derive(Debug)]
pub struct Asked {
    /// What was asked.
    pub question: Question,
    /// Was it allowed?
    pub allowed: bool,
    /// What became of it, as far as the record says it.
    pub outcome: Outcome,
    /// The snapshot that decided.
    pub snapshot: Option<Digest>,
}

#[derive(serde::Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    rest: serde_json::Value,
}

#[derive(serde::Deserialize)]
struct Decision {
    decision: String,
    principal: Option<Caller>,
    http: Http,
    tenant: Option<String>,
    data_key: Option<String>,
    action: Option<String>,
    source_ip: Option<std::net::IpAddr>,
    now: String,
    purpose: Option<String>,
    #[serde(default)]
    cut: Vec<String>,
    code: Option<String>,
    snapshot: Option<String>,
    #[serde(default)]
    reasons: Vec<Reason>,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    classes: Classes,
}

#[derive(serde::Deserialize)]
struct Reason {
    policy_id: String,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Classes {
    revealed: Vec<String>,
    hidden: Vec<HiddenClass>,
    settable: Vec<String>,
    unsettable: Vec<String>,
}

#[derive(serde::Deserialize)]
struct HiddenClass {
    class: String,
}

#[derive(serde::Deserialize)]
struct Http {
    method: String,
    host: String,
    path: String,
}

#[derive(serde::Deserialize)]
struct Caller {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    tenant: Option<String>,
    auth_method: String,
    issuer: Option<String>,
    actor: Option<ActorLine>,
    roles: Option<Vec<String>>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

#[derive(serde::Deserialize)]
struct ActorLine {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    actor: Option<Box<ActorLine>>,
}

impl Recorded {
    /// Reads one line. `None`: it is no decision, or one that cannot be used, which is counted.
    pub fn read(&mut self, line: &str) -> Option<Asked> {
        if line.trim().is_empty() {
            return None;
        }
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return self.unusable("it is no record");
        };
        if line.kind != "decision" {
            return None;
        }
        self.decisions += 1;
        let Ok(decision) = serde_json::from_value::<Decision>(line.rest) else {
            return self.unusable("it is no record");
        };
        match asked(decision) {
            Ok(asked) => Some(asked),
            Err(why) => self.unusable(why),
        }
    }

    /// Takes one record of a log. `None`: it is no decision of the caller's own book, or one that cannot be used.
    pub fn take(&mut self, entry: &Entry<'_>, record: &[u8]) -> Option<Asked> {
        if entry.kind != Kind::Decision || entry.mirror {
            return None;
        }
        self.decisions += 1;
        self.line.clear();
        let decision = entry::line(record, &mut self.line).ok();
        if !self.names.is_empty() {
            self.line = self.names.reveal_json(&String::from_utf8_lossy(&self.line)).into_bytes();
        }
        match decision.and_then(|()| serde_json::from_slice::<Decision>(&self.line).ok()).map(asked) {
            Some(Ok(asked)) => Some(asked),
            Some(Err(why)) => self.unusable(why),
            None => self.unusable("it is no record"),
        }
    }

    fn unusable<T>(&mut self, why: &'static str) -> Option<T> {
        *self.unusable.entry(why).or_default() += 1;
        None
    }

    /// How many could be used.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.decisions.saturating_sub(self.unusable.values().sum())
    }
}

/// What a record must hold whole for its question to be asked again.
const OF_THE_QUESTION: [&str; 8] = ["roles", "groups", "scopes", "id", "path", "host", "method", "purpose"];

fn asked(decision: Decision) -> Result<Asked, &'static str> {
    if decision.cut.iter().any(|cut| OF_THE_QUESTION.contains(&cut.as_str())) {
        return Err("a part of it was too long, and was cut");
    }
    let Some(caller) = decision.principal else { return Err("it does not say who called") };
    let Some(roles) = caller.roles else { return Err("it does not say the caller's roles") };
    if [&roles, &caller.groups, &caller.scopes].iter().any(|all| all.len() > limits::CLAIM_VALUES_MAX) {
        return Err("its caller has too many roles");
    }
    let bad = "it has a name that is none";
    let texts = |texts: Vec<String>| {
        let mut texts: Vec<Box<str>> = texts.into_iter().map(String::into_boxed_str).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    let source = caller.issuer.unwrap_or_default();
    let principal = Principal {
        kind: who(&caller.kind).ok_or(bad)?,
        id: caller.id.into(),
        tenant: caller.tenant.map(|text| TenantPath::parse(&text)).transpose().map_err(|_| bad)?,
        roles: texts(roles),
        groups: texts(caller.groups),
        scopes: texts(caller.scopes),
        auth: match &*caller.auth_method {
            "jwt" => Auth::Jwt { issuer: source.into() },
            "spiffe" => Auth::Spiffe { trust_domain: source.into() },
            _ => Auth::ApiKey { id: source.into() },
        },
        actor: caller.actor.map(|actor| chain(&actor, 0).ok_or(bad)).transpose()?,
    };
    let now: jiff::Timestamp = decision.now.parse().map_err(|_| bad)?;
    let method = Method::from_bytes(decision.http.method.as_bytes()).map_err(|_| bad)?;
    let named = |text: &String| Action::ALL.into_iter().find(|action| action.as_str() == text);
    let action = decision.action.as_ref().and_then(named);
    let question = Question {
        principal: Some(Arc::new(principal)),
        call: Call::Path(method, decision.http.path),
        action,
        method: None,
        target: decision.tenant.map(|text| TenantPath::parse(&text)).transpose().map_err(|_| bad)?,
        data_key: decision.data_key.map(|text| DataKey::parse(&text)).transpose().map_err(|_| bad)?,
        purpose: decision.purpose,
        host: Some(decision.http.host),
        source_ip: decision.source_ip,
        now_ms: u64::try_from(now.as_millisecond()).map_err(|_| bad)?,
    };
    let allowed = decision.decision == "allow";
    let code = decision.code.as_deref();
    let code = code.and_then(|code| question::codes().into_iter().find(|known| *known == code));
    if !allowed && code.is_none() {
        return Err("it was refused for what no record holds: a credential, a body, a limit");
    }
    let outcome = Outcome {
        allowed,
        code,
        tenant: question.target.as_ref().map(ToString::to_string),
        action: question.action.map(Action::as_str),
        ..outcome(decision.reasons, decision.errors, decision.classes)
    };
    let snapshot = decision.snapshot.as_deref().and_then(Digest::parse);
    Ok(Asked { question, allowed, outcome, snapshot })
}

/// What the record says of the policies and of classes of data; which policy said it of a class it does not say.
fn outcome(reasons: Vec<Reason>, errors: Vec<String>, classes: Classes) -> Outcome {
    let names = |classes: Vec<String>| classes.into_iter().map(|class| (class, Vec::new())).collect();
    let mut policies: Vec<String> =
        reasons.into_iter().map(|reason| reason.policy_id).chain(errors).collect();
    policies.sort_unstable();
    policies.dedup();
    let Classes { revealed, hidden, settable, unsettable } = classes;
    Outcome {
        policies,
        shown: names(revealed),
        hidden: names(hidden.into_iter().map(|hidden| hidden.class).collect()),
        settable: names(settable),
        unsettable: names(unsettable),
        ..Outcome::default()
    }
}

fn who(text: &str) -> Option<identity::Kind> {
    [identity::Kind::User, identity::Kind::Service].into_iter().find(|kind| kind.as_str() == text)
}

fn chain(line: &ActorLine, depth: usize) -> Option<Actor> {
    if depth > limits::DELEGATION_DEPTH_MAX {
        return None;
    }
    let actor = match &line.actor {
        Some(inner) => Some(Box::new(chain(inner, depth + 1)?)),
        None => None,
    };
    Some(Actor { kind: who(&line.kind)?, id: line.id.as_str().into(), actor })
}
