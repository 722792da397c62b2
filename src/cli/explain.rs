//! `palisade explain`: one decision with every policy's word on it, and what single change would turn a deny.
//!
//! The request comes as `eval` takes it, or from a decision log; then what the record does not hold is assumed, and said.
//! Never: decides in a way of its own.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::model::TenantIx;
use crate::policy::Facts;
use crate::policy::Memory;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::snapshot::Settings;
use crate::snapshot::Snapshot;
use crate::tenancy::Relation;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::answer;
use super::answer::Answer;
use super::check;
use super::check::Ready;
use super::facts;
use super::facts::Asking;
use super::formats;
use super::out::BOLD;
use super::out::DIM;
use super::out::GOOD;
use super::out::paint;
use super::report::printable;

mod hints;
mod logged;
mod told;

use hints::Hints;
use logged::Logged;
use told::Said;

pub(super) const AFTER: &str = "\
Examples:
  palisade explain --principal dana --tenant acme --roles frontdesk --method DELETE --path /patients/7
  palisade explain --principal finn --tenant globex --roles auditor --target acme --action read -o json
  echo '{\"principal\":\"dana\",\"tenant\":\"acme\",\"action\":\"read\"}' | palisade explain --request -
  palisade explain --log decisions.jsonl 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f --roles clinician

What a policy's text says is shown as `line:column  text`, with what stood there. A change is told as a hint only where
it was made and the answer was an allow. From a log, the request is put again as far as its record holds it. Flags come before
the record, and give what it does not hold (roles, groups, scopes); each that says something else is told as assumed.

Exit codes: 0 whatever the decision; 2 when there is no such record or the question makes no sense; 3 when the
configuration is invalid.";

/// What `explain` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The decision to explain, with `--log`.
    #[arg(value_name = "DECISION_ID", requires = "log")]
    decision: Option<String>,
    /// A decision log to read the request from.
    #[arg(long, value_name = "FILE", requires = "decision")]
    log: Option<PathBuf>,
    /// Read the request as JSON from a file, or from the standard input (`-`); flags come first.
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    request: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// Everything that is told.
#[derive(Debug, serde::Serialize)]
struct Explanation {
    /// What the log says, where the request is from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    logged: Option<Logged>,
    #[serde(flatten)]
    answer: Option<Answer>,
    /// How the tenant of the data stands to the caller's: `same`, `child`, `parent`, `sibling`, `foreign`.
    relation: Option<&'static str>,
    /// What the policies said to the request itself.
    said: Option<Said>,
    /// What they said to `reveal` of each class.
    reveal: Vec<Revealed>,
    /// What they said to `write` of each class that the request's body may carry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    write: Vec<Settable>,
    /// What the policies in shadow mode said, which decided nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_shadow: Option<InShadow>,
    /// What would turn a deny.
    hints: Option<Hints>,
}

/// What the policies in shadow mode said to the request itself.
#[derive(Debug, serde::Serialize)]
struct InShadow {
    /// Would it be allowed with them?
    allowed: bool,
    said: Said,
}

/// All that was seen of one question.
struct Looked {
    relation: &'static str,
    said: Said,
    reveal: Vec<Revealed>,
    write: Vec<Settable>,
    in_shadow: Option<InShadow>,
}

/// What the policies said to setting one class of data.
#[derive(Debug, serde::Serialize)]
struct Settable {
    class: String,
    settable: bool,
    /// No policy says anything to it, so whoever may see it may set it.
    as_revealed: bool,
    said: Said,
}

/// What the policies said to one class of data.
#[derive(Debug, serde::Serialize)]
struct Revealed {
    class: String,
    hidden: bool,
    said: Said,
}

pub(super) fn explain(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { config, checked, .. }) = check::ready(global, world, out) else {
        return Ok(Exit::Invalid);
    };
    let explanation = match explained(arguments, checked.snapshot(), &config.settings) {
        Ok(explanation) => explanation,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    if global.output.is_json() {
        let told = serde_json::to_value(&explanation).unwrap_or(Json::Null);
        out.raw(formats::pretty(&told).as_bytes());
    } else {
        out.line(pretty(&explanation).trim_end());
    }
    Ok(Exit::Ok)
}

fn explained(
    arguments: &Arguments,
    snapshot: &Snapshot,
    settings: &Arc<Settings>,
) -> Result<Explanation, String> {
    let (asking, logged) = match (&arguments.log, &arguments.decision) {
        (Some(log), Some(id)) => {
            let (asking, logged) = logged::read(log, id, &arguments.asking, snapshot)?;
            match asking {
                Some(asking) => (asking, Some(logged)),
                None => return Ok(Explanation::on_record(logged)),
            }
        }
        _ => (facts::read(&arguments.asking, arguments.request.as_deref())?, None),
    };
    let question = facts::question(&asking)?;
    let unasked = |why| facts::unasked(snapshot.model(), &why);
    let answer = answer::answer(snapshot, &question).map_err(unasked)?;
    let looked =
        match question.put(snapshot, |facts| look(snapshot, facts, answer.allowed)).map_err(unasked)? {
            Put::Asked(looked) => Some(looked),
            Put::Refused(_) | Put::Public(_) => None,
        };
    let hints = (!answer.allowed).then(|| hints::hints(snapshot, settings, &question));
    let logged = logged.map(|logged| logged.compared(answer.allowed));
    let told = Explanation { logged, answer: Some(answer), hints, ..Explanation::nothing() };
    Ok(match looked {
        Some(Looked { relation, said, reveal, write, in_shadow }) => {
            Explanation { relation: Some(relation), said: Some(said), reveal, write, in_shadow, ..told }
        }
        None => Explanation { relation: relation_named(snapshot, &question), ..told },
    })
}

