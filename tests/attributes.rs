//! Policies that people will copy: with any one fact of the request taken away, what was denied stays denied.
//!
//! In process, over the policies that ship, those of the example and those that `palisade init` writes. What a typed
//! request cannot lack (its action, its tenants' status) is taken away from the entities in `src/policy/tests`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use http::Method;
use palisade::identity::Actor;
use palisade::identity::Auth;
use palisade::identity::Kind;
use palisade::identity::Principal;
use palisade::ids::DataKey;
use palisade::ids::TenantPath;
use palisade::model::Classes;
use palisade::model::Model;
use palisade::model::Route;
use palisade::model::Routes;
use palisade::model::RoutesBuilder;
use palisade::model::TenantIx;
use palisade::model::Tenants;
use palisade::policy::Facts;
use palisade::policy::Memory;
use palisade::policy::Policies;
use palisade::policy::SCHEMA;
use palisade::policy::Source;

/// The example's tenants and those of `init`, with what one of them may be.
const STATES: [[&str; 3]; 8] = [
    ["", "", ""],
    ["", "status: quarantined", ""],
    ["", "status: suspended", ""],
    ["", "status: maintenance", ""],
    ["", "isolation: strict", ""],
    ["status: quarantined", "", ""],
    ["isolation: strict", "", ""],
    ["", "", "status: suspended"],
];

/// For policies that do not ask for a state, where the baseline beside them does.
const FEW: &[[&str; 3]] = &[STATES[0], STATES[1], STATES[4]];

const ROLES: [&[&str]; 7] = [
    &[],
    &["clinician"],
    &["frontdesk"],
    &["auditor"],
    &["billing", "identity-desk"],
    &["incident-responder"],
    &["auditor", "billing", "clinician", "frontdesk", "identity-desk", "incident-responder"],
];

const CARELESS: &str = r#"
@id("all") permit (principal, action, resource);
@id("way") @pathway("acme to globex") permit (principal in Tenant::"globex", action, resource in DataKey::"acme");
"#;

struct World {
    model: Model,
    policies: Policies,
}

fn source(file: &str, text: &str) -> Source {
    Source { file: file.into(), text: text.into(), confined_to: None }
}

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All policies of a folder. What lies in `tenants/<tenant>/` is confined to that tenant.
fn policies(folder: &Path, confined_to: Option<&str>, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            let inner = match (confined_to, name) {
                (None, "tenants") => Some(String::new()),
                (None, _) => None,
                (Some(""), name) => Some(name.to_owned()),
                (Some(outer), name) => Some(format!("{outer}/{name}")),
            };
            policies(&path, inner.as_deref(), found);
        } else if name.ends_with(".cedar") {
            let confined_to = confined_to.map(|tenant| TenantPath::parse(tenant).unwrap());
            found.push(Source { confined_to, ..source(path.to_str().unwrap(), &read(&path)) });
        }
    }
}

fn tenants(state: [&str; 3]) -> Tenants {
    let [acme, west, globex] = state.map(|state| if state.is_empty() { "tier: gold" } else { state });
    let text = format!(
        "tenants:\n  acme: {{region: eu, {acme}, tenants: {{west: {{{west}, tenants: {{sf1: {{}}}}}}, east: {{}}}}}}\n  globex: {{region: us, {globex}, tenants: {{north: {{}}}}}}\n"
    );
    Tenants::parse("tenants.yaml", &text).unwrap().0
}

fn world(
    state: [&str; 3],
    classes: &str,
    routes: impl FnOnce(&Classes) -> Routes,
    sources: &[Source],
) -> World {
    let classes = Classes::parse("classes.yaml", classes).unwrap();
    let routes = routes(&classes);
    let model = Model::new(tenants(state), classes, routes);
    let (policies, _) = Policies::compile(&source("palisade.cedarschema", SCHEMA), sources, &model)
        .unwrap_or_else(|problems| panic!("{problems:#?}"));
    World { model, policies }
}

/// What `palisade init` writes into a folder.
struct Written(tempfile::TempDir);

impl Written {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_palisade")).arg("init").arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self(folder)
    }

    fn world(&self, state: [&str; 3], sources: &[Source]) -> World {
        let text = |name: &str| read(self.0.path().join(name));
        let routes = |classes: &Classes| {
            let mut routes = RoutesBuilder::new();
            routes.add_yaml("routes.yaml", &text("routes.yaml"), classes);
            routes.finish().unwrap()
        };
        world(state, &text("classes.yaml"), routes, sources)
    }
}

