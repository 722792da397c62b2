//! Who and what a report goes through: callers and circumstances, taken from the policies' own words.
//!
//! A policy tells callers apart only by what it names: a role that none names makes no difference to any. So one of each
//! stands for all, and what is not gone through is told with the answer.
//! Never: answers; each question is put as any other.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use http::HeaderMap;

use crate::cases::Asks;
use crate::cases::Case;
use crate::cases::Cases;
use crate::config::Config;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::limits;
use crate::model::Params;
use crate::model::Route;
use crate::model::TenantIx;
use crate::policy::Mentions;
use crate::reload;
use crate::request::question;
use crate::request::question::Call;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::request::question::Shown;
use crate::snapshot::Snapshot;

use super::facts;
use super::facts::Asking;
use super::out::DIM;
use super::out::paint;
use super::report::printable;

/// The id of a caller that stands for anybody who has what it has.
pub(super) const ANYBODY: &str = "anybody";

/// One caller to go through.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// What tells it from others, in words: `anybody`, `role clinician`, `User gus (given)`.
    pub(super) who: String,
    pub(super) principal: Arc<Principal>,
    /// Has it more than its tenant?
    pub(super) is_plain: bool,
    /// Does it stand in a test file?
    pub(super) is_from_tests: bool,
}

/// Everyone of one tenant that the policies can tell apart.
pub(super) fn people_of(snapshot: &Snapshot, mentions: &Mentions, tenant: TenantIx) -> Vec<Person> {
    let path = &snapshot.model().tenants.get(tenant).path;
    let mut people = Vec::new();
    let auths = auths(snapshot, mentions);
    for auth in &auths {
        let proven = match auth {
            _ if auths.len() == 1 => String::new(),
            Auth::Jwt { issuer } => format!(" by a token of {issuer}"),
            Auth::ApiKey { .. } => " by an API key".to_owned(),
            Auth::Spiffe { trust_domain } => format!(" by a certificate of {trust_domain}"),
        };
        for kind in [Kind::User, Kind::Service] {
            let plain = Principal {
                kind,
                id: ANYBODY.into(),
                tenant: Some(path.clone()),
                roles: Vec::new(),
                groups: Vec::new(),
                scopes: Vec::new(),
                auth: auth.clone(),
                actor: None,
            };
            let mut add = |who: String, principal: Principal| {
                let is_plain = principal == plain;
                people.push(Person {
                    who: who + &proven,
                    principal: Arc::new(principal),
                    is_plain,
                    is_from_tests: false,
                });
            };
            add(ANYBODY.to_owned(), plain.clone());
            for role in roles(mentions) {
                add(format!("role {role}"), Principal { roles: vec![role.into()], ..plain.clone() });
            }
            for group in mentions.of_type("Group") {
                add(format!("group {group}"), Principal { groups: vec![group.into()], ..plain.clone() });
            }
            for scope in mentions.texts_of("principal.scopes") {
                add(format!("scope {scope}"), Principal { scopes: vec![scope.into()], ..plain.clone() });
            }
            for id in mentions.of_type(kind.as_str()) {
                add(format!("{} {id}", kind.as_str()), Principal { id: id.into(), ..plain.clone() });
            }
        }
    }
    people
}

fn roles(mentions: &Mentions) -> BTreeSet<&str> {
    mentions.of_type("Role").chain(mentions.texts_of("principal.roles")).collect()
}

/// Ways to prove who one is, where policies tell them apart.
fn auths(snapshot: &Snapshot, mentions: &Mentions) -> Vec<Auth> {
    let api_key = Auth::ApiKey { id: ANYBODY.into() };
    if !["principal.auth", "principal.issuer"].iter().any(|path| mentions.paths.contains(*path)) {
        return vec![api_key];
    }
    let issuers = snapshot.settings().issuers.iter().map(|issuer| issuer.issuer.clone());
    issuers.map(|issuer| Auth::Jwt { issuer: issuer.into() }).chain([api_key]).collect()
}

