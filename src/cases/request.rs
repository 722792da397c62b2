//! Reads principals and requests of a test file.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;

use crate::identity::Actor;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::limits;
use crate::model::tree::At;
use crate::model::tree::Node;
use crate::problem::Problem;
use crate::request::question::Call;
use crate::request::question::Question;

use super::State;
use super::States;
use super::What;
use super::keys;
use super::read::File;

/// The id of the API key of principals that say none.
const API_KEY: &str = "test";
/// And a certificate.
const TRUST_DOMAIN: &str = "test";

/// A request as it is written: whole only when it is over the file's defaults.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) call: Option<Call>,
    /// Of the bodies, where the call is an action.
    pub(super) classes: Option<Vec<String>>,
    pub(super) method: Option<Method>,
    pub(super) target: Option<TenantPath>,
    pub(super) data_key: Option<DataKey>,
    pub(super) purpose: Option<String>,
    pub(super) host: Option<String>,
    pub(super) source_ip: Option<IpAddr>,
    pub(super) now_ms: Option<u64>,
    /// The tenants that are in another state at its time.
    pub(super) states: States,
}

impl Request {
    /// This one, and what it leaves open from `under`.
    pub(super) fn over(self, under: &Self) -> Self {
        let (call, method) = match self.call {
            Some(call) => (Some(call), self.method),
            None => (under.call.clone(), self.method.or_else(|| under.method.clone())),
        };
        Self {
            call,
            classes: self.classes.or_else(|| under.classes.clone()),
            method,
            target: self.target.or_else(|| under.target.clone()),
            data_key: self.data_key.or_else(|| under.data_key.clone()),
            purpose: self.purpose.or_else(|| under.purpose.clone()),
            host: self.host.or_else(|| under.host.clone()),
            source_ip: self.source_ip.or(under.source_ip),
            now_ms: self.now_ms.or(under.now_ms),
            states: under.states.clone().into_iter().chain(self.states).collect(),
        }
    }

    /// The question whether `principal` may do this; `None` where nothing is called.
    pub(super) fn question(self, principal: Option<Arc<Principal>>, now_ms: u64) -> Option<Question> {
        let (call, method) = match (self.call?, self.method) {
            (Call::Path(_, path), Some(method)) => (Call::Path(method, path), None),
            (Call::Action(action, _), method) => {
                (Call::Action(action, self.classes.unwrap_or_default()), method)
            }
            (call, method) => (call, method),
        };
        Some(Question {
            principal,
            call,
            action: None,
            method,
            target: self.target,
            data_key: self.data_key,
            purpose: self.purpose,
            host: self.host,
            source_ip: self.source_ip,
            now_ms: self.now_ms.unwrap_or(now_ms),
        })
    }
}

/// Reads the map of a principal, which has the id `name` unless it says another.
pub(super) fn principal(file: &mut File, node: &Node, name: &str) -> Principal {
    file.reader.fields(node, "a principal", &keys::names(keys::PRINCIPAL));
    let issuer = node.get("issuer").and_then(|node| file.text(node, "`issuer`"));
    let auth = file.word(node, "auth", "a way to prove who one is", keys::AUTHS);
    let auth = match (auth, issuer) {
        (Some("jwt") | None, Some(issuer)) => Auth::Jwt { issuer: issuer.as_str().into() },
        (Some("jwt"), None) => {
            file.missing(node.at, "a principal with a token needs an `issuer`");
            Auth::Jwt { issuer: "".into() }
        }
        (Some("spiffe"), None) => Auth::Spiffe { trust_domain: TRUST_DOMAIN.into() },
        (Some(_), Some(_)) => {
            let at = node.get("issuer").map_or(node.at, |node| node.at);
            file.reader.error("contradiction", at, "only a principal with a token has an `issuer`");
            Auth::ApiKey { id: API_KEY.into() }
        }
        (_, None) => Auth::ApiKey { id: API_KEY.into() },
    };
    let id = node.get("id").and_then(|node| file.text(node, "`id`"));
    Principal {
        kind: kind(file, node),
        id: id.as_deref().unwrap_or(name).into(),
        tenant: node.get("tenant").and_then(|node| tenant(file, node, "`tenant`")),
        roles: claims(file, node, "roles"),
        groups: claims(file, node, "groups"),
        scopes: claims(file, node, "scopes"),
        auth,
        actor: node.get("actor").and_then(|node| actor(file, node, 1)),
    }
}

