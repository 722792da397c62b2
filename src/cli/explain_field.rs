//! `palisade explain-field`: what one caller sees of one field of a body, which classes say so, and which policies.
//!
//! Never: decides in a way of its own.

use crate::cli::out::BOLD;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::policy::Facts;
use crate::policy::PolicyIx;
use crate::redact::Mask;
use crate::redact::Standing;
use crate::request::question::Judgement;
use crate::request::question::Put;
use crate::request::question::Shown;
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
use super::spoken::Unseen;

pub(super) const AFTER: &str = "\
Examples:
  palisade explain-field --as dana --tenant acme --roles clinician --route getPatient '$.contact.email'
  palisade explain-field --as dana --tenant acme --path /patients/7 --of request 'visits[*].note'
  palisade explain-field --as dana --tenant acme --route graphql --query query.graphql '$.data.patient.id'

The principal and the route are told as to `eval`. A field is a path of names and `[*]`.

What decides, in this order: of the values from the whole body down to the field, the first that is of a hidden class goes
whole; of several hidden classes of one value, the mask that hides most is applied.

Exit codes: 0 explained; 2 what is asked makes no sense; 3 the configuration is invalid; 10 the caller may not make the call.";

/// What `explain-field` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The field, as a path.
    #[arg(value_name = "PATH")]
    field: String,
    /// Which body it stands in.
    #[arg(long, value_enum, value_name = "BODY", default_value_t = super::redact::Of::Response)]
    of: super::redact::Of,
    #[command(flatten)]
    document: Document,
    #[command(flatten)]
    asking: Asking,
}

/// One value on the way to the field.
#[derive(Debug, serde::Serialize)]
struct Value {
    path: String,
    classes: Vec<Class>,
}

/// What a caller sees of a class.
#[derive(Debug, serde::Serialize)]
struct Class {
    class: String,
    /// Does it pass?
    shown: bool,
    /// What stands in its place, if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<String>,
    /// The policies that say so; none where no permit applies.
    policies: Vec<String>,
}

/// What is known of a field.
#[derive(Debug, serde::Serialize)]
struct Explained {
    /// From the whole body to the field.
    values: Vec<Value>,
    /// The value that goes, and what stands in its place; nothing where the field is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<Hidden>,
}

#[derive(Debug, serde::Serialize)]
struct Hidden {
    path: String,
    class: String,
    mask: String,
}

pub(super) fn explain_field(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { checked, .. }) = check::ready(global, world, out) else { return Ok(Exit::Invalid) };
    let snapshot = checked.snapshot();
    let explained =
        match facts::put(&arguments.asking, snapshot, |facts| explained(snapshot, facts, arguments)) {
            Ok(Put::Asked(Ok(explained))) => explained,
            Ok(Put::Public(_)) => Explained { values: Vec::new(), hidden: None },
            Ok(Put::Asked(Err(Unexplained::Unseen(why)))) => return Ok(super::redact::unseen(&why, out)),
            Ok(Put::Refused(refusal)) => return Ok(super::redact::refused(refusal.row().code, out)),
            Ok(Put::Asked(Err(Unexplained::NoField(why)))) | Err(why) => {
                out.error(&why);
                return Ok(Exit::Usage);
            }
        };
    if global.output.is_json() {
        out.raw(formats::pretty(&serde_json::json!(explained)).as_bytes());
    } else {
        out.line(pretty(&explained).trim_end());
    }
    Ok(Exit::Ok)
}

/// Why there is nothing to explain.
enum Unexplained {
    Unseen(Unseen),
    NoField(String),
}

