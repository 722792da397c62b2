//! A decision and its reasons, asked of the policies and put into words.
//!
//! Never: names a value; there is none here.

use serde_json::Value as Json;
use serde_json::json;

use crate::policy::Facts;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::request::Refusal;
use crate::request::question;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::request::question::Unasked;
use crate::snapshot::Snapshot;
use crate::tenancy::Disagreement;

use super::out::BAD;
use super::out::BOLD;
use super::out::DIM;
use super::out::GOOD;
use super::out::WARN;
use super::out::paint;

/// A policy that decided, and where it stands.
#[derive(Debug, Clone, serde::Serialize)]
struct Reason {
    policy_id: String,
    effect: &'static str,
    file: String,
    line: u32,
}

/// May one class of data be seen?
#[derive(Debug, serde::Serialize)]
struct Class {
    class: String,
    level: u8,
    revealed: bool,
    /// What stands in the value's place.
    mask: Option<String>,
    reasons: Vec<Reason>,
    errors: Vec<Reason>,
    /// May the caller set it? Only where the request's body may carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<Set>,
}

/// May one class of data be set?
#[derive(Debug, serde::Serialize)]
struct Set {
    settable: bool,
    /// What becomes of a body that sets it all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    denied: Option<&'static str>,
    reasons: Vec<Reason>,
    errors: Vec<Reason>,
}

/// The answer to one question.
#[derive(Debug, serde::Serialize)]
pub(super) struct Answer {
    decision: &'static str,
    #[serde(skip)]
    pub(super) allowed: bool,
    code: Option<&'static str>,
    message: String,
    reasons: Vec<Reason>,
    errors: Vec<Reason>,
    pathway: Option<String>,
    tenant: Option<String>,
    target: Option<String>,
    data_key: Option<String>,
    pub(super) action: Option<&'static str>,
    route: Option<String>,
    classes: Vec<Class>,
    snapshot: String,
}

impl Answer {
    /// A refusal before any policy is asked.
    fn refused(snapshot: &Snapshot, code: &'static str, message: &str) -> Self {
        Self {
            decision: "deny",
            allowed: false,
            code: Some(code),
            message: message.to_owned(),
            reasons: Vec::new(),
            errors: Vec::new(),
            pathway: None,
            tenant: None,
            target: None,
            data_key: None,
            action: None,
            route: None,
            classes: Vec::new(),
            snapshot: snapshot.digest().to_string(),
        }
    }
}

/// Answers a question.
///
/// # Errors
/// When it names what there is not.
pub(super) fn answer(snapshot: &Snapshot, question: &Question) -> Result<Answer, Unasked> {
    Ok(match question.put(snapshot, |facts| explain(snapshot, facts))? {
        Put::Asked(answer) => answer,
        Put::Refused(refusal) => Answer::refused(snapshot, refusal.row().code, &said(&refusal)),
        Put::Public(route) => Answer {
            decision: "allow",
            allowed: true,
            code: None,
            message: "the route is public".to_owned(),
            route: Some(route.into()),
            ..Answer::refused(snapshot, "", "")
        },
    })
}

/// Why it ends before a policy is asked.
fn said(refusal: &Refusal) -> String {
    let Refusal::Tenancy(disagreement) = refusal else {
        let title = refusal.row().title.trim_end_matches('.');
        let mut chars = title.chars();
        return chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect();
    };
    match disagreement {
        Disagreement::NoTenant => "the caller has no tenant".to_owned(),
        Disagreement::Unknown(source) => {
            format!("the tenant that the {} names is not known", source.as_str())
        }
        Disagreement::Mismatch(_, _) => {
            "the data is not that of the caller's tenant, and no pathway leads from the one to the other"
                .to_owned()
        }
    }
}

fn explain(snapshot: &Snapshot, facts: &Facts<'_>) -> Answer {
    let (model, policies) = (snapshot.model(), snapshot.policies());
    let judgement = question::judge(snapshot, facts);
    let verdict = &judgement.verdict;
    let classes = judgement.classes.iter().filter_map(|shown| {
        let known = model.classes.get(shown.class)?;
        Some(Class {
            class: known.name.to_string(),
            level: known.level,
            revealed: shown.verdict.allowed,
            mask: shown.mask.as_ref().map(ToString::to_string),
            reasons: reasons(policies, &shown.verdict.reasons),
            errors: reasons(policies, &shown.verdict.errors),
            set: shown.set.as_ref().map(|set| Set {
                settable: set.may,
                denied: (!set.may).then(|| facts.route.denied.as_str()),
                reasons: reasons(policies, &set.verdict.reasons),
                errors: reasons(policies, &set.verdict.errors),
            }),
        })
    });
    let tenant = |tenant| model.tenants.get(tenant).path.to_string();
    Answer {
        decision: if verdict.allowed { "allow" } else { "deny" },
        allowed: verdict.allowed,
        code: judgement.refusal().map(|refusal| refusal.row().code),
        message: message(verdict).to_owned(),
        reasons: reasons(policies, &verdict.reasons),
        errors: reasons(policies, &verdict.errors),
        pathway: verdict.pathway.and_then(|policy| policies.pathway(policy)).map(str::to_owned),
        tenant: Some(tenant(facts.caller)),
        target: Some(tenant(facts.target)),
        data_key: Some(facts.data_key.to_string()),
        action: Some(facts.action.as_str()),
        route: Some(facts.route.id.to_string()),
        classes: classes.collect(),
        ..Answer::refused(snapshot, "", "")
    }
}

