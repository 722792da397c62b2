//! Our evaluation against Cedar's own authorizer, over random small worlds: same reasons, same errors, and the same
//! decision but for the one rule that an error denies.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use cedar_policy::Authorizer;
use cedar_policy::Context;
use cedar_policy::Decision;
use cedar_policy::Entities;
use cedar_policy::PolicySet;
use cedar_policy::RestrictedExpression as Value;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::identity::Actor;
use crate::policy::engine::entities::RouteFacts;
use crate::policy::engine::entities::Types;

const PATHS: [&str; 6] = ["acme", "acme/west", "acme/west/sf1", "acme/east", "globex", "acme-x"];
const KEYS: [&str; 8] = [
    "acme",
    "acme/west",
    "acme/west/claims",
    "acme/west/sf1",
    "acme/east/a/b",
    "globex",
    "acme-x",
    "globex/deep",
];

pub(super) fn principal_scope() -> impl Strategy<Value = String> {
    let tenant = select(&PATHS[..]);
    prop_oneof![
        3 => Just("principal".to_owned()),
        1 => select(vec!["User::\"u0\"", "Service::\"u1\""]).prop_map(|uid| format!("principal == {uid}")),
        2 => select(vec!["Role::\"r0\"", "Role::\"r1\"", "Group::\"g\""]).prop_map(|uid| format!("principal in {uid}")),
        1 => select(vec!["User", "Service"]).prop_map(|kind| format!("principal is {kind}")),
        2 => tenant.clone().prop_map(|path| format!("principal in Tenant::\"{path}\"")),
        1 => tenant.prop_map(|path| format!("principal is User in Tenant::\"{path}\"")),
    ]
}

pub(super) fn action_scope() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("action".to_owned()),
        2 => select(vec!["read", "update", "export", "reveal", "write"]).prop_map(|a| format!("action == Action::\"{a}\"")),
        1 => Just("action in Action::\"write\"".to_owned()),
        1 => Just("action in [Action::\"read\", Action::\"transfer\", Action::\"reveal\"]".to_owned()),
        1 => Just("action in [Action::\"write\", Action::\"reveal\"]".to_owned()),
    ]
}

pub(super) fn resource_scope() -> impl Strategy<Value = String> {
    let key = select(&KEYS[..]);
    prop_oneof![
        3 => Just("resource".to_owned()),
        3 => key.clone().prop_map(|key| format!("resource in DataKey::\"{key}\"")),
        1 => key.prop_map(|key| format!("resource is Resource in DataKey::\"{key}\"")),
        1 => select(vec!["pii", "pii.contact", "billing"]).prop_map(|name| format!("resource in DataClass::\"{name}\"")),
        1 => select(vec!["resource is Field", "resource is Resource", "resource in RouteGroup::\"clinical\""]).prop_map(str::to_owned),
        1 => Just("resource == Resource::\"acme/west#getPatient\"".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "resource.level <= 2",
        "resource.level + 9223372036854775807 > 0",
        "resource.level * 9223372036854775807 > 7",
        "principal.tenant.status == \"active\"",
        "resource.tenant.status != \"suspended\"",
        "resource.dataKey in principal.tenant.dataKey",
        "resource in resource.tenant.dataKey",
        "principal.tenant in resource.tenant",
        "resource.tenant.boundary.isolation == \"strict\"",
        "principal.tenant.boundary.dataKey has tenant.boundary.status",
        "resource.dataKey has tenant && resource.dataKey.tenant.isolation == \"shared\"",
        "resource.dataKey has tenant.dataKey.tenant.status",
        "principal.dataKey has tenant && principal.dataKey.tenant == principal.tenant",
        "context has purpose && context.purpose == \"audit\"",
        "context.now < datetime(\"2023-11-14T22:13:20.100Z\")",
        "context.now <= datetime(\"2023-11-14T22:13:20.200Z\")",
        "datetime(\"2023-11-15T00:13:20.100+0200\") <= context.now",
        "datetime(\"2023-11-14\") < context.now && context.now < datetime(\"2023-11-14T22:13:20Z\")",
        "context.now.offset(duration(\"100ms\")) < datetime(\"2023-11-14T22:13:20.300Z\")",
        "context has now && context.path like \"/p*\"",
        "context == context",
        "resource in DataKey::\"acme/west\"",
        "principal in Role::\"r0\"",
        "principal == User::\"u0\"",
        "principal is Service && resource is Resource",
        "context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\"))",
        "context has actor && context.actor in Actor::\"Service:a\"",
        "context has actor && context.actor.kind == \"User\"",
        "Tenant::\"acme\".status == \"active\"",
        "Tenant::\"acme/west\" in Tenant::\"acme\"",
        "DataKey::\"acme/west/claims\" has tenant.status",
        "(if principal is User then Tenant::\"globex\" else principal.tenant).status == \"active\"",
        "DataClass::\"pii.name\".level == resource.level",
        "resource has class && resource.class in DataClass::\"pii.contact\"",
        "resource has class.level && resource.class.level > 2",
        "resource is Resource && resource.classes.contains(DataClass::\"pii.name\")",
        "resource has route && resource.route in RouteGroup::\"clinical\"",
        "principal.roles.contains(\"r0\")",
        "principal has issuer",
        "action in Action::\"write\"",
        "action == Action::\"reveal\"",
        "action == Action::\"write\"",
        "User::\"u0\" in Role::\"r0\"",
        "User::\"u0\" has issuer",
        "Service::\"u1\" in Tenant::\"acme\"",
        "Actor::\"Service:a\" in Actor::\"User:b\"",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
        ]
    })
}