fn clinic(state: [&str; 3]) -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clinic/config");
    let routes = |classes: &Classes| {
        let mut routes = RoutesBuilder::new();
        routes.add_openapi("openapi.yaml", &read(folder.join("openapi.yaml")), classes);
        routes.finish().unwrap()
    };
    let mut sources = Vec::new();
    policies(&folder.join("policies"), None, &mut sources);
    assert!(sources.len() >= 3 && sources.iter().any(|source| source.confined_to.is_some()));
    world(state, &read(folder.join("classes.yaml")), routes, &sources)
}

/// One request, with every fact that it may have.
#[derive(Clone)]
struct Call {
    principal: Principal,
    caller: TenantIx,
    target: TenantIx,
    key: DataKey,
    route: Route,
    purpose: Option<&'static str>,
    source_ip: Option<IpAddr>,
    path: &'static str,
    host: &'static str,
}

impl Call {
    fn name(&self) -> String {
        let who = &self.principal;
        let purpose = self.purpose;
        format!("{:?} of {:?} for {purpose:?}: {} of {}", who.roles, who.tenant, self.route.id, self.key)
    }

    /// What the policies say: of the request, then of each class. Only what `wanted` says is asked.
    fn ask(&self, world: &World, memory: &mut Memory, wanted: &dyn Fn(usize) -> bool) -> Vec<bool> {
        let principal = Arc::new(self.principal.clone());
        let facts = Facts {
            principal: &principal,
            caller: self.caller,
            target: self.target,
            action: self.route.action,
            route: &self.route,
            data_key: &self.key,
            method: &Method::GET,
            path: self.path,
            host: self.host,
            purpose: self.purpose,
            source_ip: self.source_ip,
            now_ms: 1_800_000_000_000,
        };
        let asked = world.policies.ask(&world.model, &facts, memory);
        let decided = wanted(0) && asked.decide().allowed;
        let revealed = self
            .route
            .classes
            .iter()
            .enumerate()
            .map(|(at, class)| wanted(at + 1) && asked.reveal(*class).allowed);
        std::iter::once(decided).chain(revealed).collect()
    }

    /// This request with each fact taken away in turn.
    fn maimed(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        let mut without = |what: &str, change: &mut dyn FnMut(&mut Self)| {
            let mut call = self.clone();
            change(&mut call);
            all.push((what.to_owned(), call));
        };
        without("purpose", &mut |call| call.purpose = None);
        without("source ip", &mut |call| call.source_ip = None);
        without("path", &mut |call| call.path = "");
        without("host", &mut |call| call.host = "");
        without("actor", &mut |call| call.principal.actor = None);
        without("the actor's actor", &mut |call| call.principal.actor.as_mut().unwrap().actor = None);
        without("issuer", &mut |call| call.principal.auth = Auth::ApiKey { id: "k".into() });
        without("the principal's own tenant", &mut |call| call.principal.tenant = None);
        without("all roles", &mut |call| call.principal.roles.clear());
        for (at, role) in self.principal.roles.iter().enumerate() {
            without(&format!("role {role}"), &mut |call| drop(call.principal.roles.remove(at)));
        }
        without("groups", &mut |call| call.principal.groups.clear());
        without("scopes", &mut |call| call.principal.scopes.clear());
        // Under another name, for a memory takes a route to be what it was.
        without("the route's groups", &mut |call| {
            call.route.groups.clear();
            call.route.id = "ungrouped".into();
        });
        all
    }
}

fn calls(world: &World) -> Vec<Call> {
    let tenant = |path: &str| world.model.tenants.find(path).unwrap();
    let mut all = Vec::new();
    for of in ["acme", "acme/west", "globex"] {
        for roles in ROLES {
            let before = Actor { kind: Kind::User, id: "before".into(), actor: None };
            let principal = Principal {
                kind: Kind::User,
                id: "anna".into(),
                tenant: Some(TenantPath::parse(of).unwrap()),
                roles: roles.iter().map(|role| (*role).into()).collect(),
                groups: vec!["night".into()],
                scopes: vec!["read".into()],
                auth: Auth::Jwt { issuer: "https://id.example".into() },
                actor: Some(Actor { kind: Kind::Service, id: "robot".into(), actor: Some(Box::new(before)) }),
            };
            for key in ["acme/west", "acme/claims", "globex"] {
                let key = DataKey::parse(key).unwrap();
                for purpose in ["audit", "marketing"] {
                    let call = |route: &Route| Call {
                        principal: principal.clone(),
                        caller: tenant(of),
                        target: world.model.tenants.owner(&key).unwrap(),
                        key: key.clone(),
                        route: route.clone(),
                        purpose: Some(purpose),
                        source_ip: Some([10, 0, 0, 7].into()),
                        path: "/patients/1",
                        host: "api.example",
                    };
                    all.extend(routes(world).map(call));
                }
            }
        }
    }
    all
}

