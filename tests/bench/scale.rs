//! What a decision costs as policies and tenants grow, against Cedar's own authorizer on the same policies in the same run.
//!
//! `cargo bench --bench scale -- 10 1000 10000 10000x500000`: a table with a row for each count of policies; with `x`, among
//! so many tenants, each an entity with a DataKey that is another. Without words it makes
//! the smallest row. `-- write FOLDER 10000` writes the configuration of a row into a folder instead, for whoever wants to
//! time a verb on it.
//! Twenty policies a tenant, as a platform with many customers has them: scopes name a role, a group or a user of the
//! tenant and a DataKey of it; some conditions read the level, the purpose or the time. Seven hold for all.
//! Must never time a question whose answer it has not compared with Cedar's.

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use cedar_policy::Authorizer;
use cedar_policy::Context;
use cedar_policy::Entities;
use cedar_policy::PolicySet;
use cedar_policy::Request;
use palisade::identity::Auth;
use palisade::identity::Kind;
use palisade::identity::Principal;
use palisade::ids::Action;
use palisade::ids::DataKey;
use palisade::ids::TenantPath;
use palisade::model::Classes;
use palisade::model::Model;
use palisade::model::RoutesBuilder;
use palisade::model::Tenants;
use palisade::policy::Facts;
use palisade::policy::Memory;
use palisade::policy::Policies;
use palisade::policy::SCHEMA;
use palisade::policy::Source;

/// As in `palisade` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const OF_EACH_TENANT: usize = 20;
const NOW_MS: u64 = 1_795_270_000_000;
const FOR_ALL: &str = r#"
@id("active") forbid(principal, action, resource) unless { principal.tenant.status == "active" };
@id("whole") forbid(principal, action, resource) unless { resource.tenant.status == "active" };
@id("strict") forbid(principal, action, resource) when { resource.tenant.boundary.isolation == "strict" && principal.tenant.boundary != resource.tenant.boundary };
@id("export") forbid(principal, action == Action::"export", resource) unless { context has purpose };
@id("auditors") permit(principal in Role::"auditor", action in [Action::"read", Action::"list"], resource);
@id("names") permit(principal, action == Action::"reveal", resource in DataClass::"pii.name");
@id("window") permit(principal in Role::"night", action, resource) when { context.now < datetime("2026-01-01") };
"#;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [what, folder, count] = words.as_slice()
        && what == "write"
    {
        return write(Path::new(folder), (count.parse::<usize>()? / OF_EACH_TENANT).max(1));
    }
    let counts: Vec<(usize, usize)> = words.iter().map(|word| counts(word)).collect::<Outcome<_>>()?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:>9} {:>9} {:>9} {:>11} {:>11} {:>13} {:>9}",
        "policies", "entities", "load s", "anew ns", "kept ns", "Cedar ns", "x anew"
    )?;
    for (policies, tenants) in if counts.is_empty() { vec![(100, 5)] } else { counts } {
        writeln!(out, "{}", row(policies, tenants)?)?;
        out.flush()?;
    }
    Ok(())
}

/// How many policies, and how many tenants: as many as have policies, or more.
fn counts(word: &str) -> Outcome<(usize, usize)> {
    let (policies, tenants) = word.split_once('x').map_or((word, "0"), |both| both);
    let (policies, tenants): (usize, usize) = (policies.parse()?, tenants.parse()?);
    Ok((policies, tenants.max(policies / OF_EACH_TENANT).max(1)))
}

fn row(count: usize, all: usize) -> Outcome<String> {
    let tenants = (count / OF_EACH_TENANT).max(1);
    let model = model(all)?;
    let sources = sources(tenants);
    let started = Instant::now();
    let (policies, _) = Policies::compile(&source("schema", SCHEMA), &sources, &model)
        .map_err(|problems| format!("{:?}", problems.first()))?;
    let load = started.elapsed();
    // Spread over those that have policies.
    let asks: Vec<Ask> =
        (0..64.min(tenants)).map(|n| Ask::of(n * tenants / 64.min(tenants), n)).collect::<Outcome<_>>()?;
    let theirs = Theirs::new(&policies)?;
    for ask in &asks {
        let ours = policies.ask(&model, &ask.facts(&model)?, &mut Memory::new()).decide().allowed;
        if ours != theirs.allows(ask)? {
            return Err(format!("we say {ours} of {}, and Cedar does not", ask.key).into());
        }
    }
    let ns = |memory: Memory| {
        let mut memory = memory;
        timed(&asks, |ask| {
            Ok(black_box(policies.ask(&model, &ask.facts(&model)?, &mut memory).decide()).allowed)
        })
    };
    let (anew, kept) = (ns(Memory::without_answers())?, ns(Memory::new())?);
    let cedar = timed(&asks, |ask| theirs.allows(ask))?;
    Ok(format!(
        "{:>9} {:>9} {:>9.2} {anew:>11.0} {kept:>11.0} {cedar:>13.0} {:>9.0}",
        policies.len(),
        2 * all,
        load.as_secs_f64(),
        cedar / anew
    ))
}

