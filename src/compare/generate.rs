//! Requests made from what policies name: every caller that they could tell from another, on every route, about every
//! DataKey, with every purpose and at every time that they could tell apart. Those about what changed come first; where
//! all are too many, some of them, spread evenly.
//!
//! Never: says that requests are all there are; [`Generator::possible`] says how many there would be.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::limits;
use crate::policy::written;
use crate::policy::written::Named;
use crate::policy::written::Of;
use crate::request::question::Call;
use crate::request::question::Question;
use crate::snapshot::Snapshot;

/// A prime far above any number of requests that could be made, so that steps of it visit each of them once.
const STRIDE: u128 = 2_305_843_009_213_693_951;
/// Who is asked for where no policy names anybody.
const SOMEBODY: &str = "somebody";
/// A token's issuer, where none is configured.
const ISSUER: &str = "https://issuer.invalid";

/// Requests about what changed first, then others, step by step further from it.
#[derive(Debug)]
pub struct Plan {
    /// What each step is about, for people, and of what its requests are made. Those of the steps before are left out.
    pub steps: Vec<(&'static str, Generator)>,
    most: usize,
}

impl Plan {
    /// At most `most` requests, now or at the times that policies name. `changed` are the ids of the policies that differ.
    #[must_use]
    pub fn new(snapshots: [&Snapshot; 2], changed: &BTreeSet<String>, now_ms: u64, most: usize) -> Self {
        let sources = snapshots.map(|snapshot| snapshot.sources().policies());
        let made = |of: Of<'_>, fill: usize| {
            let mut named = Named::default();
            sources.iter().for_each(|sources| named.extend(written::named(sources, of)));
            Generator::new(snapshots, &named, now_ms, fill)
        };
        let mut steps = Vec::new();
        if !changed.is_empty() {
            steps.push(("about what changed", made(Of::These(changed), OTHER_TENANTS)));
            // Whoever may do what a changed forbid forbids may have a role that only another policy names.
            steps.push(("about it, with every role", made(Of::TheseAndAllRoles(changed), OTHER_TENANTS)));
        }
        steps.push(("others", made(Of::All, limits::COMPARE_VALUES_MAX)));
        Self { steps, most }
    }

    /// At most so many are made.
    #[must_use]
    pub fn len_max(&self) -> usize {
        let all: u128 = self.steps.iter().map(|(_, generator)| generator.possible()).sum();
        usize::try_from(all).unwrap_or(usize::MAX).min(self.most)
    }

    /// The requests, each once and always the same ones in the same order, each with the number of its step.
    pub fn questions(&self) -> impl Iterator<Item = (usize, Question)> {
        let values: Rc<[Values]> = self.steps.iter().map(|(_, generator)| generator.values()).collect();
        let steps = self.steps.iter().enumerate().flat_map(move |(at, (_, generator))| {
            let values = Rc::clone(&values);
            let is_new =
                move |question: &Question| !values.iter().take(at).any(|asked| asked.contain(question));
            generator.questions().filter(is_new).map(move |question| (at, question))
        });
        steps.take(self.most)
    }
}

/// How many tenants that nobody names are asked about, beside what changed.
const OTHER_TENANTS: usize = 4;

/// Makes requests of some values, each with each.
#[derive(Debug, Default)]
pub struct Generator {
    callers: Vec<Arc<Principal>>,
    routes: Vec<String>,
    keys: Vec<DataKey>,
    purposes: Vec<Option<String>>,
    times_ms: Vec<u64>,
}

/// The values that requests were made of.
struct Values {
    callers: HashSet<String>,
    routes: HashSet<String>,
    keys: HashSet<DataKey>,
    purposes: HashSet<Option<String>>,
    times_ms: HashSet<u64>,
}

impl Values {
    /// Was such a request made?
    fn contain(&self, question: &Question) -> bool {
        let route = matches!(&question.call, Call::Route(id) if self.routes.contains(id));
        route
            && self.times_ms.contains(&question.now_ms)
            && self.purposes.contains(&question.purpose)
            && question.data_key.as_ref().is_some_and(|key| self.keys.contains(key))
            && self.callers.contains(&format!("{:?}", question.principal))
    }
}

impl Generator {
    /// Requests that what is `named` could matter to, with up to `fill` tenants.
    fn new(snapshots: [&Snapshot; 2], named: &Named, now_ms: u64, fill: usize) -> Self {
        let tenants = tenants(snapshots, named, fill);
        let mut keys: BTreeSet<DataKey> = tenants.iter().map(TenantPath::data_key).collect();
        keys.extend(named.data_keys.iter().filter_map(|key| DataKey::parse(key).ok()));
        let issuer = snapshots.into_iter().find_map(|snapshot| snapshot.keyring().issuers().min());
        let auth = Auth::Jwt { issuer: issuer.unwrap_or(ISSUER).into() };
        let mut purposes = vec![None];
        purposes.extend(named.purposes.iter().cloned().map(Some));
        purposes.truncate(limits::COMPARE_VALUES_MAX);
        Self {
            callers: callers(&tenants, named, &auth),
            routes: routes(snapshots),
            keys: keys.into_iter().take(limits::COMPARE_VALUES_MAX).collect(),
            purposes,
            times_ms: times(named, now_ms),
        }
    }

    fn values(&self) -> Values {
        Values {
            callers: self.callers.iter().map(|caller| format!("{:?}", Some(caller))).collect(),
            routes: self.routes.iter().cloned().collect(),
            keys: self.keys.iter().cloned().collect(),
            purposes: self.purposes.iter().cloned().collect(),
            times_ms: self.times_ms.iter().copied().collect(),
        }
    }

