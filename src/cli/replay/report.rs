//! What became of past decisions, for people and for machines.
//!
//! Never: leaves out what could not be made again.

use serde_json::Value as Json;
use serde_json::json;

use super::super::diff::report::effects;
use super::super::diff::report::effects_json;
use super::super::out::BAD;
use super::super::out::BOLD;
use super::super::out::GOOD;
use super::super::out::Out;
use super::super::out::WARN;
use super::super::out::paint;
use super::super::report::printable;
use super::Found;

pub(super) fn json(found: &Found) -> Json {
    let mut all = effects_json(&found.effects);
    if let Some(object) = all.as_object_mut() {
        object.insert("decisions".to_owned(), found.recorded.decisions.into());
        object.insert("of_other_tenants".to_owned(), found.passed.into());
        object.insert("not_judged_again".to_owned(), json!(found.recorded.unusable));
        object.insert("without_snapshot".to_owned(), json!(found.unkept));
        object.insert("missing".to_owned(), found.missing.into());
        object.insert("same".to_owned(), (!found.effects.is_other()).into());
    }
    all
}

pub(super) fn pretty(found: &Found, is_candidate: bool, out: &mut Out) {
    let (asked, decisions) = (found.effects.asked, found.recorded.decisions);
    out.line(&paint(BOLD, format!("{asked} of {decisions} decisions were made again")));
    if found.passed > 0 {
        out.line(&format!("  {} are of other tenants", found.passed));
    }
    if found.missing > 0 {
        let line =
            format!("{} records are missing or damaged: `palisade audit verify` names them", found.missing);
        out.line(&format!("  {}", paint(BAD, line)));
    }
    for (why, count) in &found.recorded.unusable {
        out.line(&format!("  {count} cannot be: {why}"));
    }
    for (why, count) in &found.unkept {
        out.line(&format!("  {} {}", paint(WARN, format!("{count} cannot be:")), printable(why)));
    }
    let (same, other) = if is_candidate {
        ("all of them would be as they were", "some would be otherwise")
    } else {
        (
            "all of them came out as they were recorded",
            "some did not come out as they were recorded: a defect",
        )
    };
    match (asked, found.effects.is_other()) {
        (0, _) => {}
        (_, false) => out.line(&paint(GOOD, same)),
        (_, true) => {
            out.line(&paint(if is_candidate { WARN } else { BAD }, other));
            effects(&found.effects, true, out);
        }
    }
}