fn explained(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    arguments: &Arguments,
) -> Result<Explained, Unexplained> {
    let spoken = arguments.document.spoken(facts.route).map_err(Unexplained::Unseen)?;
    let route = spoken.as_ref().map_or(facts.route, |spoken| &spoken.route);
    let action = if spoken.is_some() { route.action } else { facts.action };
    let facts = &Facts { route, action, ..*facts };
    let judgement = super::redact::judged(snapshot, facts, spoken.as_ref()).map_err(Unexplained::Unseen)?;
    let is_request = arguments.of == super::redact::Of::Request;
    let shape = if is_request { &facts.route.request } else { &facts.route.response };
    let Some(shape) = shape else { return Ok(Explained { values: Vec::new(), hidden: None }) };
    let standing = shape.trace(&arguments.field).map_err(|why| {
        Unexplained::NoField(format!("`{}` is no field: {why}, at byte {}", arguments.field, why.at))
    })?;
    let hidden = standing.iter().find_map(|value| hidden(snapshot, &judgement, value, is_request));
    let values = standing
        .into_iter()
        .map(|value| Value {
            classes: value
                .classes
                .iter()
                .filter_map(|class| judgement.classes.iter().find(|shown| shown.class == *class))
                .map(|shown| class(snapshot, shown, is_request))
                .collect(),
            path: value.path,
        })
        .collect();
    Ok(Explained { values, hidden })
}

/// What hides a value, if anything does: of its classes the one whose mask hides most.
fn hidden(snapshot: &Snapshot, judgement: &Judgement, value: &Standing, is_request: bool) -> Option<Hidden> {
    let here = judgement.classes.iter().filter(|shown| value.classes.contains(&shown.class));
    let masks = here.filter_map(|shown| Some((shown, mask(shown, is_request)?)));
    let (shown, mask) = masks.reduce(|most, next| if next.1 > most.1 { next } else { most })?;
    Some(Hidden { path: value.path.clone(), class: name(snapshot, shown), mask: mask.to_string() })
}

/// What stands in the place of a class's values.
fn mask(shown: &Shown, is_request: bool) -> Option<Mask> {
    match &shown.set {
        // Who may not set a value sends none.
        Some(set) if is_request => (!set.may).then_some(Mask::Drop),
        Some(_) | None => shown.mask.clone(),
    }
}

fn class(snapshot: &Snapshot, shown: &Shown, is_request: bool) -> Class {
    let mask = mask(shown, is_request);
    let verdict = match &shown.set {
        Some(set) if is_request => &set.verdict,
        Some(_) | None => &shown.verdict,
    };
    let id = |policy: &PolicyIx| snapshot.policies().id(*policy).to_owned();
    Class {
        class: name(snapshot, shown),
        shown: mask.is_none(),
        mask: mask.map(|mask| mask.to_string()),
        policies: verdict.reasons.iter().chain(&verdict.errors).map(id).collect(),
    }
}

fn name(snapshot: &Snapshot, shown: &Shown) -> String {
    snapshot.model().classes.get(shown.class).map_or(String::new(), |class| class.name.to_string())
}

fn pretty(explained: &Explained) -> String {
    let mut out = String::new();
    let widest = explained.values.iter().map(|value| value.path.chars().count()).max().unwrap_or(0);
    for value in explained.values.iter().filter(|value| !value.classes.is_empty()) {
        for class in &value.classes {
            let path = paint(BOLD, format!("{:<widest$}", value.path));
            let by =
                if class.policies.is_empty() { "no permit".to_owned() } else { class.policies.join(", ") };
            let seen = match &class.mask {
                None => paint(GOOD, "shown"),
                Some(mask) => paint(WARN, format!("hidden by `{mask}`")),
            };
            out.push_str(&format!("{path}  {}  {seen}: {by}\n", class.class));
        }
    }
    match &explained.hidden {
        None if out.is_empty() => out.push_str("nothing on the way to the field has a class: it is seen\n"),
        None => out.push_str("the field is seen\n"),
        Some(hidden) => {
            let what = if explained.values.last().is_some_and(|field| field.path == hidden.path) {
                "the field is".to_owned()
            } else {
                format!("all of `{}` is", hidden.path)
            };
            out.push_str(&format!("{what} hidden, as `{}`: `{}`\n", hidden.class, hidden.mask));
        }
    }
    out
}