impl Explanation {
    /// Nothing but what the log says.
    fn on_record(logged: Logged) -> Self {
        Self { logged: Some(logged), ..Self::nothing() }
    }

    const fn nothing() -> Self {
        Self {
            logged: None,
            answer: None,
            relation: None,
            said: None,
            reveal: Vec::new(),
            write: Vec::new(),
            in_shadow: None,
            hints: None,
        }
    }
}

fn look(snapshot: &Snapshot, facts: &Facts<'_>, allowed: bool) -> Looked {
    let (model, policies) = (snapshot.model(), snapshot.policies());
    let mut memory = Memory::new();
    let asked = policies.ask(model, facts, &mut memory);
    let said = told::said(policies, |policy| asked.trace(policy));
    let carried = facts.route.classes.iter().filter(|_| allowed);
    let reveal = carried.filter_map(|class| {
        let known = model.classes.get(*class)?;
        let said = told::said(policies, |policy| asked.trace_reveal(*class, policy));
        Some(Revealed { class: known.name.to_string(), hidden: !asked.reveal(*class).allowed, said })
    });
    let reveal = reveal.collect();
    let carried = facts.route.request_classes.iter().filter(|_| allowed);
    let write = carried.filter_map(|class| {
        let known = model.classes.get(*class)?;
        let verdict = asked.write(*class);
        let as_revealed = !verdict.allowed && verdict.reasons.is_empty() && verdict.errors.is_empty();
        let said = told::said(policies, |policy| asked.trace_write(*class, policy));
        let settable = asked.set(*class).allowed;
        Some(Settable { class: known.name.to_string(), settable, as_revealed, said })
    });
    let write = write.collect();
    let in_shadow = policies.with_shadow().map(|all| {
        let mut memory = Memory::new();
        let asked = all.ask(model, facts, &mut memory);
        let of_shadow = |policy| if all.is_shadow(policy) { asked.trace(policy) } else { None };
        InShadow { allowed: asked.decide().allowed, said: told::said(all, of_shadow) }
    });
    Looked { relation: relation(snapshot, facts.caller, facts.target), said, reveal, write, in_shadow }
}

/// How the tenant of the data stands to the caller's.
fn relation(snapshot: &Snapshot, caller: TenantIx, target: TenantIx) -> &'static str {
    let tenants = &snapshot.model().tenants;
    match Relation::between(caller, target, tenants) {
        Relation::Same => "same",
        Relation::Below => "child",
        Relation::Above => "parent",
        Relation::Apart => {
            let top = |tenant| tenants.get(tenant).path.and_enclosing().last();
            if top(caller) == top(target) { "sibling" } else { "foreign" }
        }
    }
}

/// The same where no policy was asked, from the names in the question.
fn relation_named(snapshot: &Snapshot, question: &Question) -> Option<&'static str> {
    let tenants = &snapshot.model().tenants;
    let caller = tenants.find(question.principal.as_ref()?.tenant.as_ref()?.as_str())?;
    let target = match (&question.target, &question.data_key) {
        (Some(target), _) => tenants.find(target.as_str())?,
        (None, Some(key)) => tenants.owner(key)?,
        (None, None) => return None,
    };
    Some(relation(snapshot, caller, target))
}

fn pretty(explanation: &Explanation) -> String {
    let mut out = String::new();
    if let Some(logged) = &explanation.logged {
        out += &logged.pretty();
    }
    let Some(answer) = &explanation.answer else { return out };
    out += &answer::pretty(answer);
    if let Some(relation) = explanation.relation {
        let words = match relation {
            "same" => "same: the data is the caller's own tenant's",
            "child" => "child: the data is of a part of the caller's tenant",
            "parent" => "parent: the caller's tenant is a part of the data's",
            "sibling" => "sibling: another part of the same company",
            _ => "foreign: another company",
        };
        out += &format!("\n{} {words}\n", paint(BOLD, "tenants"));
    }
    match &explanation.said {
        Some(said) => {
            let action = answer.action.unwrap_or_default();
            out += &format!("\n{}", told::pretty(said, action));
        }
        None => out += "\nno policy was asked\n",
    }
    if let Some(InShadow { allowed, said }) = &explanation.in_shadow {
        out += &format!("\n{}", told::pretty_of_shadow(said, *allowed));
    }
    for Revealed { class, hidden, said } in &explanation.reveal {
        if *hidden {
            out += &format!("\n{}", told::pretty_of_class(said, class));
        }
    }
    for Settable { class, settable, as_revealed, said } in &explanation.write {
        if !settable {
            out += &format!("\n{}", told::pretty_of_setting(said, class, *as_revealed));
        }
    }
    if let Some(hints) = &explanation.hints {
        out += &format!("\n{}", hinted(hints));
    }
    out
}

fn hinted(hints: &Hints) -> String {
    let cut = if hints.cut { ", and there are more" } else { "" };
    let tried = paint(DIM, format!("{} were tried{cut}", hints.tried));
    if hints.found.is_empty() {
        return format!("{}; {tried}\n", paint(BOLD, "no single change would allow it"));
    }
    let mut out = format!("{}; {tried}\n", paint(BOLD, "each of these changes alone would allow it"));
    for hint in &hints.found {
        let by = paint(DIM, format!("by {}", printable(&hint.by.join(", "))));
        out += &format!("  {}  {by}\n", paint(GOOD, printable(&hint.change)));
        for line in hint.policy.iter().flat_map(|text| text.lines()) {
            out += &format!("    {}\n", printable(line));
        }
    }
    out
}