/// One route of each kind: more of the same action and groups would be asked the same.
fn routes(world: &World) -> impl Iterator<Item = &Route> {
    let mut kinds = BTreeSet::new();
    let routes = world.model.routes.iter().map(|(_, route)| route);
    routes.filter(move |route| kinds.insert((route.action, route.groups.clone())))
}

/// Every way in which less said means more allowed, and how many answers were denials and allows.
fn widened(world: &World) -> (Vec<String>, [usize; 2]) {
    let (mut wrong, mut denied, mut allowed, mut memory) = (Vec::new(), 0, 0, Memory::new());
    for call in calls(world) {
        let full = call.ask(world, &mut memory, &|_| true);
        allowed += full.iter().filter(|answer| **answer).count();
        denied += full.iter().filter(|answer| !**answer).count();
        if full.iter().all(|answer| *answer) {
            continue;
        }
        for (what, less) in call.maimed() {
            let answers = less.ask(world, &mut memory, &|at| !full.get(at).unwrap());
            if answers.contains(&true) {
                wrong.push(format!("{} without {what}", call.name()));
            }
        }
    }
    (wrong, [denied, allowed])
}

fn hold(states: &[[&'static str; 3]], world: impl Fn([&'static str; 3]) -> World + Sync) {
    std::thread::scope(|scope| {
        for states in states.chunks(states.len().div_ceil(2)) {
            let world = &world;
            scope.spawn(move || {
                for state in states {
                    let (wrong, [denied, allowed]) = widened(&world(*state));
                    assert!(denied > 100 && allowed > 10, "{state:?}: {denied} denied, {allowed} allowed");
                    assert!(wrong.is_empty(), "{state:?}: {wrong:#?}");
                }
            });
        }
    });
}

#[test]
fn the_baseline_never_allows_for_a_missing_fact() {
    let written = Written::new();
    let sources = [source("baseline.cedar", &read("policies/baseline.cedar")), source("all.cedar", CARELESS)];
    hold(&STATES, |state| written.world(state, &sources));
}

#[test]
fn the_policies_that_init_writes_never_allow_for_a_missing_fact() {
    let written = Written::new();
    let mut sources = Vec::new();
    policies(&written.0.path().join("policies"), None, &mut sources);
    assert!(sources.len() >= 2);
    hold(FEW, |state| written.world(state, &sources));
}

#[test]
fn the_examples_policies_never_allow_for_a_missing_fact() {
    hold(FEW, clinic);
}

/// The test of the test: policies that do allow for a missing fact are found, each by the fact that it waits for.
#[test]
fn a_policy_that_allows_for_a_missing_fact_is_found() {
    let written = Written::new();
    for (condition, fact) in [
        ("context has purpose && context.purpose == \"marketing\"", "purpose"),
        ("context has sourceIp && context.sourceIp.isInRange(ip(\"10.0.0.0/8\"))", "source ip"),
        ("context has actor && context.actor.id == \"robot\"", "actor"),
        ("context has actor && context.actor in Actor::\"User:before\"", "the actor's actor"),
        ("principal has issuer && principal.issuer like \"*example\"", "issuer"),
        ("principal in Role::\"billing\"", "all roles"),
        ("principal in Group::\"night\"", "groups"),
        ("principal.scopes.contains(\"read\")", "scopes"),
    ] {
        let text =
            format!("{CARELESS}@id(\"bad\") forbid (principal, action, resource) when {{ {condition} }};");
        let (wrong, _) = widened(&written.world(["", "", ""], &[source("bad.cedar", &text)]));
        let facts: BTreeSet<&str> =
            wrong.iter().map(|wrong| wrong.rsplit_once(" without ").unwrap().1).collect();
        assert!(facts.contains(fact), "{condition}: {facts:?}");
    }
}