fn kind(file: &mut File, node: &Node) -> Kind {
    match file.word(node, "kind", "a kind of principal", keys::KINDS) {
        Some("service") => Kind::Service,
        Some(_) | None => Kind::User,
    }
}

fn actor(file: &mut File, node: &Node, depth: usize) -> Option<Actor> {
    file.reader.fields(node, "an actor", &keys::names(keys::ACTOR));
    if depth > limits::DELEGATION_DEPTH_MAX {
        let message = format!("a delegation is at most {} deep", limits::DELEGATION_DEPTH_MAX);
        file.reader.error("too-deep", node.at, message);
        return None;
    }
    let Some(id) = node.get("id") else {
        file.missing(node.at, "an actor needs a key `id`");
        return None;
    };
    let id = file.text(id, "`id`")?;
    let before = node.get("actor").and_then(|node| actor(file, node, depth + 1));
    Some(Actor { kind: kind(file, node), id: id.into(), actor: before.map(Box::new) })
}

/// Sorted, each once, as an identity has them.
fn claims(file: &mut File, node: &Node, key: &'static str) -> Vec<Box<str>> {
    let Some(node) = node.get(key) else { return Vec::new() };
    let mut all: Vec<Box<str>> =
        file.reader.texts(node, &format!("`{key}`")).iter().map(|(text, _)| (*text).into()).collect();
    if all.len() > limits::CLAIM_VALUES_MAX {
        let message = format!("a principal has at most {} `{key}`", limits::CLAIM_VALUES_MAX);
        file.reader.error("too-many", node.at, message);
    }
    all.sort_unstable();
    all.dedup();
    all
}

pub(super) fn tenant(file: &mut File, node: &Node, what: &str) -> Option<TenantPath> {
    let text = file.text(node, what)?;
    match TenantPath::parse(&text) {
        Ok(path) => {
            file.mention(What::Tenant, &text, node.at);
            Some(path)
        }
        Err(why) => {
            file.reader.error(
                "bad-name",
                node.at,
                format!("`{}` is not the path of a tenant: {why}", text.escape_debug()),
            );
            None
        }
    }
}

pub(super) fn data_key(file: &mut File, text: &str, at: At) -> Option<DataKey> {
    match DataKey::parse(text) {
        Ok(key) => {
            file.mention(What::DataKey, text, at);
            Some(key)
        }
        Err(why) => {
            file.reader.error("bad-name", at, format!("`{}` is not a DataKey: {why}", text.escape_debug()));
            None
        }
    }
}

pub(super) fn action(file: &mut File, text: &str, at: At) -> Option<Action> {
    let found = Action::ALL.into_iter().find(|action| action.as_str() == text);
    if found.is_none() {
        file.reader.unknown("unknown-action", at, "an action", text, Action::ALL.map(Action::as_str));
    }
    found
}

/// Reads the map of a request. `more` is what it may have besides.
pub(super) fn request(file: &mut File, node: &Node, more: &[&str]) -> Request {
    let mut known = keys::names(keys::REQUEST);
    known.extend(more);
    file.reader.fields(node, "a request", &known);
    let (call, method) = call(file, node);
    Request {
        call,
        classes: node.get("classes").map(|node| classes(file, node)),
        method,
        target: node.get("target").and_then(|node| tenant(file, node, "`target`")),
        data_key: node.get("data_key").and_then(|node| {
            let text = file.text(node, "`data_key`")?;
            data_key(file, &text, node.at)
        }),
        purpose: node.get("purpose").and_then(|node| file.text(node, "`purpose`")),
        host: node.get("host").and_then(|node| file.text(node, "`host`")),
        source_ip: node.get("source_ip").and_then(|node| source_ip(file, node)),
        now_ms: node.get("now").and_then(|node| now(file, node)),
        states: node.get("tenants").map(|node| states(file, node)).unwrap_or_default(),
    }
}

