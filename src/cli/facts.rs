//! What `eval`, `explain` and `redact` are asked: from flags, from JSON, flags over JSON.
//!
//! Never: decides anything.

use std::io::Read as _;
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
use crate::model::Model;
use crate::policy::Facts;
use crate::problem::nearest;
use crate::request::question;
use crate::request::question::Call;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::snapshot::Snapshot;

/// Why there is no answer: what was asked makes no sense here.
pub(super) type Unasked = String;

/// Longest request that is read from a file or the standard input, in bytes.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// One request, as flags or as JSON with the same names (`data_key` for `--data-key`).
#[derive(Debug, Clone, Default, clap::Args, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asking {
    /// Who calls.
    #[arg(long, visible_alias = "as", value_name = "ID")]
    pub(super) principal: Option<String>,
    /// What the caller is: `user` (default) or `service`.
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<String>,
    /// The caller's tenant.
    #[arg(long, value_name = "TENANT")]
    pub(super) tenant: Option<String>,
    /// The caller's roles.
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    pub(super) roles: Vec<String>,
    /// The caller's groups.
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    pub(super) groups: Vec<String>,
    /// The caller's scopes.
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    pub(super) scopes: Vec<String>,
    /// The issuer of the caller's token; without it the caller has an API key.
    #[arg(long, value_name = "ISSUER")]
    pub(super) issuer: Option<String>,
    /// Who acts for the caller, as `user:ID` or `service:ID`, the nearest first.
    #[arg(long, value_name = "KIND:ID,…", value_delimiter = ',')]
    pub(super) actor: Vec<String>,
    /// What is attempted, where no route is named: `read`, `list`, `create`, `update`, `delete`, `export`, `import`, `audit`.
    #[arg(long, value_name = "ACTION")]
    pub(super) action: Option<String>,
    /// The request's method, with `--path`: the route is found as in serving.
    #[arg(long, value_name = "METHOD")]
    pub(super) method: Option<String>,
    /// The request's path, with its query.
    #[arg(long, value_name = "PATH")]
    pub(super) path: Option<String>,
    /// The route's id, in place of method and path.
    #[arg(long, value_name = "ID")]
    pub(super) route: Option<String>,
    /// The tenant whose data is meant. Default: the caller's own.
    #[arg(long, value_name = "TENANT")]
    pub(super) target: Option<String>,
    /// The DataKey. Default: as the route says, or that of the tenant whose data is meant.
    #[arg(long, value_name = "KEY")]
    pub(super) data_key: Option<String>,
    /// Data classes of the bodies, where no route is named.
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',')]
    pub(super) classes: Vec<String>,
    /// What the caller says the data is for.
    #[arg(long, value_name = "TEXT")]
    pub(super) purpose: Option<String>,
    /// The host that the request names.
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
    /// Where the connection comes from.
    #[arg(long, value_name = "IP")]
    pub(super) source_ip: Option<IpAddr>,
    /// The time of the request (RFC 3339). Default: now.
    #[arg(long, value_name = "TIME")]
    pub(super) now: Option<String>,
}

