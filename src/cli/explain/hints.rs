//! What single change would turn a deny into an allow: found by making each change and asking again.
//!
//! Never: guesses. A change that is told was made, and the answer was an allow.

use std::sync::Arc;

use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::TenantPath;
use crate::limits;
use crate::model::Found;
use crate::model::Route;
use crate::model::RouteIx;
use crate::policy::Alone;
use crate::policy::Effect;
use crate::policy::Facts;
use crate::policy::Fate;
use crate::policy::Memory;
use crate::policy::Mentions;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::request::question::Call;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::snapshot::Checked;
use crate::snapshot::Draft;
use crate::snapshot::Role;
use crate::snapshot::Settings;
use crate::snapshot::Snapshot;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;
use crate::tenancy::Relation;

/// A change that would allow the request.
#[derive(Debug, serde::Serialize)]
pub(super) struct Hint {
    /// What is changed: `role`, `group`, `scope`, `purpose`, `kind`, `tenant`, `now`, `forbid` or `policy`.
    pub(super) kind: &'static str,
    /// The change, in words.
    pub(super) change: String,
    /// The permits that would then allow it.
    pub(super) by: Vec<String>,
    /// The policy to add, where that is the change.
    pub(super) policy: Option<String>,
}

/// All that was found.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Hints {
    pub(super) found: Vec<Hint>,
    /// How many changes were tried.
    pub(super) tried: usize,
    /// Were there more to try than may be?
    pub(super) cut: bool,
}

/// One change of the request, not tried yet.
struct Change {
    kind: &'static str,
    words: String,
    question: Question,
}

/// Tries every single change.
pub(super) fn hints(snapshot: &Snapshot, settings: &Arc<Settings>, question: &Question) -> Hints {
    let mut hints = Hints::default();
    let mut changes = changes(snapshot, question);
    hints.cut = changes.len() > limits::HINTS_TRIED_MAX;
    changes.truncate(limits::HINTS_TRIED_MAX);
    for Change { kind, words, question } in changes {
        hints.tried += 1;
        if let Some(by) = allowed(snapshot, &question) {
            hints.found.push(Hint { kind, change: words, by, policy: None });
        }
    }
    hints.tried += 1;
    hints.found.extend(the_one_forbid(snapshot, question));
    for text in missing(snapshot, question) {
        hints.tried += 1;
        let Some(with) = extended(snapshot, settings, &text) else { continue };
        if let Some(by) = allowed(with.snapshot(), question) {
            let change = "a policy that is missing".to_owned();
            hints.found.push(Hint { kind: "policy", change, by, policy: Some(text) });
            break;
        }
    }
    hints
}

/// The permits that allow it; nothing where it is not allowed.
fn allowed(snapshot: &Snapshot, question: &Question) -> Option<Vec<String>> {
    let policies = snapshot.policies();
    let ask = |facts: &Facts<'_>| {
        let verdict = policies.ask(snapshot.model(), facts, &mut Memory::new()).decide();
        let by = verdict.reasons.iter().map(|policy| policies.id(*policy).to_owned()).collect();
        verdict.allowed.then_some(by)
    };
    match question.put(snapshot, ask) {
        Ok(Put::Asked(by)) => by,
        Ok(Put::Refused(_) | Put::Public(_)) | Err(_) => None,
    }
}