/// Nanoseconds of one question: the best of several batches, since other work only ever adds.
fn timed(asks: &[Ask], question: impl FnMut(&Ask) -> Outcome<bool>) -> Outcome<f64> {
    let mut question = question;
    let mut best = f64::INFINITY;
    let all = Instant::now();
    while all.elapsed() < Duration::from_millis(900) || best.is_infinite() {
        let started = Instant::now();
        for ask in asks {
            question(ask)?;
        }
        best = best.min(started.elapsed().as_nanos() as f64 / asks.len() as f64);
    }
    Ok(best)
}

const CLASSES: &str = "classes: {pii: {level: 2, classes: {name: {level: 2}, contact: {level: 3}}}}\n";
const ROUTES: &str = "routes:\n- {method: GET, path: '/p/{id}', id: get, response: {classes: {'$.name': pii.name, '$.mail': pii.contact}}}\n";
const CONFIG: &str = "upstream: {address: '127.0.0.1:9000'}\npolicies: {directory: policies}\nmodel: {tenants: tenants.yaml, classes: classes.yaml, routes: [routes.yaml]}\n";
const TESTS: &str = "principals:
  guest: {tenant: t0}
  auditor: {tenant: t0, roles: [auditor]}
requests:
  one: {method: GET, path: /p/1}
tables:
- name: who reads
  requests: [one]
  expect: {guest: denied, auditor: allow}
";

fn write(folder: &Path, tenants: usize) -> Outcome {
    let policies = folder.join("policies");
    std::fs::create_dir_all(&policies)?;
    let files = [
        ("palisade.yaml", CONFIG),
        ("tenants.yaml", &tenants_text(tenants)?),
        ("classes.yaml", CLASSES),
        ("routes.yaml", ROUTES),
        ("policies/all_test.yaml", TESTS),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text)?;
    }
    for source in sources(tenants) {
        std::fs::write(policies.join(&*source.file), &*source.text)?;
    }
    Ok(())
}

fn tenants_text(tenants: usize) -> Outcome<String> {
    let mut text = "tenants:\n".to_owned();
    for n in 0..tenants {
        writeln!(text, "  t{n}: {{region: eu}}")?;
    }
    Ok(text)
}

fn model(tenants: usize) -> Outcome<Model> {
    let said = |problems: Vec<palisade::problem::Problem>| format!("{:?}", problems.first());
    let (tenants, _) = Tenants::parse("tenants.yaml", &tenants_text(tenants)?).map_err(said)?;
    let classes = Classes::parse("classes.yaml", CLASSES).map_err(said)?;
    let mut routes = RoutesBuilder::new();
    routes.add_yaml("routes.yaml", ROUTES, &classes);
    Ok(Model::new(tenants, classes, routes.finish().map_err(said)?))
}

fn source(file: &str, text: &str) -> Source {
    Source { file: file.into(), text: text.into(), confined_to: None }
}

fn sources(tenants: usize) -> Vec<Source> {
    let of_tenant = |n: usize| {
        let policies: String = (0..OF_EACH_TENANT)
            .map(|k| {
                let principal = match k % 4 {
                    0 => format!("principal == User::\"u{k}\""),
                    1 => format!("principal in Group::\"g{n}-{k}\""),
                    _ => format!("principal in Role::\"r{n}-{k}\""),
                };
                let condition = match k % 4 {
                    0 => "",
                    1 => "when { resource.level <= 3 }",
                    2 => "when { context has purpose && context.purpose == \"care\" }",
                    _ => "when { context.now < datetime(\"2030-01-01\") }",
                };
                let action = match k % 3 {
                    0 => "action",
                    1 => "action in [Action::\"read\", Action::\"list\"]",
                    _ => "action == Action::\"export\"",
                };
                format!(
                    "@id(\"t{n}-{k}\") permit({principal}, {action}, resource in DataKey::\"t{n}/k{k}\") {condition};\n"
                )
            })
            .collect();
        source(&format!("t{n}.cedar"), &policies)
    };
    (0..tenants).map(of_tenant).chain([source("all.cedar", FOR_ALL)]).collect()
}

/// One question.
struct Ask {
    principal: Arc<Principal>,
    tenant: String,
    key: DataKey,
}

