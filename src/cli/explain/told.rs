//! What each policy said to one question, and why: traces in words and as JSON.
//!
//! Never: evaluates; the traces are handed in.

use crate::limits;
use crate::policy::Effect;
use crate::policy::Fate;
use crate::policy::Part;
use crate::policy::PartKind;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::policy::Seen;
use crate::policy::Trace;

use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;

/// What the policies said to one question.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Said {
    /// How many policies are about this action.
    pub(super) about_it: usize,
    /// How many are about others.
    pub(super) about_others: usize,
    /// Those about this action: what counts most first.
    pub(super) policies: Vec<Told>,
    /// How many of them are not told here.
    pub(super) left_out: usize,
}

/// What one policy said.
#[derive(Debug, serde::Serialize)]
pub(super) struct Told {
    pub(super) policy_id: String,
    pub(super) effect: &'static str,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) pathway: Option<String>,
    /// `applies`, `stopped` or `errs`.
    pub(super) fate: &'static str,
    /// Was it the guard that stopped it?
    pub(super) stopped_by_guard: bool,
    /// The smallest parts that kept it from applying.
    pub(super) failing: Vec<Decisive>,
    /// Where it applies: the parts of its condition that hold, and of an `unless` the smallest that do not.
    pub(super) holding: Vec<Decisive>,
}

/// A part of a policy that decided what became of it.
#[derive(Debug, serde::Serialize)]
pub(super) struct Decisive {
    /// `principal`, `resource`, `guard` or `condition`.
    pub(super) part: &'static str,
    pub(super) text: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: u32,
    /// Why it could not be evaluated, where it could not.
    pub(super) error: Option<String>,
    pub(super) looked_at: Vec<Look>,
}

/// What a part looked at, and what stood there.
#[derive(Debug, serde::Serialize)]
pub(super) struct Look {
    pub(super) text: String,
    /// Nothing where there is no such thing.
    pub(super) value: Option<String>,
    /// What it is in.
    #[serde(rename = "in")]
    pub(super) within: Vec<String>,
}

/// Tells every policy that is about the action asked.
pub(super) fn said(policies: &Policies, trace: impl Fn(PolicyIx) -> Option<Trace>) -> Said {
    let mut said = Said::default();
    let mut ranked = Vec::new();
    for number in 0..u32::try_from(policies.len()).unwrap_or(u32::MAX) {
        let Some(trace) = trace(PolicyIx(number)) else { continue };
        let of_other = |part: &Part| part.kind == PartKind::Action && part.value != Seen::True;
        if trace.scope.iter().any(of_other) {
            said.about_others += 1;
            continue;
        }
        let told = one(policies, &trace);
        ranked.push((rank(&told, &trace), told));
    }
    said.about_it = ranked.len();
    ranked.sort_by(|(a, one), (b, other)| (a, &one.policy_id).cmp(&(b, &other.policy_id)));
    said.left_out = ranked.len().saturating_sub(limits::EXPLAINED_POLICIES_MAX);
    said.policies = ranked.into_iter().map(|(_, told)| told).take(limits::EXPLAINED_POLICIES_MAX).collect();
    said
}

/// What counts most comes first: errors, what applies, what nearly did.
fn rank(told: &Told, trace: &Trace) -> usize {
    let missed = trace.scope.iter().filter(|part| part.value != Seen::True).count();
    match trace.fate {
        Fate::Errs => 0,
        Fate::Applies if told.effect == "forbid" => 1,
        Fate::Applies => 2,
        Fate::Stopped if told.effect == "forbid" => 9,
        Fate::Stopped if told.stopped_by_guard => 3,
        Fate::Stopped => 4 + missed,
    }
}

fn one(policies: &Policies, trace: &Trace) -> Told {
    let place = policies.place(trace.policy);
    let failing = trace.failing();
    Told {
        policy_id: policies.id(trace.policy).to_owned(),
        effect: match policies.effect(trace.policy) {
            Some(Effect::Forbid) => "forbid",
            Some(Effect::Permit) | None => "permit",
        },
        file: place.map_or(String::new(), |place| place.file.to_string()),
        line: place.map_or(0, |place| place.line),
        pathway: policies.pathway(trace.policy).map(str::to_owned),
        fate: match trace.fate {
            Fate::Applies => "applies",
            Fate::Stopped => "stopped",
            Fate::Errs => "errs",
        },
        stopped_by_guard: failing.iter().any(|part| part.kind == PartKind::Guard),
        failing: failing.into_iter().map(|part| failed(trace, part)).collect(),
        holding: trace.holding().into_iter().map(|part| failed(trace, part)).collect(),
    }
}