fn changes(snapshot: &Snapshot, question: &Question) -> Vec<Change> {
    let Some(principal) = &question.principal else { return Vec::new() };
    let mentions = snapshot.policies().mentions(|_| true);
    // Roles and groups come last: of them there may be more than are tried.
    let mut changes = of_context(&mentions, question);
    let mut of_principal = |kind, words: String, change: &dyn Fn(&mut Principal)| {
        let mut other = (**principal).clone();
        change(&mut other);
        let question = Question { principal: Some(Arc::new(other)), ..question.clone() };
        changes.push(Change { kind, words, question });
    };
    for scope in mentions.texts_of("principal.scopes") {
        if !principal.scopes.iter().any(|has| &**has == scope) {
            of_principal("scope", format!("the scope `{scope}`"), &|one| add(&mut one.scopes, scope));
        }
    }
    let (other, word) = match principal.kind {
        Kind::User => (Kind::Service, "a service"),
        Kind::Service => (Kind::User, "a user"),
    };
    of_principal("kind", format!("the caller is {word}"), &|one| one.kind = other);
    for tenant in around(snapshot, question) {
        if principal.tenant.as_ref() != Some(&tenant) {
            let words = format!("the caller belongs to `{tenant}`");
            of_principal("tenant", words, &|one| one.tenant = Some(tenant.clone()));
        }
    }
    if principal.actor.is_some() {
        of_principal("actor", "nobody acts for the caller".to_owned(), &|one| one.actor = None);
    }
    for role in mentions.of_type("Role").filter(|role| !principal.roles.iter().any(|has| &**has == *role)) {
        of_principal("role", format!("the role `{role}`"), &|one| add(&mut one.roles, role));
    }
    for role in &principal.roles {
        of_principal("role", format!("without the role `{role}`"), &|one| {
            one.roles.retain(|has| has != role)
        });
    }
    for group in
        mentions.of_type("Group").filter(|group| !principal.groups.iter().any(|has| &**has == *group))
    {
        of_principal("group", format!("the group `{group}`"), &|one| add(&mut one.groups, group));
    }
    changes
}

fn add(all: &mut Vec<Box<str>>, one: &str) {
    all.push(one.into());
    all.sort_unstable();
}

fn of_context(mentions: &Mentions, question: &Question) -> Vec<Change> {
    let mut changes = Vec::new();
    for purpose in mentions.texts_of("context.purpose") {
        if question.purpose.as_deref() != Some(purpose) {
            let question = Question { purpose: Some(purpose.to_owned()), ..question.clone() };
            changes.push(Change { kind: "purpose", words: format!("the purpose `{purpose}`"), question });
        }
    }
    if question.purpose.is_some() {
        let question = Question { purpose: None, ..question.clone() };
        changes.push(Change { kind: "purpose", words: "no purpose".to_owned(), question });
    }
    for text in &mentions.times {
        let Some(ms) =
            text.parse::<jiff::Timestamp>().ok().and_then(|time| time.as_millisecond().try_into().ok())
        else {
            continue;
        };
        let now_ms: u64 = ms;
        let step = limits::NOW_STEP_MS;
        for (words, now_ms) in [("before", now_ms.saturating_sub(step)), ("at or after", now_ms + step)] {
            if (now_ms < ms) != (question.now_ms < ms) {
                let question = Question { now_ms, ..question.clone() };
                changes.push(Change { kind: "now", words: format!("a time {words} {text}"), question });
            }
        }
    }
    changes
}

/// The tenant whose data is meant, and those around it.
fn around(snapshot: &Snapshot, question: &Question) -> Vec<TenantPath> {
    let tenants = &snapshot.model().tenants;
    let owner = question.data_key.as_ref().and_then(|key| tenants.owner(key));
    let named = question.target.as_ref().and_then(|target| tenants.find(target.as_str()));
    let Some(target) = owner.or(named) else { return Vec::new() };
    tenants.get(target).path.and_enclosing().collect()
}

/// The forbid without which it would be allowed: where one alone forbids, nothing errs, and a permit applies.
fn the_one_forbid(snapshot: &Snapshot, question: &Question) -> Option<Hint> {
    let policies = snapshot.policies();
    let look = |facts: &Facts<'_>| {
        let mut memory = Memory::new();
        let asked = policies.ask(snapshot.model(), facts, &mut memory);
        let verdict = asked.decide();
        let [forbid] = verdict.reasons.as_slice() else { return None };
        if verdict.allowed || !verdict.errors.is_empty() {
            return None;
        }
        let applies = |policy: &PolicyIx| {
            policies.effect(*policy) == Some(Effect::Permit)
                && asked.trace(*policy).is_some_and(|trace| trace.fate == Fate::Applies)
        };
        let all = (0..u32::try_from(policies.len()).unwrap_or(u32::MAX)).map(PolicyIx);
        let by: Vec<String> = all.filter(applies).map(|policy| policies.id(policy).to_owned()).collect();
        let change = format!("without the forbid `{}`", policies.id(*forbid));
        (!by.is_empty()).then_some(Hint { kind: "forbid", change, by, policy: None })
    };
    match question.put(snapshot, look) {
        Ok(Put::Asked(found)) => found,
        Ok(Put::Refused(_) | Put::Public(_)) | Err(_) => None,
    }
}