const fn message(verdict: &Verdict) -> &'static str {
    match (verdict.allowed, verdict.errors.is_empty(), verdict.reasons.is_empty()) {
        (true, _, _) => "permitted, and nothing forbids it",
        (false, false, _) => "a policy failed, and a policy that fails denies",
        (false, true, false) => "forbidden",
        (false, true, true) => "no policy permits it",
    }
}

fn reasons(policies: &Policies, found: &[PolicyIx]) -> Vec<Reason> {
    let one = |policy: &PolicyIx| {
        let place = policies.place(*policy);
        Reason {
            policy_id: policies.id(*policy).to_owned(),
            effect: policies.effect(*policy).map_or("", |effect| match effect {
                crate::policy::Effect::Permit => "permit",
                crate::policy::Effect::Forbid => "forbid",
            }),
            file: place.map_or(String::new(), |place| place.file.to_string()),
            line: place.map_or(0, |place| place.line),
        }
    };
    found.iter().map(one).collect()
}

/// The answer for machines.
pub(super) fn json(answer: &Answer) -> Json {
    serde_json::to_value(answer).unwrap_or_else(|_| json!({ "decision": "deny" }))
}

/// The answer for people.
pub(super) fn pretty(answer: &Answer) -> String {
    let style = if answer.allowed { GOOD } else { BAD };
    let code = answer.code.filter(|code| *code != "denied").map_or(String::new(), |code| format!(" {code}"));
    let mut out = format!("{}{code}: {}\n", paint(style, answer.decision.to_uppercase()), answer.message);
    for reason in &answer.reasons {
        out += &format!("  {} {}\n", reason.effect, one(reason));
    }
    for reason in &answer.errors {
        out += &format!("  {} {}\n", paint(BAD, "failed"), one(reason));
    }
    let mut row = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            out += &format!("  {name:<9} {}\n", super::report::printable(value));
        }
    };
    row("pathway", &answer.pathway);
    row("tenant", &answer.tenant);
    row("data of", &answer.target);
    row("data key", &answer.data_key);
    row("action", &answer.action.map(str::to_owned));
    row("route", &answer.route);
    row("snapshot", &Some(answer.snapshot.clone()));
    if !answer.classes.is_empty() {
        let width = answer.classes.iter().map(|class| class.class.len()).max().unwrap_or(0);
        out += &format!("\n{}\n", paint(BOLD, "data classes"));
        for class in &answer.classes {
            let why: Vec<&str> =
                class.reasons.iter().chain(&class.errors).map(|reason| &*reason.policy_id).collect();
            let why = if why.is_empty() { "no policy reveals it".to_owned() } else { why.join(", ") };
            let (style, state) = match &class.mask {
                None => (GOOD, "shown".to_owned()),
                Some(mask) => (WARN, format!("hidden by {mask}")),
            };
            let name = format!("{:<width$}", class.class);
            out += &format!(
                "  {name}  level {}  {:<24}  {}\n",
                class.level,
                paint(style, state),
                paint(DIM, why)
            );
        }
    }
    out += &sets(&answer.classes);
    out
}

/// What of the request's body may be set.
fn sets(classes: &[Class]) -> String {
    let carried: Vec<(&Class, &Set)> =
        classes.iter().filter_map(|class| Some((class, class.set.as_ref()?))).collect();
    let width = carried.iter().map(|(class, _)| class.class.len()).max().unwrap_or(0);
    let mut out = String::new();
    if !carried.is_empty() {
        out += &format!("\n{}\n", paint(BOLD, "data classes in the request"));
    }
    for (class, set) in carried {
        let why: Vec<&str> = set.reasons.iter().chain(&set.errors).map(|reason| &*reason.policy_id).collect();
        let why = if why.is_empty() { "no policy lets it be set".to_owned() } else { why.join(", ") };
        let (style, state) = match set.denied {
            None => (GOOD, "may be set"),
            Some("refuse") => (WARN, "may not be set, refused"),
            Some(_) => (WARN, "may not be set, dropped"),
        };
        let name = format!("{:<width$}", class.class);
        out += &format!("  {name}  {:<24}  {}\n", paint(style, state), paint(DIM, why));
    }
    out
}

fn one(reason: &Reason) -> String {
    format!("{}  {}", paint(BOLD, &reason.policy_id), paint(DIM, format!("{}:{}", reason.file, reason.line)))
}