    /// How many requests can be made.
    #[must_use]
    pub fn possible(&self) -> u128 {
        let sizes = [
            self.callers.len(),
            self.routes.len(),
            self.keys.len(),
            self.purposes.len(),
            self.times_ms.len(),
        ];
        // Each is far below 2^16, so the product has room.
        sizes.into_iter().map(|size| size as u128).product()
    }

    /// What they are made of, for people: how many callers, routes, and so on.
    #[must_use]
    pub fn made_of(&self) -> [(usize, &'static str); 5] {
        [
            (self.callers.len(), "callers"),
            (self.routes.len(), "routes"),
            (self.keys.len(), "DataKeys"),
            (self.purposes.len(), "purposes"),
            (self.times_ms.len(), "times"),
        ]
    }

    /// All requests, each once, in an order that is always the same and in which any number of them is spread evenly.
    fn questions(&self) -> impl Iterator<Item = Question> {
        let possible = self.possible();
        (0..possible).filter_map(move |at| self.question((at * STRIDE) % possible))
    }

    fn question(&self, number: u128) -> Option<Question> {
        let mut rest = number;
        let mut digit = |base: usize| {
            let base = base.max(1) as u128;
            let digit = rest % base;
            rest /= base;
            usize::try_from(digit).unwrap_or(0)
        };
        let purpose = self.purposes.get(digit(self.purposes.len()))?;
        let now_ms = self.times_ms.get(digit(self.times_ms.len()))?;
        let key = self.keys.get(digit(self.keys.len()))?;
        let route = self.routes.get(digit(self.routes.len()))?;
        let principal = self.callers.get(digit(self.callers.len()))?;
        Some(Question {
            principal: Some(Arc::clone(principal)),
            call: Call::Route(route.clone()),
            action: None,
            method: None,
            target: None,
            data_key: Some(key.clone()),
            purpose: purpose.clone(),
            host: None,
            source_ip: None,
            now_ms: *now_ms,
        })
    }
}

/// The tenants that policies name or whose data they name, those around them, one below each, and some others.
fn tenants(snapshots: [&Snapshot; 2], named: &Named, fill: usize) -> Vec<TenantPath> {
    let mut found: BTreeSet<TenantPath> = BTreeSet::new();
    for tenants in snapshots.map(|snapshot| &snapshot.model().tenants) {
        let owners = named.data_keys.iter().filter_map(|key| tenants.owner(&DataKey::parse(key).ok()?));
        let named = named.tenants.iter().filter_map(|path| tenants.find(path)).chain(owners);
        for tenant in named {
            found.extend(tenants.get(tenant).path.and_enclosing());
            found.extend(tenants.children(tenant).next().map(|child| tenants.get(child).path.clone()));
        }
    }
    for (_, tenant) in snapshots.into_iter().flat_map(|snapshot| snapshot.model().tenants.iter()) {
        if found.len() >= fill {
            break;
        }
        found.insert(tenant.path.clone());
    }
    found.into_iter().take(limits::COMPARE_VALUES_MAX).collect()
}

/// In each tenant: somebody with no role, with each role, in each group; and everybody who is named.
fn callers(tenants: &[TenantPath], named: &Named, auth: &Auth) -> Vec<Arc<Principal>> {
    let mut found = Vec::new();
    let mut kinds = vec![Kind::User];
    if named.any_service || !named.services.is_empty() {
        kinds.push(Kind::Service);
    }
    for tenant in tenants {
        let mut add = |kind: Kind, id: &str, role: Option<&String>, group: Option<&String>| {
            found.push(Arc::new(Principal {
                kind,
                id: id.into(),
                tenant: Some(tenant.clone()),
                roles: role.into_iter().map(|role| role.as_str().into()).collect(),
                groups: group.into_iter().map(|group| group.as_str().into()).collect(),
                scopes: Vec::new(),
                auth: auth.clone(),
                actor: None,
            }));
        };
        for kind in &kinds {
            add(*kind, SOMEBODY, None, None);
            named.roles.iter().for_each(|role| add(*kind, SOMEBODY, Some(role), None));
            named.groups.iter().for_each(|group| add(*kind, SOMEBODY, None, Some(group)));
        }
        named.users.iter().for_each(|id| add(Kind::User, id, None, None));
        named.services.iter().for_each(|id| add(Kind::Service, id, None, None));
    }
    found.truncate(limits::COMPARE_CALLERS_MAX);
    found
}

/// The ids of routes, one for each way in which policies could tell them apart but by their own name.
fn routes(snapshots: [&Snapshot; 2]) -> Vec<String> {
    let mut kinds = BTreeSet::new();
    let mut found = Vec::new();
    for snapshot in snapshots {
        let model = snapshot.model();
        for (_, route) in model.routes.iter().filter(|(_, route)| !route.public) {
            let classes = route.classes.iter().filter_map(|class| model.classes.get(*class));
            let classes: Vec<String> = classes.map(|class| class.name.to_string()).collect();
            let kind = (route.action.as_str(), route.method.to_string(), route.groups.clone(), classes);
            if found.len() < limits::COMPARE_ROUTES_MAX && kinds.insert(kind) {
                found.push(route.id.to_string());
            }
        }
    }
    found
}

/// Now, and just before and at each time that a policy names.
fn times(named: &Named, now_ms: u64) -> Vec<u64> {
    let mut found = BTreeSet::from([now_ms]);
    for time in named.times_ms.iter().filter_map(|time| u64::try_from(*time).ok()) {
        found.extend([time.saturating_sub(limits::NOW_STEP_MS), time]);
    }
    found.into_iter().take(limits::COMPARE_VALUES_MAX).collect()
}