/// Callers of test files, each once.
pub(super) fn people_of_tests(config: &Config, now_ms: u64) -> Vec<Person> {
    let (files, _) = reload::read_tests(&config.files, &[]);
    let mut people: Vec<Person> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for cases in files.iter().filter_map(|file| Cases::parse(file, now_ms).ok()) {
        let asked = |case: Case| match case.asks {
            Asks::Request(question) => question.principal,
            // Entities of Cedar's own tests are no callers that could come here.
            Asks::Cedar(..) => None,
        };
        for principal in cases.all.into_iter().filter_map(asked) {
            if seen.insert(Arc::clone(&principal)) {
                people.push(given(principal, true));
            }
        }
    }
    people
}

/// The callers that `--principals` names.
pub(super) fn people_in(file: Option<&str>) -> Result<Vec<Person>, String> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let mut text = String::new();
    let most = limits::SOURCE_FILE_BYTES_MAX;
    let read = if file == "-" {
        std::io::stdin().lock().take(most).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.map_err(|error| format!("the principals cannot be read: {error}"))?;
    let all: Vec<Asking> = serde_json::from_str(&text)
        .map_err(|error| format!("the principals are not as expected: {error}"))?;
    all.iter().map(|one| Ok(given(Arc::new(facts::principal(one)?), false))).collect()
}

/// A caller that somebody named.
pub(super) fn given(principal: Arc<Principal>, is_from_tests: bool) -> Person {
    let from = if is_from_tests { "test file" } else { "given" };
    let who = format!("{} {} ({from})", principal.kind.as_str(), principal.id);
    Person { who, principal, is_plain: false, is_from_tests }
}

/// The purposes to go through: none, and each that policies speak of.
pub(super) fn purposes(mentions: &Mentions) -> Vec<Option<String>> {
    let named = mentions.texts_of("context.purpose").map(|purpose| Some(purpose.to_owned()));
    std::iter::once(None).chain(named).collect()
}

/// Could a caller of one tenant be let to data of the other at all? What this says no to is refused unasked.
pub(super) fn may_reach(snapshot: &Snapshot, caller: TenantIx, target: TenantIx) -> bool {
    let model = snapshot.model();
    model.tenants.is_within(target, caller) || snapshot.policies().explains(model, caller, target)
}

/// What of the circumstances is not gone through, as far as policies look at it.
pub(super) fn not_gone_through(mentions: &Mentions, purpose_given: bool, ip_given: bool) -> Vec<String> {
    let reads = |path: &str| mentions.paths.iter().any(|read| read.starts_with(path));
    let mut left = vec![
        "callers with several roles, groups or scopes at once: each is gone through by itself (`--principals`)".to_owned(),
    ];
    if reads("context.now") {
        left.push("other times than that of the question (`--now`)".to_owned());
    }
    if reads("context.sourceIp") && !ip_given {
        left.push("source addresses: none is known (`--source-ip`)".to_owned());
    }
    if reads("context.actor") {
        left.push("callers for whom somebody acts".to_owned());
    }
    if reads("context.path") || reads("context.host") {
        left.push("paths and hosts: the path is `/` and the host `localhost`".to_owned());
    }
    if purpose_given {
        left.push("other purposes than the one given".to_owned());
    } else if reads("context.purpose") {
        left.push("purposes that no policy compares with".to_owned());
    }
    left
}

/// What came of one question that was allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(super) struct May {
    /// The policies that permit it.
    pub(super) by: Vec<String>,
    /// The pathway that alone does.
    pub(super) pathway: Option<String>,
    /// The classes shown.
    pub(super) shown: Vec<String>,
    /// The classes hidden, each with its mask.
    pub(super) hidden: Vec<String>,
    /// Of those that the request's body may carry, the classes that may be set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) settable: Vec<String>,
    /// And those that may not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unsettable: Vec<String>,
}

/// Counts the questions of a report, up to the bound.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) asked: usize,
}

impl Count {
    /// May one more be asked?
    pub(super) fn is_full(&self) -> bool {
        self.asked >= limits::REPORT_QUESTIONS_MAX
    }

