//! Runs one test: the question is put as a request would be, and the answer is held against what was expected.
//!
//! Never: decides; [`crate::request::question`] does, by the steps of serving.

use bytes::Buf as _;
use bytes::Bytes;
use serde_json::Value as Json;

use crate::model::Model;
use crate::policy::Facts;
use crate::policy::Foreign;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Gathered;
use crate::redact::Mask;
use crate::redact::Redactor;
use crate::request::Body;
use crate::request::Inbound;
use crate::request::question;
use crate::request::question::Judgement;
use crate::request::question::MaySet;
use crate::request::question::Put;
use crate::request::question::Shown;
use crate::request::question::Unasked;
use crate::request::question::refused;
use crate::snapshot::Snapshot;

use super::Asks;
use super::Becomes;
use super::Case;
use super::Expect;
use super::Wanted;

/// Most differences between two bodies that are told.
const DIFFERENCES_MAX: usize = 8;

/// What came out of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Was it allowed?
    pub allowed: bool,
    /// The code of the refusal.
    pub code: Option<&'static str>,
    /// What was expected and did not come out, a sentence each; none for a test that passed.
    pub failures: Vec<String>,
}

impl Case {
    /// Runs the test. `seen` is shown what the policies were asked about, where they were asked.
    pub fn run(&self, snapshot: &Snapshot, seen: &mut dyn FnMut(&Facts<'_>, &Judgement)) -> Ran {
        let question = match &self.asks {
            Asks::Request(question) => question,
            Asks::Cedar(question, errors) => {
                return cedar(snapshot.policies(), &self.expect, question, *errors);
            }
        };
        let put = question.put(snapshot, |facts| {
            let judgement = question::judge(snapshot, facts);
            seen(facts, &judgement);
            asked(snapshot, &self.expect, facts, &judgement)
        });
        match put {
            Ok(Put::Asked(ran)) => ran,
            Ok(Put::Refused(refusal)) => {
                let row = refusal.row();
                unasked(&self.expect, Some(row.code), row.title.trim_end_matches('.'))
            }
            Ok(Put::Public(_)) => unasked(&self.expect, None, "The route is public"),
            Err(Unasked::NoSuchRoute(name)) => broken(format!("there is no route `{name}`")),
            Err(Unasked::NoSuchClass(name)) => broken(format!("there is no data class `{name}`")),
        }
    }
}

/// As Cedar's own tools hold an answer against a test: the reasons that it names are among those that decide.
fn cedar(policies: &Policies, expect: &Expect, question: &Foreign, errors: usize) -> Ran {
    let verdict = match policies.ask_foreign(question) {
        Ok(verdict) => verdict,
        Err(why) => return broken(why),
    };
    let code = refused(&verdict).map(|refusal| refusal.row().code);
    let mut failures = Vec::new();
    decision(expect, code, &by(policies, &verdict), &mut failures);
    let got: Vec<&str> = verdict.reasons.iter().map(|policy| policies.id(*policy)).collect();
    for wanted in expect.policies.iter().flatten().filter(|wanted| !got.contains(&wanted.as_str())) {
        failures.push(format!("`{wanted}` is not among the policies that decide"));
    }
    if verdict.errors.len() != errors {
        let listed = listed(policies, &verdict.errors);
        let listed = if listed.is_empty() { "none".to_owned() } else { listed };
        failures.push(format!("expected {errors} policies to fail, and it is {listed}"));
    }
    Ran { allowed: verdict.allowed, code, failures }
}

/// Which policies decided, as the end of a sentence.
fn by(policies: &Policies, verdict: &Verdict) -> String {
    match (verdict.errors.is_empty(), verdict.reasons.is_empty()) {
        (false, _) => format!(": {} failed", listed(policies, &verdict.errors)),
        (true, false) => format!(" by {}", listed(policies, &verdict.reasons)),
        (true, true) => " (no policy permits it)".to_owned(),
    }
}

fn broken(failure: String) -> Ran {
    Ran { allowed: false, code: None, failures: vec![failure] }
}

/// No policy was asked: the call was refused before, or its route is public.
fn unasked(expect: &Expect, code: Option<&'static str>, why: &str) -> Ran {
    let mut failures = Vec::new();
    decision(expect, code, &format!(" ({why})"), &mut failures);
    if expect.policies.as_ref().is_some_and(|wanted| !wanted.is_empty()) {
        failures.push("no policy was asked".to_owned());
    }
    if failures.is_empty() && (expect.pathway.is_some() || expect.asks_for_classes()) {
        failures.push("no policy was asked, so no class of data is shown or hidden".to_owned());
    }
    if let (None, Some(becomes)) = (code, &expect.body) {
        differences("$", &becomes.wanted, &becomes.given, &mut failures);
    }
    Ran { allowed: code.is_none(), code, failures }
}

fn asked(snapshot: &Snapshot, expect: &Expect, facts: &Facts<'_>, judgement: &Judgement) -> Ran {
    let (model, policies) = (snapshot.model(), snapshot.policies());
    let verdict = &judgement.verdict;
    let code = judgement.refusal().map(|refusal| refusal.row().code);
    let mut failures = Vec::new();
    let decided = if verdict.errors.is_empty() { &verdict.reasons } else { &verdict.errors };
    decision(expect, code, &by(policies, verdict), &mut failures);
    if let Some(wanted) = &expect.policies {
        let mut got: Vec<&str> = decided.iter().map(|policy| policies.id(*policy)).collect();
        got.sort_unstable();
        if got != wanted.iter().map(String::as_str).collect::<Vec<_>>() {
            let got = if got.is_empty() { "no policy".to_owned() } else { ticked(got) };
            let wanted =
                if wanted.is_empty() { "none".to_owned() } else { ticked(wanted.iter().map(|id| &**id)) };
            failures.push(format!("decided by {got}, expected {wanted}"));
        }
    }
    if verdict.allowed && expect.allowed {
        let pathway = verdict.pathway.and_then(|policy| policies.pathway(policy));
        if let Some(wanted) = expect.pathway.as_deref().filter(|wanted| pathway != Some(wanted)) {
            let got = pathway.map_or("an ordinary permit".to_owned(), |name| format!("the pathway `{name}`"));
            failures.push(format!("allowed by {got}, expected the pathway `{wanted}`"));
        }
        classes(model, policies, expect, &judgement.classes, &mut failures);
        sets(model, policies, expect, &judgement.classes, &mut failures);
        if let Some(becomes) = &expect.body {
            let (inbound, response) = judgement.bodies(snapshot, facts);
            match becomes.of {
                Body::Request => request(becomes, &inbound, &mut failures),
                Body::Response => {
                    let redactor = match judgement.owner(snapshot, facts) {
                        Some(owner) => Redactor::of_owner(response, Encoding::Identity, &owner),
                        None => Redactor::new(response, Encoding::Identity),
                    };
                    body(becomes, redactor, &mut failures);
                }
            }
        }
    }
    Ran { allowed: verdict.allowed, code, failures }
}

fn decision(expect: &Expect, code: Option<&'static str>, by: &str, failures: &mut Vec<String>) {
    let word = |allowed: bool| if allowed { "allow" } else { "deny" };
    let got = code.is_none();
    if got != expect.allowed {
        let code = code.map_or(String::new(), |code| format!(" `{code}`"));
        failures.push(format!("expected {}, got {}{code}{by}", word(expect.allowed), word(got)));
    } else if let (Some(wanted), Some(code)) = (&expect.code, code)
        && wanted != code
    {
        failures.push(format!("expected the refusal `{wanted}`, got `{code}`{by}"));
    }
}

fn listed(policies: &Policies, some: &[PolicyIx]) -> String {
    ticked(some.iter().map(|policy| policies.id(*policy)))
}

fn ticked<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

impl Expect {
    fn asks_for_classes(&self) -> bool {
        [&self.reveal, &self.hide].iter().any(|wanted| wanted.others || !wanted.classes.is_empty())
            || !self.settable.is_empty()
            || !self.unsettable.is_empty()
    }
}

fn classes(model: &Model, policies: &Policies, expect: &Expect, shown: &[Shown], failures: &mut Vec<String>) {
    let within = |class: ClassIx, name: &str| {
        model.classes.find(name).is_some_and(|outer| model.classes.is_within(class, outer))
    };
    for (name, _) in expect.reveal.classes.iter().chain(&expect.hide.classes) {
        if !shown.iter().any(|one| within(one.class, name)) {
            failures.push(format!("the bodies carry no data of `{name}`"));
        }
    }
    for one in shown {
        let name = model.classes.get(one.class).map_or("", |class| class.name.as_str());
        // Of two classes that enclose this one, the inner says what is expected.
        let inner = |wanted: &Wanted| {
            let named = wanted.classes.iter().filter(|(name, _)| within(one.class, name));
            named.max_by_key(|(name, _)| name.len()).cloned()
        };
        let (reveal, hide) = (inner(&expect.reveal), inner(&expect.hide));
        let depth = |found: &Option<(String, Option<Mask>)>| found.as_ref().map_or(0, |(name, _)| name.len());
        let neither = reveal.is_none() && hide.is_none();
        let hidden = depth(&hide) >= depth(&reveal) && (hide.is_some() || expect.hide.others && neither);
        let revealed = !hidden && (reveal.is_some() || expect.reveal.others && neither);
        let because = because(policies, &one.verdict);
        match &one.mask {
            Some(mask) if revealed => {
                failures.push(format!("`{name}` is hidden by {mask}{because}, expected it revealed"));
            }
            None if hidden => failures.push(format!("`{name}` is revealed{because}, expected it hidden")),
            Some(mask) => {
                let wanted = hide
                    .and_then(|(_, wanted)| wanted)
                    .or_else(|| expect.hide.mask_of_others.clone().filter(|_| neither));
                if let Some(wanted) = wanted.filter(|wanted| hidden && wanted != mask) {
                    failures.push(format!("`{name}` is hidden by {mask}{because}, expected {wanted}"));
                }
            }
            None => {}
        }
    }
}

fn sets(model: &Model, policies: &Policies, expect: &Expect, shown: &[Shown], failures: &mut Vec<String>) {
    let all = [(true, &expect.settable), (false, &expect.unsettable)];
    for (wanted, name) in all.into_iter().flat_map(|(wanted, all)| all.iter().map(move |name| (wanted, name)))
    {
        let outer = model.classes.find(name);
        let carried: Vec<(&Shown, &MaySet)> = shown
            .iter()
            .filter(|one| outer.is_some_and(|outer| model.classes.is_within(one.class, outer)))
            .filter_map(|one| Some((one, one.set.as_ref()?)))
            .collect();
        if carried.is_empty() {
            failures.push(format!("the request's body carries no data of `{name}`"));
        }
        for (one, set) in carried.into_iter().filter(|(_, set)| set.may != wanted) {
            let name = model.classes.get(one.class).map_or("", |class| class.name.as_str());
            let because = because(policies, &set.verdict);
            let (is, expected) =
                if set.may { ("may", "that it may not") } else { ("may not", "that it may") };
            failures.push(format!("`{name}` {is} be set{because}, expected {expected}"));
        }
    }
}

fn because(policies: &Policies, verdict: &Verdict) -> String {
    match (verdict.errors.is_empty(), verdict.reasons.is_empty()) {
        (false, _) => format!(" ({} failed)", listed(policies, &verdict.errors)),
        (true, false) => format!(" ({})", listed(policies, &verdict.reasons)),
        (true, true) => String::new(),
    }
}

/// Judges the body of a request whole, and compares what arrives at the app.
fn request(becomes: &Becomes, inbound: &Inbound, failures: &mut Vec<String>) {
    match inbound.judge(Encoding::Identity.into(), &Bytes::from(becomes.given.to_string())) {
        Ok(mut whole) => arrived(becomes, &whole.body.copy_to_bytes(whole.body.len()), failures),
        Err(refusal) => {
            let places = refusal.errors().map_or(String::new(), |errors| format!(": {errors}"));
            failures.push(format!("the body is refused with `{}`{places}", refusal.row().code));
        }
    }
}

/// Sends a body through the redactor and compares what arrives.
fn body(becomes: &Becomes, mut redactor: Redactor, failures: &mut Vec<String>) {
    let mut gathered = Gathered::default();
    let fed = redactor.feed(Bytes::from(becomes.given.to_string())).and_then(|piece| {
        gathered.push(piece);
        let (last, _) = redactor.finish()?;
        gathered.push(last);
        Ok(gathered.into_redacted())
    });
    match fed {
        Ok(mut out) => arrived(becomes, &out.copy_to_bytes(out.len()), failures),
        Err(why) => failures.push(format!("the body cannot be redacted: {why}")),
    }
}

fn arrived(becomes: &Becomes, body: &Bytes, failures: &mut Vec<String>) {
    match serde_json::from_slice::<Json>(body) {
        Ok(arrived) => {
            let before = failures.len();
            differences("$", &becomes.wanted, &arrived, failures);
            let more = failures.len().saturating_sub(before + DIFFERENCES_MAX);
            if more > 0 {
                failures.truncate(before + DIFFERENCES_MAX);
                failures.push(format!("and {more} more differences"));
            }
        }
        Err(_) => failures.push("what arrives is not JSON".to_owned()),
    }
}

/// Where two bodies differ. Their nesting was bounded when they were read.
fn differences(at: &str, wanted: &Json, got: &Json, failures: &mut Vec<String>) {
    match (wanted, got) {
        (Json::Object(wanted), Json::Object(got)) => {
            for (key, value) in wanted {
                let at = format!("{at}.{key}");
                match got.get(key) {
                    Some(got) => differences(&at, value, got, failures),
                    None => failures.push(format!("`{at}` is not there, expected {value}")),
                }
            }
            for (key, value) in got.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                failures.push(format!("`{at}.{key}` is {value}, expected it not to be there"));
            }
        }
        (Json::Array(wanted), Json::Array(got)) if wanted.len() == got.len() => {
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                differences(&format!("{at}[{index}]"), wanted, got, failures);
            }
        }
        // `1` and `1.0` are one number.
        (Json::Number(wanted), Json::Number(got)) if wanted.as_f64() == got.as_f64() => {}
        (wanted, got) if wanted == got => {}
        (wanted, got) => failures.push(format!("`{at}` is {got}, expected {wanted}")),
    }
}
