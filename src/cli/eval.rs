//! `palisade eval`: one decision, by the same steps that a request takes, and why it fell out so.
//!
//! Never: decides in a way of its own; tenancy, DataKey, policies and masks are those of serving.

use std::sync::Arc;

use http::HeaderMap;
use http::Method;

use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::Found;
use crate::model::KeyTemplate;
use crate::model::Model;
use crate::model::Params;
use crate::model::Route;
use crate::model::RouteIx;
use crate::policy::Facts;
use crate::policy::Memory;
use crate::problem::nearest;
use crate::snapshot::Snapshot;
use crate::tenancy;
use crate::tenancy::Disagreement;
use crate::tenancy::Named;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::World;
use super::check;
use super::check::Ready;
use super::explain;
use super::explain::Answer;
use super::facts;
use super::facts::Asking;
use super::formats;

pub(super) const AFTER: &str = "\
Examples:
  palisade eval --principal dana --tenant acme --roles clinician --method GET --path /patients/7
  palisade eval --principal dana --tenant acme --roles clinician --action read --data-key acme/west --classes pii.name
  palisade eval --principal finn --tenant globex --roles auditor --target acme/west --purpose audit --action read
  echo '{\"principal\":\"dana\",\"tenant\":\"acme\",\"action\":\"read\"}' | palisade eval --request - -o json
  palisade eval … --exit-code || echo denied

Exit codes: 0 whatever the decision; with --exit-code 10 for a deny; 3 when the configuration is invalid.";

/// What `eval` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Read the request as JSON from a file, or from the standard input (`-`); flags come first.
    #[arg(long, value_name = "FILE")]
    request: Option<String>,
    /// End with 10 when the decision is a deny.
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    asking: Asking,
}

/// Why there is no answer: what was asked makes no sense here.
pub(super) type Unasked = String;

pub(super) fn eval(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { checked, .. }) = check::ready(global, world, out) else { return Ok(Exit::Invalid) };
    let snapshot = checked.snapshot();
    let answer = facts::read(&arguments.asking, arguments.request.as_deref())
        .and_then(|asking| answer(snapshot, &asking));
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    match global.output {
        Output::Json => out.raw(formats::pretty(&explain::json(&answer)).as_bytes()),
        Output::Pretty | Output::Sarif | Output::Github => out.line(explain::pretty(&answer).trim_end()),
    }
    Ok(if arguments.exit_code && !answer.allowed { Exit::Denied } else { Exit::Ok })
}

fn answer(snapshot: &Snapshot, asking: &Asking) -> Result<Answer, Unasked> {
    let model = snapshot.model();
    let principal = Arc::new(principal(asking)?);
    let named = named(asking, &principal, model)?;
    let policies = snapshot.policies();
    let settled =
        tenancy::agree(&named, &model.tenants, |caller, target| policies.explains(model, caller, target));
    let tenancy = match settled {
        Ok(tenancy) => tenancy,
        Err(disagreement) => {
            return Ok(Answer::refused(snapshot, disagreement.as_str(), &said(disagreement)));
        }
    };
    let (target, path) = (&model.tenants.get(tenancy.target).path, asking.path.as_deref().unwrap_or("/"));
    let (bare, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let made;
    let (route, params) = match route(snapshot, asking, bare)? {
        Taken::Known(route, params) => (route, params),
        Taken::Made(route) => {
            made = route;
            (&made, Params::none())
        }
        Taken::None => return Ok(Answer::refused(snapshot, "no_route", "there is no such route")),
    };
    let data_key = match &asking.data_key {
        Some(text) => DataKey::parse(text).map_err(|why| format!("`{text}` is not a DataKey: {why}"))?,
        None => match route.data_key.resolve(target, &params, query, &HeaderMap::new()) {
            Ok(key) => key,
            Err(why) => return Ok(Answer::refused(snapshot, "no_data_key", &why.to_string())),
        },
    };
    let Some(owner) = model.tenants.owner(&data_key) else {
        return Ok(Answer::refused(snapshot, "no_data_key", &format!("no tenant owns `{data_key}`")));
    };
    let method = asking.method.as_deref().and_then(method).unwrap_or_else(|| route.method.clone());
    let facts = Facts {
        principal: &principal,
        caller: tenancy.caller,
        target: owner,
        action: route.action,
        route,
        data_key: &data_key,
        method: &method,
        path: bare,
        host: asking.host.as_deref().unwrap_or("localhost"),
        purpose: asking.purpose.as_deref(),
        source_ip: asking.source_ip,
        now_ms: now_ms(asking.now.as_deref())?,
    };
    Ok(explain::explain(snapshot, &facts, &mut Memory::new()))
}

fn said(disagreement: Disagreement) -> String {
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

fn principal(asking: &Asking) -> Result<Principal, Unasked> {
    let id =
        asking.principal.as_deref().filter(|id| !id.is_empty()).ok_or("name who calls: `--principal`")?;
    let kind = match asking.kind.as_deref() {
        None | Some("user") => Kind::User,
        Some("service") => Kind::Service,
        Some(other) => {
            return Err(format!("`{other}` is not a kind of principal; write `user` or `service`"));
        }
    };
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
        actor: None,
    })
}

