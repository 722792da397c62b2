//! `palisade redact`: a body as one caller would see it, by the plan that a request of that caller would get.
//!
//! Never: decides or redacts in a way of its own, or prints a value with `--diff`.

mod hidden;

use std::io::Read as _;
use std::sync::Arc;

use bytes::Buf as _;
use bytes::Bytes;
use http::HeaderValue;

use crate::learn::Side;
use crate::limits;
use crate::policy::Facts;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redactor;
use crate::redact::Shape;
use crate::redact::http::readable;
use crate::redact::http::readable_by;
use crate::request::Inbound;
use crate::request::Refusal;
use crate::request::question;
use crate::request::question::Judgement;
use crate::request::question::Put;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::check::Ready;
use super::facts;
use super::facts::Asking;
use super::formats;
use super::spoken::Document;
use super::spoken::Spoken;
use super::spoken::Unseen;

pub(super) const AFTER: &str = "\
Examples:
  palisade redact --as dana --tenant acme --roles clinician --route getPatient < body.json
  palisade redact --as gus --tenant globex --roles auditor --target acme --purpose audit --route listClaims --diff < body.json
  palisade redact --as dana --tenant acme --path /patients/7 --of request < body.json
  palisade redact --as dana --tenant acme --route exportPatients --content-type text/csv < body.csv
  palisade redact --as dana --tenant acme --route graphql --query query.graphql < answer.json

The principal and the route are told as to `eval`. `--diff` prints the places, classes and masks of what would be hidden,
never a value; keys of objects are shown.

Exit codes: 0 redacted; 2 what is asked makes no sense; 3 the configuration is invalid; 10 the caller may not make the call;
1 the body cannot be read, and would not be passed on.";

/// Which body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Of {
    /// The app's, on its way to the client.
    Response,
    /// The client's, on its way to the app: without what the caller may not set.
    Request,
}

impl Of {
    pub(super) const fn side(self) -> Side {
        match self {
            Self::Response => Side::Response,
            Self::Request => Side::Request,
        }
    }
}

/// What `redact` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Print what would be hidden, in place of the body.
    #[arg(long)]
    diff: bool,
    /// Which body it is.
    #[arg(long, value_enum, value_name = "BODY", default_value_t = Of::Response)]
    of: Of,
    /// How the body is written, as its header would say it.
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    content_type: String,
    #[command(flatten)]
    document: Document,
    #[command(flatten)]
    asking: Asking,
}

/// What becomes of the body of one call.
struct Seen {
    /// Of a request's body.
    inbound: Option<Inbound>,
    plan: Arc<Plan>,
    /// Whose rows the caller sees, where rows say whose they are.
    owner: Option<Arc<dyn Owns>>,
    /// `None` where nothing in the body is classified.
    shape: Option<Arc<Shape>>,
}

pub(super) fn redact(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { checked, .. }) = check::ready(global, world, out) else { return Ok(Exit::Invalid) };
    let snapshot = checked.snapshot();
    let content_type = HeaderValue::from_str(&arguments.content_type).ok();
    let named = readable(content_type.as_ref(), None);
    let content = named.unwrap_or(Encoding::Identity.into());
    let seen =
        match facts::put(&arguments.asking, snapshot, |facts| seen(snapshot, facts, arguments, content)) {
            Ok(Put::Asked(Ok(seen))) => seen,
            Ok(Put::Public(_)) => {
                Seen { inbound: None, plan: Arc::new(Plan::nothing()), owner: None, shape: None }
            }
            Ok(Put::Asked(Err(why))) => return Ok(unseen(&why, out)),
            Ok(Put::Refused(refusal)) => return Ok(refused(refusal.row().code, out)),
            Err(why) => {
                out.error(&why);
                return Ok(Exit::Usage);
            }
        };
    // Whether a text can be read depends on what is hidden; requests take none.
    let read = match arguments.of {
        Of::Request => named,
        Of::Response => readable_by(&seen.plan, content_type.as_ref(), None),
    };
    let Ok(content) = read else {
        out.error(&format!("a body of the type `{}` cannot be redacted", arguments.content_type));
        return Ok(Exit::Usage);
    };
    if arguments.diff {
        difference(global, snapshot, &seen, content, out)?
    } else if let Some(inbound) = seen.inbound.as_ref().filter(|inbound| inbound.is_whole(content.format)) {
        return whole(inbound, content, out);
    } else {
        stream(seen.redactor(content), out)?
    }
    Ok(Exit::Ok)
}

/// Prints a request's body as the app would get it, or why it would not.
fn whole(inbound: &Inbound, content: Content, out: &mut Out) -> Result<Exit, String> {
    let body = input(limits::HELD_REQUEST_BYTES_MAX, "sent on")?;
    match inbound.judge(content, &body) {
        Ok(mut whole) => {
            out.raw(&whole.body.copy_to_bytes(whole.body.remaining()));
            Ok(Exit::Ok)
        }
        Err(refusal) => {
            let code = refusal.row().code;
            let places = refusal.errors().map_or(String::new(), |errors| format!(": {errors}"));
            out.error(&format!("the request would be refused with `{code}`{places}"));
            Ok(Exit::Denied)
        }
    }
}