/// Reads a request: what the flags leave open comes from the JSON in `file` (`-`: the standard input).
pub(super) fn read(flags: &Asking, file: Option<&str>) -> Result<Asking, String> {
    let Some(file) = file else { return Ok(flags.clone()) };
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().take(REQUEST_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(REQUEST_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| format!("the request cannot be read: {error}"))?;
    let under: Asking =
        serde_json::from_str(&text).map_err(|error| format!("the request is not as expected: {error}"))?;
    Ok(over(flags, under))
}

impl Asking {
    /// What it says, by the names of the flags.
    pub(super) fn said(&self) -> Vec<(&'static str, String)> {
        let one = |text: &Option<String>| text.clone().unwrap_or_default();
        let all = [
            ("principal", one(&self.principal)),
            ("kind", one(&self.kind)),
            ("tenant", one(&self.tenant)),
            ("roles", self.roles.join(",")),
            ("groups", self.groups.join(",")),
            ("scopes", self.scopes.join(",")),
            ("issuer", one(&self.issuer)),
            ("actor", self.actor.join(",")),
            ("action", one(&self.action)),
            ("method", one(&self.method)),
            ("path", one(&self.path)),
            ("route", one(&self.route)),
            ("target", one(&self.target)),
            ("data-key", one(&self.data_key)),
            ("classes", self.classes.join(",")),
            ("purpose", one(&self.purpose)),
            ("host", one(&self.host)),
            ("source-ip", self.source_ip.map(|ip| ip.to_string()).unwrap_or_default()),
            ("now", one(&self.now)),
        ];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    /// Does it say what is attempted?
    pub(super) fn says_call(&self) -> bool {
        self.route.is_some() || self.path.is_some() || self.action.is_some()
    }
}

/// A request, with what it leaves open from another. Route, path and action are three ways to say one thing.
pub(super) fn over(flags: &Asking, under: Asking) -> Asking {
    let under =
        if flags.says_call() { Asking { route: None, path: None, action: None, ..under } } else { under };
    let many = |over: &Vec<String>, under: Vec<String>| if over.is_empty() { under } else { over.clone() };
    let one = |over: &Option<String>, under: Option<String>| over.clone().or(under);
    Asking {
        principal: one(&flags.principal, under.principal),
        kind: one(&flags.kind, under.kind),
        tenant: one(&flags.tenant, under.tenant),
        roles: many(&flags.roles, under.roles),
        groups: many(&flags.groups, under.groups),
        scopes: many(&flags.scopes, under.scopes),
        issuer: one(&flags.issuer, under.issuer),
        actor: many(&flags.actor, under.actor),
        action: one(&flags.action, under.action),
        method: one(&flags.method, under.method),
        path: one(&flags.path, under.path),
        route: one(&flags.route, under.route),
        target: one(&flags.target, under.target),
        data_key: one(&flags.data_key, under.data_key),
        classes: many(&flags.classes, under.classes),
        purpose: one(&flags.purpose, under.purpose),
        host: one(&flags.host, under.host),
        source_ip: flags.source_ip.or(under.source_ip),
        now: one(&flags.now, under.now),
    }
}

/// Puts the question that the flags ask: what is made of its facts, or why it makes no sense.
pub(super) fn put<T>(
    asking: &Asking,
    snapshot: &Snapshot,
    make: impl FnOnce(&Facts<'_>) -> T,
) -> Result<Put<T>, Unasked> {
    put_question(&question(asking)?, snapshot, make)
}

/// Puts a question: what is made of its facts, or why it makes no sense.
pub(super) fn put_question<T>(
    question: &Question,
    snapshot: &Snapshot,
    make: impl FnOnce(&Facts<'_>) -> T,
) -> Result<Put<T>, Unasked> {
    question.put(snapshot, make).map_err(|why| unasked(snapshot.model(), &why))
}

/// What is asked, typed.
///
/// # Errors
/// What of it makes no sense.
pub(super) fn question(asking: &Asking) -> Result<Question, Unasked> {
    Ok(Question {
        principal: Some(Arc::new(principal(asking)?)),
        call: call(asking)?,
        action: None,
        method: asking.method.as_deref().map(method).transpose()?,
        target: asking.target.as_deref().map(tenant).transpose()?,
        data_key: asking.data_key.as_deref().map(data_key).transpose()?,
        purpose: asking.purpose.clone(),
        host: asking.host.clone(),
        source_ip: asking.source_ip,
        now_ms: now_ms(asking.now.as_deref())?,
    })
}

/// Who is said to call.
pub(super) fn principal(asking: &Asking) -> Result<Principal, Unasked> {
    let id =
        asking.principal.as_deref().filter(|id| !id.is_empty()).ok_or("name who calls: `--principal`")?;
    let kind = kind(asking.kind.as_deref().unwrap_or("user"))?;
    let auth = match &asking.issuer {
        Some(issuer) => Auth::Jwt { issuer: issuer.as_str().into() },
        None => Auth::ApiKey { id: "eval".into() },
    };
    let texts = |texts: &[String]| {
        let mut texts: Vec<Box<str>> =
            texts.iter().filter(|text| !text.is_empty()).map(|text| text.as_str().into()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    Ok(Principal {
        kind,
        id: id.into(),
        tenant: asking.tenant.as_deref().map(tenant).transpose()?,
        roles: texts(&asking.roles),
        groups: texts(&asking.groups),
        scopes: texts(&asking.scopes),
        auth,
        actor: actor(&asking.actor)?,
    })
}

fn kind(text: &str) -> Result<Kind, Unasked> {
    match text {
        "user" => Ok(Kind::User),
        "service" => Ok(Kind::Service),
        other => Err(format!("`{other}` is not a kind of principal; write `user` or `service`")),
    }
}

/// The chain of actors from its texts, the nearest first.
fn actor(texts: &[String]) -> Result<Option<Actor>, Unasked> {
    if texts.len() > limits::DELEGATION_DEPTH_MAX {
        return Err(format!("at most {} act for one another", limits::DELEGATION_DEPTH_MAX));
    }
    let mut chain = None;
    for text in texts.iter().rev().filter(|text| !text.is_empty()) {
        let (of, id) = text.split_once(':').ok_or("write an actor as `user:ID` or `service:ID`")?;
        chain = Some(Actor { kind: kind(&of.to_lowercase())?, id: id.into(), actor: chain.map(Box::new) });
    }
    Ok(chain)
}

fn tenant(text: &str) -> Result<TenantPath, Unasked> {
    TenantPath::parse(text).map_err(|why| format!("`{text}` is not the path of a tenant: {why}"))
}

fn data_key(text: &str) -> Result<DataKey, Unasked> {
    DataKey::parse(text).map_err(|why| format!("`{text}` is not a DataKey: {why}"))
}

fn call(asking: &Asking) -> Result<Call, Unasked> {
    if let Some(id) = &asking.route {
        return Ok(Call::Route(id.clone()));
    }
    if let Some(path) = &asking.path {
        let method = method(asking.method.as_deref().unwrap_or("GET"))?;
        return Ok(Call::Path(method, path.clone()));
    }
    let text =
        asking.action.as_deref().ok_or("say what is attempted: `--action`, or `--method` and `--path`")?;
    let all = || Action::ALL.into_iter().chain([Action::Audit]);
    let action = all().find(|action| action.as_str() == text);
    let action = action.ok_or_else(|| unknown("action", text, all().map(Action::as_str)))?;
    let classes = asking.classes.iter().filter(|name| !name.is_empty()).cloned().collect();
    Ok(Call::Action(action, classes))
}

/// A question that makes no sense in this snapshot, in words.
pub(super) fn unasked(model: &Model, why: &question::Unasked) -> Unasked {
    match why {
        question::Unasked::NoSuchRoute(id) => {
            unknown("route", id, model.routes.iter().map(|(_, route)| &*route.id))
        }
        question::Unasked::NoSuchClass(name) => {
            unknown("data class", name, model.classes.iter().map(|(_, class)| class.name.as_str()))
        }
    }
}

/// A name that is not known, with the one that was likely meant.
pub(super) fn unknown<'a>(what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> Unasked {
    let hint = nearest(name, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("there is no {what} `{name}`{hint}")
}

fn method(text: &str) -> Result<Method, Unasked> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| format!("`{text}` is not a method"))
}

/// The time that is meant, in milliseconds since 1970: now, where none is given.
pub(super) fn now_ms(text: Option<&str>) -> Result<u64, Unasked> {
    let time = match text {
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .map_err(|_| format!("`{text}` is not a time; write `2027-06-30T00:00:00Z`"))?,
        None => jiff::Timestamp::now(),
    };
    u64::try_from(time.as_millisecond()).map_err(|_| "the time is before 1970".to_owned())
}