prop_compose! {
    pub(super) fn policy()(
        effect in select(vec!["permit", "permit", "permit", "@pathway(\"p\") permit", "forbid"]),
        scope in (principal_scope(), action_scope(), resource_scope()),
        when in proptest::option::of(condition()),
        unless in proptest::option::weighted(0.2, condition()),
        folder in proptest::option::weighted(0.2, select(&PATHS[..])),
    ) -> (String, Option<&'static str>) {
        let when = when.map_or(String::new(), |text| format!("when {{ {text} }}"));
        let unless = unless.map_or(String::new(), |text| format!("unless {{ {text} }}"));
        (format!("{effect}({}, {}, {}) {when} {unless};", scope.0, scope.1, scope.2), folder)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Asks {
    pub(super) principal: Arc<Principal>,
    pub(super) action: Action,
    pub(super) route: &'static str,
    pub(super) key: &'static str,
    pub(super) purpose: Option<&'static str>,
    pub(super) source_ip: Option<std::net::IpAddr>,
    pub(super) now_ms: u64,
}

impl Asks {
    /// The same caller and call with another context: what is kept of the one must fit the other.
    fn at_another_time(&self) -> Self {
        let purpose = if self.purpose == Some("audit") { None } else { Some("audit") };
        let source_ip = if self.source_ip.is_some() { None } else { Some([10, 0, 0, 1].into()) };
        Self { purpose, source_ip, now_ms: self.now_ms + 100, ..self.clone() }
    }

    /// The same question in several contexts, some of them twice: by then its answer may be kept.
    fn again_and_again(&self) -> impl Iterator<Item = Self> {
        let later = |ms| Self { now_ms: self.now_ms + ms, ..self.clone() };
        let other = self.at_another_time();
        [self.clone(), other.clone(), later(100), self.clone(), later(200), other, later(100)].into_iter()
    }
}

prop_compose! {
    pub(super) fn asks()(
        kind in select(vec![Kind::User, Kind::Service]),
        id in select(vec!["u0", "u1"]),
        tenant in select(&PATHS[..]),
        roles in proptest::sample::subsequence(vec!["r0", "r1"], 0..=2),
        jwt in any::<bool>(),
        chain in proptest::collection::vec((select(vec![Kind::User, Kind::Service]), select(vec!["a", "b"])), 0..3),
        call in (select(Action::ALL.to_vec()), select(vec!["getPatient", "getHealth"]), select(&KEYS[..])),
        purpose in proptest::option::of(select(vec!["audit", "x"])),
        source_ip in proptest::option::of(select(vec![std::net::IpAddr::from([10, 0, 0, 1]), [192, 0, 2, 1].into()])),
        now_ms in 1_700_000_000_000_u64..1_700_000_000_300,
    ) -> Asks {
        let actor = chain.into_iter().fold(None, |before, (kind, id)| {
            Some(Actor { kind, id: id.into(), actor: before.map(Box::new) })
        });
        let auth = if jwt { Auth::Jwt { issuer: "i".into() } } else { Auth::ApiKey { id: "k".into() } };
        let roles: Vec<&str> = roles;
        let principal = Principal { kind, auth, actor, groups: vec!["g".into()], ..(*user(id, tenant, &roles)).clone() };
        Asks { principal: Arc::new(principal), action: call.0, route: call.1, key: call.2, purpose, source_ip, now_ms }
    }
}

pub(super) fn a_model() -> impl Strategy<Value = String> {
    let state = || (select(vec!["active", "suspended"]), select(vec!["shared", "strict"]));
    (state(), state(), state(), state()).prop_map(|(a, b, c, d)| {
        let one = |(status, isolation): (&str, &str)| format!("status: {status}, isolation: {isolation}");
        format!("tenants:\n  acme: {{{}, tenants: {{west: {{{}, tenants: {{sf1: {{}}}}}}, east: {{{}}}}}}}\n  globex: {{{}}}\n  acme-x: {{}}\n", one(a), one(b), one(c), one(d))
    })
}

/// Each policy in a file of its own; those that do not validate are left out.
pub(super) fn valid(model: &Model, texts: &[(String, Option<&str>)]) -> Vec<Source> {
    let mut sources: Vec<Source> = texts
        .iter()
        .enumerate()
        .map(|(at, (text, folder))| Source {
            confined_to: folder.map(|path| TenantPath::parse(path).unwrap()),
            ..source(&format!("p{at}"), &format!("@id(\"p{at}\") {text}"))
        })
        .collect();
    if let Err(found) = Policies::compile(&schema(), &sources, model) {
        let bad: BTreeSet<_> = found
            .iter()
            .filter(|one| one.severity == crate::problem::Severity::Error)
            .map(|one| one.place.file.clone())
            .collect();
        sources.retain(|source| !bad.contains(&source.file));
    }
    sources
}

pub(super) fn compiled(model: &Model, texts: &[(String, Option<&str>)]) -> Policies {
    compile(model, &valid(model, texts))
}

/// The whole world as Cedar entities, checked against the schema, with its hierarchy computed by Cedar.
fn whole_world(model: &Model, asks: &Asks, schema: &cedar_policy::Schema) -> Entities {
    let types = Types::new().unwrap();
    let key = DataKey::parse(asks.key).unwrap();
    let owner = &model.tenants.get(model.tenants.owner(&key).unwrap()).path;
    let caller = types.caller(&asks.principal, asks.principal.tenant.as_ref().unwrap());
    let mut all = vec![(*caller.entity).clone()];
    all.extend(caller.actors.iter().map(|actor| (**actor).clone()));
    let mut keys: BTreeSet<DataKey> = KEYS.iter().map(|key| DataKey::parse(key).unwrap()).collect();
    for (_, tenant) in model.tenants.iter() {
        all.push(types.tenant(tenant, &model.tenants.get(tenant.boundary).path));
        keys.insert(tenant.path.data_key());
    }
    for key in &keys {
        all.push(types.data_key(key, Some(&model.tenants.get(model.tenants.owner(key).unwrap()).path)));
    }
    for (_, class) in model.classes.iter() {
        all.push(types.data_class(&class.name, class.level));
        all.push(types.field(&format!("{key}#{}", class.name), (&class.name, class.level), &key, owner));
    }
    for (_, route) in model.routes.iter() {
        all.push(types.route(&route.id, &route.groups));
        let classes: Vec<_> =
            route.classes.iter().map(|class| &model.classes.get(*class).unwrap().name).collect();
        let facts =
            RouteFacts { id: &route.id, groups: &route.groups, classes: &classes, level: route.level };
        all.push(types.resource(&format!("{key}#{}", route.id), facts, &key, owner));
    }
    Entities::from_entities(all.into_iter().map(cedar_policy::Entity::from), Some(schema)).unwrap()
}

fn reference(
    asks: &Asks,
    schema: &cedar_policy::Schema,
    action: &str,
    resource: &str,
) -> cedar_policy::Request {
    let uid = |kind: &str, id: &str| {
        cedar_policy::EntityUid::from_type_name_and_id(kind.parse().unwrap(), cedar_policy::EntityId::new(id))
    };
    let now = jiff::Timestamp::from_millisecond(i64::try_from(asks.now_ms / 100 * 100).unwrap()).unwrap();
    let text = |text: &str| Value::new_string(text.to_owned());
    let mut pairs = vec![
        ("now".to_owned(), Value::new_datetime(now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())),
        ("method".to_owned(), text("GET")),
        ("path".to_owned(), text("/p")),
        ("host".to_owned(), text("h")),
    ];
    pairs.extend(asks.purpose.map(|purpose| ("purpose".to_owned(), text(purpose))));
    pairs.extend(asks.source_ip.map(|ip| ("sourceIp".to_owned(), Value::new_ip(ip.to_string()))));
    pairs.extend(asks.principal.actor.as_ref().map(|actor| {
        let id = format!("{}:{}", actor.kind.as_str(), actor.id);
        ("actor".to_owned(), Value::new_entity_uid(uid("Actor", &id)))
    }));
    let kind = if [REVEAL, WRITE].contains(&action) { "Field" } else { "Resource" };
    let principal = uid(asks.principal.kind.as_str(), &asks.principal.id);
    let context = Context::from_pairs(pairs).unwrap();
    cedar_policy::Request::new(principal, uid("Action", action), uid(kind, resource), context, Some(schema))
        .unwrap()
}

pub(super) fn facts<'a>(model: &'a Model, asks: &'a Asks, data_key: &'a DataKey) -> Facts<'a> {
    Facts {
        principal: &asks.principal,
        caller: model.tenants.find(asks.principal.tenant.as_ref().unwrap().as_str()).unwrap(),
        target: model.tenants.owner(data_key).unwrap(),
        action: asks.action,
        route: route(model, asks.route),
        data_key,
        method: &Method::GET,
        path: "/p",
        host: "h",
        purpose: asks.purpose,
        source_ip: asks.source_ip,
        now_ms: asks.now_ms,
    }
}