fn tenant(text: &str) -> Result<TenantPath, Unasked> {
    TenantPath::parse(text).map_err(|why| format!("`{text}` is not the path of a tenant: {why}"))
}

fn named(asking: &Asking, principal: &Principal, model: &Model) -> Result<Vec<Named>, Unasked> {
    let mut named = Vec::new();
    if let Some(tenant) = &principal.tenant {
        named.push(Named { source: tenancy::Source::Claim, tenant: tenant.clone() });
    }
    if let Some(target) = &asking.target {
        named.push(Named { source: tenancy::Source::Header, tenant: tenant(target)? });
    } else if let Some(owner) = asking
        .data_key
        .as_deref()
        .and_then(|key| DataKey::parse(key).ok())
        .and_then(|key| model.tenants.owner(&key))
    {
        // Whoever names a DataKey and no tenant means the one that owns it.
        named.push(Named { source: tenancy::Source::Header, tenant: model.tenants.get(owner).path.clone() });
    }
    Ok(named)
}

/// The route that a request takes.
enum Taken<'a> {
    Known(&'a Route, Params<'a>),
    Made(Route),
    None,
}

fn route<'a>(snapshot: &'a Snapshot, asking: &'a Asking, path: &'a str) -> Result<Taken<'a>, Unasked> {
    let model = snapshot.model();
    if let Some(id) = &asking.route {
        let found = model.routes.iter().find(|(_, route)| *route.id == **id);
        return match found {
            Some((_, route)) => Ok(Taken::Known(route, Params::none())),
            None => Err(unknown("route", id, model.routes.iter().map(|(_, route)| &*route.id))),
        };
    }
    if asking.path.is_some() {
        let text = asking.method.as_deref().unwrap_or("GET");
        let method = method(text).ok_or_else(|| format!("`{text}` is not a method"))?;
        return Ok(match model.routes.find(&method, path) {
            Found::Route(route, params) => Taken::Known(route, params),
            Found::OtherMethod(_) | Found::None => Taken::None,
        });
    }
    let text =
        asking.action.as_deref().ok_or("say what is attempted: `--action`, or `--method` and `--path`")?;
    let action = Action::ALL.into_iter().find(|action| action.as_str() == text);
    let action = action.ok_or_else(|| unknown("action", text, Action::ALL.map(Action::as_str)))?;
    Ok(Taken::Made(made(model, asking, action, Method::GET)?))
}

/// A route that stands in no file, for a question about an action and classes alone.
fn made(model: &Model, asking: &Asking, action: Action, method: Method) -> Result<Route, Unasked> {
    let mut classes = Vec::new();
    for name in asking.classes.iter().filter(|name| !name.is_empty()) {
        let names = || model.classes.iter().map(|(_, class)| class.name.as_str());
        classes.push(model.classes.find(name).ok_or_else(|| unknown("data class", name, names()))?);
    }
    classes.sort_unstable();
    classes.dedup();
    let level = classes.iter().filter_map(|class| model.classes.get(*class)).map(|class| class.level).max();
    Ok(Route {
        ix: RouteIx(u32::MAX),
        public: false,
        id: "eval".into(),
        method,
        template: "/".into(),
        action,
        data_key: KeyTemplate::default(),
        groups: Vec::new(),
        request: None,
        response: None,
        response_classes: classes.clone(),
        request_classes: Vec::new(),
        classes,
        level: level.unwrap_or(0),
    })
}

fn unknown<'a>(what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> Unasked {
    let hint = nearest(name, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("there is no {what} `{name}`{hint}")
}

fn method(text: &str) -> Option<Method> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).ok()
}

fn now_ms(text: Option<&str>) -> Result<u64, Unasked> {
    let time = match text {
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .map_err(|_| format!("`{text}` is not a time; write `2027-06-30T00:00:00Z`"))?,
        None => jiff::Timestamp::now(),
    };
    u64::try_from(time.as_millisecond()).map_err(|_| "the time is before 1970".to_owned())
}