impl Ask {
    fn of(tenant: usize, n: usize) -> Outcome<Self> {
        let k = n % OF_EACH_TENANT;
        let path = format!("t{tenant}");
        let principal = Principal {
            kind: Kind::User,
            id: format!("u{k}").into(),
            tenant: Some(TenantPath::parse(&path).map_err(|bad| format!("{bad:?}"))?),
            roles: vec![format!("r{tenant}-{k}").into(), "clinician".into()],
            groups: vec![format!("g{tenant}-{k}").into()],
            scopes: Vec::new(),
            auth: Auth::Jwt { issuer: "https://id.example".into() },
            actor: None,
        };
        let key = DataKey::parse(&format!("{path}/k{k}")).map_err(|bad| format!("{bad:?}"))?;
        Ok(Self { principal: Arc::new(principal), tenant: path, key })
    }

    fn facts<'a>(&'a self, model: &'a Model) -> Outcome<Facts<'a>> {
        let tenant = model.tenants.find(&self.tenant).ok_or("no such tenant")?;
        let (_, route) = model.routes.iter().next().ok_or("no route")?;
        Ok(Facts {
            principal: &self.principal,
            caller: tenant,
            target: tenant,
            action: Action::Read,
            route,
            data_key: &self.key,
            method: &http::Method::GET,
            path: "/p/1",
            host: "h",
            purpose: Some("care"),
            source_ip: None,
            now_ms: NOW_MS,
        })
    }
}

/// The same policies before Cedar's own authorizer, which gets just the entities that the question needs, ready made.
struct Theirs {
    set: PolicySet,
    authorizer: Authorizer,
    entities: std::cell::RefCell<std::collections::HashMap<String, (Request, Entities)>>,
}

impl Theirs {
    fn new(policies: &Policies) -> Outcome<Self> {
        let mut set = PolicySet::new();
        for id in policies.ids() {
            let text = policies.effective_text(id).ok_or("it has no text")?;
            set.add(cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new(id)), text)?)?;
        }
        Ok(Self { set, authorizer: Authorizer::new(), entities: std::cell::RefCell::default() })
    }

    fn allows(&self, ask: &Ask) -> Outcome<bool> {
        let mut made = self.entities.borrow_mut();
        let key = ask.key.to_string();
        if !made.contains_key(&key) {
            made.insert(key.clone(), question(ask)?);
        }
        let (request, entities) = made.get(&key).ok_or("it was not made")?;
        let answer = self.authorizer.is_authorized(request, &self.set, entities);
        Ok(black_box(answer).decision() == cedar_policy::Decision::Allow)
    }
}

fn question(ask: &Ask) -> Outcome<(Request, Entities)> {
    let uid = |of: &str, id: &str| serde_json::json!({"__entity": {"type": of, "id": id}});
    let parent = |of: &str, id: &str| serde_json::json!({"type": of, "id": id});
    let (who, tenant, key) = (&ask.principal, ask.tenant.as_str(), ask.key.to_string());
    let roles: Vec<_> = who.roles.iter().map(|role| parent("Role", role)).collect();
    let groups = who.groups.iter().map(|group| parent("Group", group));
    let parents: Vec<_> = roles.into_iter().chain(groups).chain([parent("Tenant", tenant)]).collect();
    let entities = serde_json::json!([
        {"uid": parent("User", &who.id), "parents": parents, "attrs": {
            "tenant": uid("Tenant", tenant), "dataKey": uid("DataKey", tenant), "roles": who.roles, "groups": who.groups,
            "scopes": [], "auth": "jwt"}},
        {"uid": parent("Tenant", tenant), "parents": [], "attrs": {
            "dataKey": uid("DataKey", tenant), "status": "active", "region": "eu", "tier": "gold",
            "isolation": "shared", "boundary": uid("Tenant", tenant)}},
        {"uid": parent("DataKey", tenant), "parents": [], "attrs": {"tenant": uid("Tenant", tenant)}},
        {"uid": parent("DataKey", &key), "parents": [parent("DataKey", tenant)], "attrs": {"tenant": uid("Tenant", tenant)}},
        {"uid": parent("Resource", &format!("{key}#get")), "parents": [parent("DataKey", &key)], "attrs": {
            "dataKey": uid("DataKey", &key), "tenant": uid("Tenant", tenant), "route": uid("Route", "get"),
            "classes": [], "level": 3}},
    ]);
    let now = jiff::Timestamp::from_millisecond(i64::try_from(NOW_MS)?)?
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string();
    let context = serde_json::json!({
        "now": {"__extn": {"fn": "datetime", "arg": now}}, "method": "GET", "path": "/p/1", "host": "h", "purpose": "care"});
    let named = |of: &str, id: &str| -> Outcome<cedar_policy::EntityUid> {
        Ok(cedar_policy::EntityUid::from_type_name_and_id(of.parse()?, cedar_policy::EntityId::new(id)))
    };
    let request = Request::new(
        named("User", &who.id)?,
        named("Action", "read")?,
        named("Resource", &format!("{key}#get"))?,
        Context::from_json_value(context, None)?,
        None,
    )?;
    Ok((request, Entities::from_json_value(entities, None)?))
}