fn failed(trace: &Trace, part: &Part) -> Decisive {
    let place = trace.place(part);
    let looks = part.all_reads().into_iter().map(|read| Look {
        text: read.text.clone(),
        value: read.value.clone(),
        within: read.within.clone(),
    });
    Decisive {
        part: match part.kind {
            PartKind::Principal => "principal",
            PartKind::Action => "action",
            PartKind::Resource => "resource",
            PartKind::Guard => "guard",
            PartKind::All
            | PartKind::Any
            | PartKind::Not
            | PartKind::Unless
            | PartKind::If
            | PartKind::Test => "condition",
        },
        text: part.text(),
        file: place.file.to_string(),
        line: place.line,
        column: place.column,
        error: if let Seen::Error(why) = &part.value { Some(why.to_string()) } else { None },
        looked_at: looks.collect(),
    }
}

/// The same for people, about an action.
pub(super) fn pretty(said: &Said, action: &str) -> String {
    let all = said.about_it + said.about_others;
    let head = format!("{} of {all} policies are about `{action}`", said.about_it);
    listed(said, &head, |_| true)
}

/// The same for one class, without the permits that are about other data.
pub(super) fn pretty_of_class(said: &Said, class: &str) -> String {
    let of_other =
        |told: &Told| told.failing.iter().any(|part| part.part == "resource") && told.effect == "permit";
    let others = said.policies.iter().filter(|told| of_other(told)).count();
    let mut out = listed(said, &format!("why {} is hidden", printable(class)), |told| !of_other(told));
    if others > 0 {
        out += &format!("  permits of `reveal` for other data: {others}\n");
    }
    out
}

/// The same for setting one class, where policies say anything to it.
pub(super) fn pretty_of_setting(said: &Said, class: &str, as_revealed: bool) -> String {
    let head = format!("why {} may not be set", printable(class));
    if as_revealed {
        return format!(
            "{}\n  no policy says so, and who may not see it may not set it\n",
            paint(BOLD, head)
        );
    }
    listed(said, &head, |told| told.fate != "stopped" || told.effect == "forbid")
}

/// The same of the policies in shadow mode; with them it would be allowed or not.
pub(super) fn pretty_of_shadow(said: &Said, allowed: bool) -> String {
    let word = if allowed { "allowed" } else { "denied" };
    listed(said, &format!("policies in shadow mode decide nothing; with them it would be {word}"), |_| true)
}

fn listed(said: &Said, head: &str, shown: impl Fn(&Told) -> bool) -> String {
    let mut out = format!("{}\n", paint(BOLD, head));
    let mut quiet = Vec::new();
    for told in said.policies.iter().filter(|told| shown(told)) {
        if told.fate == "stopped" && told.effect == "forbid" {
            quiet.push(printable(&told.policy_id));
            continue;
        }
        let (style, word) = match (told.fate, told.effect) {
            ("applies", "permit") => (GOOD, "applies"),
            ("applies", _) => (BAD, "applies"),
            ("errs", _) => (BAD, "fails"),
            _ => (DIM, "does not"),
        };
        let place = paint(DIM, format!("{}:{}", printable(&told.file), told.line));
        let pathway = match &told.pathway {
            Some(name) => format!("  pathway `{}`", printable(name)),
            None => String::new(),
        };
        let id = paint(BOLD, printable(&told.policy_id));
        out += &format!("  {}  {} {id}  {place}{pathway}\n", paint(style, format!("{word:<8}")), told.effect);
        // Of a permit that applies, its text says all; of a forbid, what made it fire.
        let holding = told.holding.iter().filter(|_| told.effect == "forbid");
        for part in told.failing.iter().chain(holding) {
            out += &line(part);
        }
    }
    if said.left_out > 0 {
        out += &format!("  and {} more, further from applying\n", said.left_out);
    }
    if !quiet.is_empty() {
        out += &format!("  forbids that do not apply: {}\n", quiet.join(", "));
    }
    out
}

fn line(part: &Decisive) -> String {
    let at = if part.part == "guard" {
        paint(WARN, "the guard")
    } else {
        paint(DIM, format!("{}:{}", part.line, part.column))
    };
    let mut out = format!("              {at}  {}\n", printable(&part.text));
    if let Some(error) = &part.error {
        out += &format!("                {}\n", paint(BAD, printable(error)));
    }
    for look in &part.looked_at {
        let value =
            look.value.as_ref().map_or_else(|| "is not there".to_owned(), |value| format!("= {value}"));
        let within = match look.within.as_slice() {
            [] => String::new(),
            within => format!(", in {}", within.join(", ")),
        };
        out += &format!(
            "                {}\n",
            paint(DIM, printable(&format!("{} {value}{within}", look.text)))
        );
    }
    out
}
