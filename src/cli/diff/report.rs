//! What differs, for people and for machines.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use serde_json::json;

use crate::compare::Change;
use crate::compare::Effects;
use crate::compare::Recorded;
use crate::compare::effect::Example;
use crate::compare::effect::Group;
use crate::compare::text::Part;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::policy::written::Written;
use crate::request::question::Call;
use crate::request::question::Question;

use super::super::difference;
use super::super::out::BAD;
use super::super::out::BOLD;
use super::super::out::DIM;
use super::super::out::GOOD;
use super::super::out::Out;
use super::super::out::WARN;
use super::super::out::paint;
use super::super::report::printable;
use super::Found;
use super::Step;

/// Most names of one kind that people are shown.
pub(in crate::cli) const NAMES_MAX: usize = 8;

fn file(one: &Written, folder: &Path) -> String {
    let path = Path::new(&*one.file);
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

fn unified(folders: [&Path; 2], old: &Written, new: &Written) -> String {
    let [before, after] = folders;
    let names = [format!("old/{}", file(old, before)), format!("new/{}", file(new, after))];
    let [a, b] = &names;
    difference::unified((a, b), &old.text(), &new.text())
}

/// What differs in the text of policies, for machines; the folders are those that their files' names leave out.
pub(in crate::cli) fn policies_json(changes: &[Change], folders: [&Path; 2]) -> Json {
    let (mut added, mut removed, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let [before, after] = folders;
    for change in changes {
        match change {
            Change::Added(new) => {
                added.push(json!({ "id": new.id, "file": file(new, after), "text": new.text() }))
            }
            Change::Removed(old) => {
                removed.push(json!({ "id": old.id, "file": file(old, before), "text": old.text() }));
            }
            Change::Changed(old, new, parts) => changed.push(json!({
                "id": new.id,
                "file": file(new, after),
                "parts": parts,
                "diff": unified(folders, old, new),
            })),
        }
    }
    json!({ "added": added, "removed": removed, "changed": changed })
}

/// All that differs, for machines.
pub(super) fn json(found: &Found) -> Json {
    let mut generated = effects_json(&found.generated);
    if let Some(object) = generated.as_object_mut() {
        object.insert("steps".to_owned(), found.steps.iter().map(step_json).collect());
    }
    let recorded = found.recorded.as_ref().map(|(recorded, effects)| {
        let mut all = effects_json(effects);
        if let Some(object) = all.as_object_mut() {
            object.insert("decisions".to_owned(), recorded.decisions.into());
            object.insert("otherwise_than_recorded".to_owned(), recorded.otherwise.into());
            object.insert("unusable".to_owned(), json!(recorded.unusable));
        }
        all
    });
    json!({
        "policies": policies_json(&found.changes, found.folders()),
        "other_files": found.other_files,
        "generated": generated,
        "recorded": recorded,
    })
}

fn step_json(step: &Step) -> Json {
    let possible = u64::try_from(step.of.possible()).unwrap_or(u64::MAX);
    let mut all = json!({ "what": step.what, "asked": step.asked, "possible": possible });
    if let Some(object) = all.as_object_mut() {
        object.extend(step.of.made_of().map(|(count, what)| (what.to_lowercase(), count.into())));
    }
    all
}

/// What differs in effect, for machines.
pub(in crate::cli) fn effects_json(effects: &Effects) -> Json {
    json!({
        "asked": effects.asked,
        "allowed_before": effects.allowed_before,
        "allowed_after": effects.allowed_after,
        "newly_allowed": group_json(&effects.newly_allowed),
        "newly_denied": group_json(&effects.newly_denied),
        "newly_shown": group_json(&effects.newly_shown),
        "newly_hidden": group_json(&effects.newly_hidden),
        "newly_settable": group_json(&effects.newly_settable),
        "newly_unsettable": group_json(&effects.newly_unsettable),
    })
}

fn group_json(group: &Group) -> Json {
    let examples: Vec<Json> = group
        .examples
        .iter()
        .map(|example| {
            json!({
                "eval": eval(&example.question),
                "class": example.class,
                "old": example.old,
                "new": example.new,
            })
        })
        .collect();
    json!({
        "count": group.count,
        "by_tenant": group.by_tenant,
        "by_principal": group.by_principal,
        "by_action": group.by_action,
        "by_policy": group.by_policy,
        "by_class": group.by_class,
        "examples": examples,
    })
}

/// All that differs, for people.
pub(super) fn pretty(found: &Found, out: &mut Out) {
    policies(&found.changes, found.folders(), out);
    if !found.other_files.is_empty() {
        out.line(&format!("also different: {}\n", printable(&found.other_files.join(", "))));
    }
    out.line(&paint(BOLD, format!("effect on {} requests", found.generated.asked)));
    for Step { what, asked, of } in &found.steps {
        let made: Vec<String> = of.made_of().iter().map(|(count, what)| format!("{count} {what}")).collect();
        let line = format!("  {asked} {what}, of {} made of {}", of.possible(), made.join(", "));
        out.line(&paint(DIM, line));
    }
    effects(&found.generated, false, out);
    if let Some((recorded, effects_of)) = &found.recorded {
        out.line(&format!("\n{}", paint(BOLD, recorded_head(recorded))));
        if recorded.otherwise > 0 {
            out.line(&format!(
                "  {} of them the old one decides otherwise than was recorded: another snapshot decided, or records lack a purpose",
                recorded.otherwise
            ));
        }
        effects(effects_of, true, out);
    }
}

fn recorded_head(recorded: &Recorded) -> String {
    let unusable: Vec<String> =
        recorded.unusable.iter().map(|(why, count)| format!("{count} cannot be used: {why}")).collect();
    let mut head = format!("effect on {} of {} recorded requests", recorded.used(), recorded.decisions);
    if !unusable.is_empty() {
        head += &format!(" ({})", unusable.join("; "));
    }
    head
}

/// What differs in the text of policies, for people.
pub(in crate::cli) fn policies(changes: &[Change], folders: [&Path; 2], out: &mut Out) {
    if changes.is_empty() {
        out.line("no policy differs in its text\n");
        return;
    }
    let [before, after] = folders;
    for change in changes {
        match change {
            Change::Added(new) => {
                out.line(&format!(
                    "{} {}  {}",
                    paint(GOOD, "added"),
                    id(&new.id),
                    paint(DIM, file(new, after))
                ));
                out.line(&lines("+", &new.text(), GOOD));
            }
            Change::Removed(old) => {
                let file = paint(DIM, file(old, before));
                out.line(&format!("{} {}  {file}", paint(BAD, "removed"), id(&old.id)));
                out.line(&lines("-", &old.text(), BAD));
            }
            Change::Changed(old, new, parts) => {
                let parts: Vec<&str> = parts.iter().copied().map(Part::as_str).collect();
                let parts = paint(DIM, parts.join(", "));
                out.line(&format!("{} {}  {parts}", paint(WARN, "changed"), id(&new.id)));
                out.line(&format!("{}\n", difference::painted(&unified(folders, old, new))));
            }
        }
    }
}

fn id(id: &str) -> String {
    paint(BOLD, printable(id))
}

fn lines(sign: &str, text: &str, style: anstyle::Style) -> String {
    let lines = text.lines().map(|line| format!("{}\n", paint(style, format!("{sign}{}", printable(line)))));
    lines.collect()
}

/// What differs in effect, for people; by who calls where those are callers of the past, and none that were made up.
pub(in crate::cli) fn effects(effects: &Effects, callers: bool, out: &mut Out) {
    out.line(&format!("  allowed before {}, after {}", effects.allowed_before, effects.allowed_after));
    let all = [
        ("newly allowed", &effects.newly_allowed, WARN),
        ("newly denied", &effects.newly_denied, BAD),
        ("classes newly shown", &effects.newly_shown, WARN),
        ("classes newly hidden", &effects.newly_hidden, BAD),
        ("classes newly settable", &effects.newly_settable, WARN),
        ("classes newly not settable", &effects.newly_unsettable, BAD),
    ];
    // Most routes take no classified data, and what is the same of them need not be told.
    let told = all.into_iter().filter(|(what, group, _)| group.count > 0 || !what.contains("settable"));
    for (what, group, style) in told {
        if group.count == 0 {
            out.line(&format!("  {what}: none"));
            continue;
        }
        out.line(&format!("  {what}: {}", paint(style, group.count)));
        counts("tenant", &group.by_tenant, out);
        if callers {
            counts("caller", &group.by_principal, out);
        }
        counts("action", &group.by_action, out);
        counts("class", &group.by_class, out);
        counts("policy", &group.by_policy, out);
        for example in &group.examples {
            out.line(&format!("    {}", paint(DIM, printable(&eval(&example.question)))));
            out.line(&format!("      {}", printable(&because(example))));
        }
    }
}

/// The most frequent names first.
pub(in crate::cli) fn counts(what: &str, by: &BTreeMap<String, u64>, out: &mut Out) {
    if by.is_empty() {
        return;
    }
    let mut all: Vec<(&String, &u64)> = by.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let mut shown: Vec<String> =
        all.iter().take(NAMES_MAX).map(|(name, count)| format!("{} {count}", printable(name))).collect();
    if all.len() > NAMES_MAX {
        shown.push(format!("and {} more", all.len() - NAMES_MAX));
    }
    out.line(&format!("    by {what:<7} {}", shown.join(", ")));
}

fn because(example: &Example) -> String {
    let side = |outcome: &crate::compare::effect::Outcome| {
        let (word, policies) = match &example.class {
            Some(class) => match (outcome.allowed, outcome.shown.get(class), outcome.hidden.get(class)) {
                (_, Some(by), _) => (format!("{class} shown"), by.clone()),
                (true, None, Some(by)) => (format!("{class} hidden"), by.clone()),
                (true, None, None) => (format!("{class} not carried"), Vec::new()),
                (false, None, _) => ("denied".to_owned(), outcome.policies.clone()),
            },
            None if outcome.allowed => ("allowed".to_owned(), outcome.policies.clone()),
            None => (outcome.code.unwrap_or("denied").to_owned(), outcome.policies.clone()),
        };
        if policies.is_empty() { word } else { format!("{word} by {}", policies.join(", ")) }
    };
    format!("was {}; is {}", side(&example.old), side(&example.new))
}

/// The words that ask it again.
fn eval(question: &Question) -> String {
    let mut words = vec!["palisade eval".to_owned()];
    let mut word = |flag: &str, value: &str| {
        if !value.is_empty() {
            words.push(format!("--{flag} {}", quoted(value)));
        }
    };
    if let Some(principal) = &question.principal {
        word("principal", &principal.id);
        if principal.kind == Kind::Service {
            word("kind", "service");
        }
        word("tenant", principal.tenant.as_ref().map_or("", |tenant| tenant.as_str()));
        let join = |all: &[Box<str>]| all.iter().map(|one| &**one).collect::<Vec<_>>().join(",");
        word("roles", &join(&principal.roles));
        word("groups", &join(&principal.groups));
        word("scopes", &join(&principal.scopes));
        match &principal.auth {
            Auth::Jwt { issuer } => word("issuer", issuer),
            Auth::ApiKey { .. } | Auth::Spiffe { .. } => {}
        }
    }
    match &question.call {
        Call::Path(method, path) => {
            word("method", method.as_str());
            word("path", path);
        }
        Call::Route(id) => word("route", id),
        Call::Action(action, classes) => {
            word("action", action.as_str());
            word("classes", &classes.join(","));
        }
    }
    word("target", question.target.as_ref().map_or("", |tenant| tenant.as_str()));
    word("data-key", question.data_key.as_ref().map_or("", |key| key.as_str()));
    word("purpose", question.purpose.as_deref().unwrap_or(""));
    word("host", question.host.as_deref().unwrap_or(""));
    word("source-ip", &question.source_ip.map_or_else(String::new, |ip| ip.to_string()));
    let now = i64::try_from(question.now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    word("now", &now.map_or_else(String::new, |now| now.to_string()));
    words.join(" ")
}

/// As a shell reads it.
pub(in crate::cli) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,+=".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}