/// Policies that might be missing, the narrowest first.
fn missing(snapshot: &Snapshot, question: &Question) -> Vec<String> {
    let model = snapshot.model();
    let made = question.put(snapshot, |facts| {
        (
            facts.caller,
            facts.target,
            facts.data_key.to_string(),
            facts.action.as_str(),
            in_a_file(facts.route),
        )
    });
    let principal = question.principal.as_deref();
    let Some(caller) = principal.and_then(|one| one.tenant.as_ref()) else { return Vec::new() };
    let id = format!("@id(\"{}\")\n", free_id(snapshot.policies()));
    let crossing = |key: &str, action: &str| {
        format!(
            "{id}@pathway(\"{key} for {caller}\")\npermit (principal in Tenant::\"{caller}\", action == Action::\"{action}\", resource in DataKey::\"{key}\");"
        )
    };
    match made {
        Ok(Put::Asked((from, to, key, action, route))) => match Relation::between(from, to, &model.tenants) {
            Relation::Same | Relation::Below => {
                let resource =
                    route.map_or_else(|| format!("DataKey::\"{key}\""), |id| format!("Route::{id:?}"));
                let roles = principal.into_iter().flat_map(|one| &one.roles);
                let who =
                    roles.map(|role| format!("Role::{:?}", &**role)).chain([format!("Tenant::\"{caller}\"")]);
                who.map(|who| format!("{id}permit (principal in {who}, action == Action::\"{action}\", resource in {resource});")).collect()
            }
            Relation::Above | Relation::Apart => vec![crossing(&key, action)],
        },
        // No pathway leads there, so no policy was asked: what is meant stands in the question alone.
        Ok(Put::Refused(_)) => {
            let key = question.data_key.as_ref().map(ToString::to_string);
            let key = key.or_else(|| question.target.as_ref().map(|target| target.data_key().to_string()));
            let route = match &question.call {
                Call::Action(action, _) => Some(*action),
                Call::Route(id) => {
                    model.routes.iter().find(|(_, route)| *route.id == **id).map(|(_, route)| route.action)
                }
                Call::Path(method, path) => found(snapshot, method, path),
            };
            key.zip(route).map(|(key, action)| crossing(&key, action.as_str())).into_iter().collect()
        }
        Ok(Put::Public(_)) | Err(_) => Vec::new(),
    }
}

fn found(snapshot: &Snapshot, method: &http::Method, path: &str) -> Option<crate::ids::Action> {
    let path = path.split('?').next().unwrap_or(path);
    match snapshot.model().routes.find(method, path) {
        Found::Route(route, _) => Some(route.action),
        Found::OtherMethod(_) | Found::None => None,
    }
}

/// The id of a route that is not made for the question alone.
fn in_a_file(route: &Route) -> Option<String> {
    (route.ix != RouteIx(u32::MAX)).then(|| route.id.to_string())
}

fn free_id(policies: &Policies) -> String {
    let names = (1..).map(|n: u32| if n == 1 { "new-policy".to_owned() } else { format!("new-policy-{n}") });
    names.take(limits::HINTS_TRIED_MAX).find(|id| policies.find(id).is_none()).unwrap_or_default()
}

/// The snapshot with one more policy, checked as any other.
fn extended(snapshot: &Snapshot, settings: &Arc<Settings>, text: &str) -> Option<Checked> {
    let name = "a policy that is missing";
    let file = SourceFile {
        role: Role::Policies { confined_to: None },
        name: name.into(),
        file: name.into(),
        text: text.into(),
    };
    let files = snapshot.sources().files().iter().cloned().chain([file]).collect();
    let draft = Draft {
        sources: Sources::new(files, Vec::new()),
        settings: Arc::clone(settings),
        problems: Vec::new(),
    };
    draft.check_after(Some(snapshot), &Alone, snapshot.loaded_at_ms()).ok()
}