/// The standard input, if it is no longer than that.
fn input(most: u64, what: &str) -> Result<Bytes, String> {
    let mut body = Vec::new();
    let read = std::io::stdin().lock().take(most + 1).read_to_end(&mut body);
    read.map_err(|error| format!("the body cannot be read: {error}"))?;
    if u64::try_from(body.len()).is_ok_and(|bytes| bytes > most) {
        return Err(format!("a body with more than {most} bytes is not {what}"));
    }
    Ok(body.into())
}

impl Seen {
    fn redactor(&self, content: Content) -> Redactor {
        match &self.owner {
            Some(owner) => Redactor::of_owner(Arc::clone(&self.plan), content, owner),
            None => Redactor::new(Arc::clone(&self.plan), content),
        }
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

pub(super) fn refused(code: &str, out: &mut Out) -> Exit {
    out.error(&format!("the caller would see no body: the call is refused with `{code}`; `eval` says why"));
    Exit::Denied
}

/// Says why nothing can be said of a body.
pub(super) fn unseen(why: &Unseen, out: &mut Out) -> Exit {
    match why {
        Unseen::Refused(refusal) if matches!(refusal, Refusal::GraphQl(_)) => {
            let row = refusal.row();
            out.error(&format!("the document is refused with `{}`: {}", row.code, row.title));
            Exit::Denied
        }
        Unseen::Refused(refusal) => refused(refusal.row().code, out),
        Unseen::Usage(why) => {
            out.error(why);
            Exit::Usage
        }
    }
}

/// What the policies say to a call that sends this document, where its route is one of GraphQL.
pub(super) fn judged(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    spoken: Option<&Spoken>,
) -> Result<Judgement, Unseen> {
    let judgement = question::judge(snapshot, facts);
    let unanswered = || judgement.unanswered(facts.route, &spoken?.operation);
    match judgement.refusal().or_else(unanswered) {
        Some(refusal) => Err(Unseen::Refused(refusal)),
        None => Ok(judgement),
    }
}

/// The plan of a call's body.
fn seen(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    arguments: &Arguments,
    content: Content,
) -> Result<Seen, Unseen> {
    let spoken = arguments.document.spoken(facts.route)?;
    let route = spoken.as_ref().map_or(facts.route, |spoken| &spoken.route);
    let action = if spoken.is_some() { route.action } else { facts.action };
    let facts = &Facts { route, action, ..*facts };
    let judgement = judged(snapshot, facts, spoken.as_ref())?;
    let (inbound, response) = judgement.bodies(snapshot, facts);
    Ok(match arguments.of {
        Of::Request => {
            let plan = Arc::clone(inbound.plan(content.format));
            Seen { inbound: Some(inbound), plan, owner: None, shape: facts.route.request.clone() }
        }
        Of::Response => Seen {
            inbound: None,
            plan: response,
            owner: judgement.owner(snapshot, facts),
            shape: facts.route.response.clone(),
        },
    })
}

/// Prints the standard input as the caller would see it, piece by piece.
fn stream(mut redactor: Redactor, out: &mut Out) -> Result<(), String> {
    let mut input = std::io::stdin().lock();
    loop {
        let mut piece = vec![0; limits::WHOLE_BODY_BYTES_MAX];
        let read = input.read(&mut piece).map_err(|error| format!("the body cannot be read: {error}"))?;
        if read == 0 {
            break;
        }
        piece.truncate(read);
        let mut made = redactor.feed(Bytes::from(piece)).map_err(|why| why.to_string())?;
        out.raw(&made.copy_to_bytes(made.remaining()));
    }
    let (mut last, hidden) = redactor.finish().map_err(|why| why.to_string())?;
    out.raw(&last.copy_to_bytes(last.remaining()));
    if hidden.foreign_rows() > 0 {
        out.error(&format!("{} of somebody else were taken out", rows(hidden.foreign_rows())));
    }
    Ok(())
}

/// Prints what would be hidden of the standard input.
fn difference(
    global: &Global,
    snapshot: &Snapshot,
    seen: &Seen,
    content: Content,
    out: &mut Out,
) -> Result<(), String> {
    let body = input(limits::COMPARED_BODY_BYTES_MAX, "compared")?;
    let found = match &seen.shape {
        Some(shape) => {
            let by = (&*seen.plan, seen.owner.as_ref());
            hidden::hidden(snapshot.model(), by, shape, content, &body)?
        }
        None => Vec::new(),
    };
    let mut redactor = seen.redactor(content);
    redactor.feed(body).map_err(|why| why.to_string())?;
    let foreign = redactor.finish().map_err(|why| why.to_string())?.1.foreign_rows();
    if global.output.is_json() {
        let mut told = serde_json::json!({ "hidden": found });
        if let Some(told) = told.as_object_mut().filter(|_| seen.owner.is_some()) {
            told.insert("foreign_rows".to_owned(), foreign.into());
        }
        out.raw(formats::pretty(&told).as_bytes());
    } else {
        out.line(hidden::pretty(&found).trim_end());
        if foreign > 0 {
            out.line(&format!("{} of somebody else would be taken out", rows(foreign)));
        }
    }
    Ok(())
}