/// Tenants by their paths, each with what is said of it.
fn states(file: &mut File, node: &Node) -> States {
    let mut states = States::new();
    for (key, node) in file.reader.map(node, "`tenants`") {
        if let Err(why) = TenantPath::parse(&key.text) {
            let message = format!("`{}` is not the path of a tenant: {why}", key.text.escape_debug());
            file.reader.error("bad-name", key.at, message);
            continue;
        }
        file.mention(What::Tenant, &key.text, key.at);
        file.reader.fields(node, "a tenant", &keys::names(keys::STATE));
        let mut text = |key: &str| node.get(key).and_then(|node| file.text(node, &format!("`{key}`")));
        let (region, tier) = (text("region"), text("tier"));
        let state = State {
            status: file.word(node, "status", "a status", keys::STATUSES),
            isolation: file.word(node, "isolation", "an isolation", keys::ISOLATIONS),
            region,
            tier,
        };
        states.insert(key.text.clone(), state);
    }
    states
}

fn call(file: &mut File, node: &Node) -> (Option<Call>, Option<Method>) {
    let method = node.get("method").and_then(|node| method(file, node));
    let ways: Vec<(&str, &Node)> =
        ["path", "route", "action"].iter().filter_map(|way| Some((*way, node.get(way)?))).collect();
    if let Some((second, at)) = ways.get(1) {
        let first = ways.first().map_or("", |(first, _)| first);
        let message = format!("a request has `{first}` or `{second}`, not both");
        file.reader.error("contradiction", at.at, message);
    }
    if let (Some("path" | "route"), Some(classes)) = (ways.first().map(|(way, _)| *way), node.get("classes"))
    {
        let message = "`classes` stands beside an `action`: a route has its own";
        file.reader.error("contradiction", classes.at, message);
    }
    let Some((way, at)) = ways.first() else { return (None, method) };
    let Some(text) = file.text(at, &format!("`{way}`")) else { return (None, method) };
    let call = match *way {
        "path" => Some(Call::Path(method.clone().unwrap_or(Method::GET), text)),
        "route" => {
            file.mention(What::Route, &text, at.at);
            Some(Call::Route(text))
        }
        _ => action(file, &text, at.at).map(|action| Call::Action(action, Vec::new())),
    };
    (call, method)
}

fn classes(file: &mut File, node: &Node) -> Vec<String> {
    let found: Vec<(String, At)> =
        file.reader.texts(node, "a data class").iter().map(|(text, at)| ((*text).to_owned(), *at)).collect();
    for (name, at) in &found {
        file.mention(What::Class, name, *at);
    }
    found.into_iter().map(|(name, _)| name).collect()
}

fn method(file: &mut File, node: &Node) -> Option<Method> {
    let text = file.text(node, "`method`")?;
    let method = Method::from_bytes(text.as_bytes()).ok();
    if method.is_none() {
        file.reader.error("unknown-method", node.at, format!("`{}` is not a method", text.escape_debug()));
    }
    method
}

fn source_ip(file: &mut File, node: &Node) -> Option<IpAddr> {
    let text = file.text(node, "`source_ip`")?;
    let address = text.parse().ok();
    if address.is_none() {
        file.reader.error("bad-address", node.at, format!("`{}` is not an address", text.escape_debug()));
    }
    address
}

fn now(file: &mut File, node: &Node) -> Option<u64> {
    let text = file.text(node, "`now`")?;
    let time = text.parse::<jiff::Timestamp>().ok();
    let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    if ms.is_none() {
        file.reader.add(node.at, |place| {
            Problem::error("bad-time", place, format!("`{}` is not a time", text.escape_debug()))
                .hint("write `2027-06-30T00:00:00Z`")
        });
    }
    ms
}
