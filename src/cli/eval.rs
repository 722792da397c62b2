//! `palisade eval`: one decision, by the same steps that a request takes, and why it fell out so.
//!
//! Never: decides in a way of its own; tenancy, DataKey, policies and masks are those of serving.

use std::sync::Arc;

use http::Method;

use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::Model;
use crate::problem::nearest;
use crate::request::question;
use crate::request::question::Call;
use crate::request::question::Question;
use crate::snapshot::Snapshot;

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
        Output::Pretty | Output::Sarif | Output::Github | Output::Junit => {
            out.line(explain::pretty(&answer).trim_end())
        }
    }
    Ok(if arguments.exit_code && !answer.allowed { Exit::Denied } else { Exit::Ok })
}

fn answer(snapshot: &Snapshot, asking: &Asking) -> Result<Answer, Unasked> {
    let question = question(asking)?;
    explain::answer(snapshot, &question).map_err(|why| unasked(snapshot.model(), &why))
}

fn question(asking: &Asking) -> Result<Question, Unasked> {
    Ok(Question {
        principal: Some(Arc::new(principal(asking)?)),
        call: call(asking)?,
        method: asking.method.as_deref().map(method).transpose()?,
        target: asking.target.as_deref().map(tenant).transpose()?,
        data_key: asking.data_key.as_deref().map(data_key).transpose()?,
        purpose: asking.purpose.clone(),
        host: asking.host.clone(),
        source_ip: asking.source_ip,
        now_ms: now_ms(asking.now.as_deref())?,
    })
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
    let action = Action::ALL.into_iter().find(|action| action.as_str() == text);
    let action = action.ok_or_else(|| unknown("action", text, Action::ALL.map(Action::as_str)))?;
    let classes = asking.classes.iter().filter(|name| !name.is_empty()).cloned().collect();
    Ok(Call::Action(action, classes))
}

fn unasked(model: &Model, why: &question::Unasked) -> Unasked {
    match why {
        question::Unasked::NoSuchRoute(id) => {
            unknown("route", id, model.routes.iter().map(|(_, route)| &*route.id))
        }
        question::Unasked::NoSuchClass(name) => {
            unknown("data class", name, model.classes.iter().map(|(_, class)| class.name.as_str()))
        }
    }
}

fn unknown<'a>(what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> Unasked {
    let hint = nearest(name, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("there is no {what} `{name}`{hint}")
}

fn method(text: &str) -> Result<Method, Unasked> {
    Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| format!("`{text}` is not a method"))
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