    /// Puts one question; what is allowed, and about which DataKey it was. Nothing where it is refused.
    pub(super) fn ask(&mut self, snapshot: &Snapshot, question: &Question) -> Option<(String, May)> {
        self.asked += 1;
        let policies = snapshot.policies();
        let classes = &snapshot.model().classes;
        let put = question.put(snapshot, |facts| {
            let judgement = question::judge(snapshot, facts);
            let verdict = &judgement.verdict;
            let name = |shown: &Shown| classes.get(shown.class).map(|class| class.name.to_string());
            let (shown, hidden): (Vec<&Shown>, Vec<&Shown>) =
                judgement.classes.iter().partition(|shown| shown.verdict.allowed);
            let set = |may: bool| {
                let of = move |one: &&Shown| one.set.as_ref().is_some_and(|set| set.may == may);
                judgement.classes.iter().filter(of).filter_map(name).collect()
            };
            verdict.allowed.then(|| {
                let may = May {
                    by: verdict.reasons.iter().map(|policy| policies.id(*policy).to_owned()).collect(),
                    pathway: verdict.pathway.and_then(|policy| policies.pathway(policy)).map(str::to_owned),
                    shown: shown.into_iter().filter_map(name).collect(),
                    hidden: hidden
                        .into_iter()
                        .filter_map(|one| Some(format!("{} by {}", name(one)?, one.mask.as_ref()?)))
                        .collect(),
                    settable: set(true),
                    unsettable: set(false),
                };
                (facts.data_key.to_string(), may)
            })
        });
        match put {
            Ok(Put::Asked(may)) => may,
            Ok(Put::Refused(_) | Put::Public(_)) | Err(_) => None,
        }
    }
}

/// Every tenant, itself and its path.
pub(super) fn tenants(snapshot: &Snapshot) -> impl Iterator<Item = (TenantIx, &TenantPath)> {
    snapshot.model().tenants.iter().map(|(ix, tenant)| (ix, &tenant.path))
}

/// The DataKeys that a route's requests are about, one for each tenant, where that is a matter of the tenant alone.
/// Nothing where the request says it.
pub(super) fn own_keys(snapshot: &Snapshot, route: &Route) -> Option<Vec<DataKey>> {
    let key = |(_, path): (TenantIx, &TenantPath)| {
        route.data_key.resolve(path, &Params::none(), None, &HeaderMap::new()).ok()
    };
    let text = route.data_key.as_str();
    let is_said = ["{path.", "{query.", "{header."].iter().any(|place| text.contains(place));
    (!is_said).then(|| tenants(snapshot).filter_map(key).collect())
}

/// The routes that are wanted, each with the DataKeys that its requests can be about, or that of them which is given.
pub(super) fn routes(
    snapshot: &Snapshot,
    given: Option<&DataKey>,
    wanted: impl Fn(&Route) -> bool,
) -> Vec<(String, Call, Vec<DataKey>)> {
    let routes = snapshot.model().routes.iter().map(|(_, route)| route);
    let calls = routes.filter(|route| !route.public && wanted(route)).filter_map(|route| {
        let mut keys: Vec<DataKey> = match (own_keys(snapshot, route), given) {
            (Some(keys), Some(given)) => keys.into_iter().filter(|key| key == given).collect(),
            (Some(keys), None) => keys,
            (None, Some(given)) => vec![given.clone()],
            (None, None) => tenants(snapshot).map(|(_, path)| path.data_key()).collect(),
        };
        keys.sort();
        keys.dedup();
        let id = route.id.to_string();
        (!keys.is_empty()).then(|| (id.clone(), Call::Route(id), keys))
    });
    calls.collect()
}

/// What one may, in the lines below who.
pub(super) fn pretty(may: &May) -> String {
    let pathway = may.pathway.as_ref().map_or(String::new(), |name| format!(" (pathway `{name}`)"));
    let mut lines = vec![format!("by {}{pathway}", may.by.join(", "))];
    let of_request = [("may be set", &may.settable), ("may not be set", &may.unsettable)];
    for (word, classes) in [("shown", &may.shown), ("hidden", &may.hidden)].into_iter().chain(of_request) {
        if !classes.is_empty() {
            lines.push(format!("{word}: {}", classes.join(", ")));
        }
    }
    lines.into_iter().map(|line| format!("    {}\n", paint(DIM, printable(&line)))).collect()
}

/// Words for some purposes out of all that were gone through.
pub(super) fn purposes_in_words(allowed: &[Option<String>], all: usize) -> String {
    if allowed.len() == all {
        return "any".to_owned();
    }
    let words = allowed.iter().map(|one| one.clone().unwrap_or_else(|| "none".to_owned()));
    words.collect::<Vec<_>>().join(", ")
}