/// How many verdicts have been compared with Cedar's.
static COMPARED: AtomicU64 = AtomicU64::new(0);

/// Random worlds of one run, about three hundred comparisons each: `LAW_CASES=4000` makes a million of them.
fn cases() -> u32 {
    std::env::var("LAW_CASES").map_or(160, |count| count.parse().unwrap())
}

fn same(policies: &Policies, ours: &Verdict, cedars: &cedar_policy::Response) -> Result<(), TestCaseError> {
    let name =
        |ids: Vec<&cedar_policy::PolicyId>| ids.into_iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let errors: BTreeSet<String> = cedars
        .diagnostics()
        .errors()
        .map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
        })
        .collect();
    COMPARED.fetch_add(1, Ordering::Relaxed);
    let reasons = name(cedars.diagnostics().reason().collect());
    let (ours_reasons, ours_errors) = (ids(policies, &ours.reasons), ids(policies, &ours.errors));
    prop_assert!(ours_reasons.is_sorted() && ours_errors.is_sorted());
    prop_assert_eq!(BTreeSet::from_iter(ours_errors), errors.clone());
    let allowed = cedars.decision() == Decision::Allow;
    prop_assert_eq!(ours.allowed, allowed && errors.is_empty());
    let expected = if allowed && !errors.is_empty() { BTreeSet::new() } else { reasons };
    prop_assert_eq!(BTreeSet::from_iter(ours_reasons), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// One memory is used for all requests of a world, another is fresh each time, and both agree with Cedar.
    fn law_of_verdicts(
        tenants in a_model(),
        texts in proptest::collection::vec(policy(), 1..9),
        all in proptest::collection::vec(asks(), 1..7),
    ) {
        let model = model(&tenants);
        let policies = compiled(&model, &texts);
        let (schema, _) = cedar_policy::Schema::from_cedarschema_str(SCHEMA).unwrap();
        let mut set = PolicySet::new();
        for id in policies.ids() {
            // What is printed is what is evaluated.
            let text = policies.effective_text(id).unwrap();
            set.add(cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new(id)), text).unwrap()).unwrap();
        }
        let mut kept = Memory::new();
        for asks in all.iter().flat_map(Asks::again_and_again) {
            let asks = &asks;
            let entities = whole_world(&model, asks, &schema);
            let data_key = DataKey::parse(asks.key).unwrap();
            let facts = facts(&model, asks, &data_key);
            let mut fresh = Memory::new();
            for memory in [&mut kept, &mut fresh] {
                let asked = policies.ask(&model, &facts, memory);
                let cedars = |action: &str, resource: String| {
                    Authorizer::new().is_authorized(&reference(asks, &schema, action, &resource), &set, &entities)
                };
                same(&policies, &asked.decide(), &cedars(asks.action.as_str(), format!("{}#{}", asks.key, asks.route)))?;
                for (class, named) in model.classes.iter() {
                    let field = || format!("{}#{}", asks.key, named.name);
                    same(&policies, &asked.reveal(class), &cedars(REVEAL, field()))?;
                    if facts.route.request_classes.contains(&class) {
                        same(&policies, &asked.write(class), &cedars(WRITE, field()))?;
                    }
                }
            }
        }
    }

}

#[test]
fn every_verdict_is_that_of_cedars_own_authorizer_but_that_an_error_denies() {
    law_of_verdicts();
    let compared = COMPARED.load(Ordering::Relaxed);
    assert!(compared > u64::from(cases()) * 50, "only {compared} comparisons");
    writeln!(std::io::stderr(), "{compared} verdicts compared, no difference").unwrap();
}
