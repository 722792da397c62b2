//! Reads what must come out.

use serde_json::Value as Json;

use crate::model::tree::Node;
use crate::model::tree::Value;
use crate::problem::Problem;
use crate::redact::Mask;
use crate::request::Body;
use crate::request::question;

use super::Becomes;
use super::Expect;
use super::Wanted;
use super::What;
use super::keys;
use super::read::File;

/// The code of a refusal, or nothing and a problem.
fn code(file: &mut File, node: &Node) -> Option<String> {
    let text = file.text(node, "`code`")?;
    if question::codes().contains(&&*text) {
        return Some(text);
    }
    file.reader.unknown("unknown-code", node.at, "the code of a refusal", &text, question::codes());
    None
}

/// `allow`, `deny`, or a map that says more.
pub(super) fn expect(file: &mut File, node: &Node) -> Option<Expect> {
    if let Value::Text(_) = &node.value {
        return cell(file, node).flatten();
    }
    file.reader.fields(node, "an expectation", &keys::names(keys::EXPECT));
    let code = node.get("code").and_then(|node| code(file, node));
    let decision = file.word(node, "decision", "a decision", keys::DECISIONS);
    let allowed = match (decision, &code) {
        (Some(word), _) => word == "allow",
        (None, Some(_)) => false,
        (None, None) => {
            if node.get("decision").or(node.get("code")).is_none() {
                file.missing(node.at, "an expectation needs a `decision`: `allow` or `deny`");
            }
            return None;
        }
    };
    let policies = node.get("policies").map(|node| policies(file, node));
    let pathway = node.get("pathway").and_then(|node| {
        let name = file.text(node, "`pathway`")?;
        file.mention(What::Pathway, &name, node.at);
        Some(name)
    });
    let mut shown = |key| node.get(key).map(|node| wanted(file, node, key == "hide"));
    let (reveal, hide) = (shown("reveal"), shown("hide"));
    for (of_allow, key) in [
        (true, "code"),
        (false, "reveal"),
        (false, "hide"),
        (false, "settable"),
        (false, "unsettable"),
        (false, "pathway"),
    ] {
        if of_allow == allowed
            && let Some(node) = node.get(key)
        {
            let word = if allowed { "an allow" } else { "a deny" };
            file.reader.error("contradiction", node.at, format!("{word} has no `{key}`"));
        }
    }
    let (reveal, hide) = (reveal.unwrap_or_default(), hide.unwrap_or_default());
    if reveal.others && hide.others {
        file.reader.error("contradiction", node.at, "only one of `reveal` and `hide` can have all others");
    }
    let [settable, unsettable] = ["settable", "unsettable"].map(|key| {
        let found = node.get(key).map(|node| wanted(file, node, false));
        found.map_or_else(Vec::new, |found| found.classes.into_iter().map(|(name, _)| name).collect())
    });
    Some(Expect { allowed, code, policies, pathway, reveal, hide, settable, unsettable, body: None })
}

/// A word of a table: `allow`, `deny`, a code, or nothing, which asks nothing. `None` where it is none of these.
pub(super) fn cell(file: &mut File, node: &Node) -> Option<Option<Expect>> {
    if let Value::Null = node.value {
        return Some(None);
    }
    let text = file.text(node, "a decision")?;
    let expect = match &*text {
        "allow" => Expect { allowed: true, ..Expect::default() },
        "deny" => Expect::default(),
        code if question::codes().contains(&code) => Expect { code: Some(text), ..Expect::default() },
        other => {
            let known = keys::DECISIONS.iter().copied().chain(question::codes());
            file.reader.unknown(
                "unknown-decision",
                node.at,
                "`allow`, `deny` or the code of a refusal",
                other,
                known,
            );
            return None;
        }
    };
    Some(Some(expect))
}

fn policies(file: &mut File, node: &Node) -> Vec<String> {
    let found: Vec<_> =
        file.reader.texts(node, "a policy").iter().map(|(text, at)| ((*text).to_owned(), *at)).collect();
    for (id, at) in &found {
        file.mention(What::Policy, id, *at);
    }
    let mut ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// `others`, a class, a list of both, or (of what is hidden) a map of classes with their masks.
fn wanted(file: &mut File, node: &Node, masks: bool) -> Wanted {
    let mut wanted = Wanted::default();
    if let Value::Map(entries) = &node.value {
        if !masks {
            file.reader.error("wrong-type", node.at, "what is revealed has no mask: write a list of classes");
        }
        for (key, node) in entries {
            let mask = mask(file, node);
            if key.text == keys::OTHERS {
                wanted.others = true;
                wanted.mask_of_others = mask;
            } else {
                file.mention(What::Class, &key.text, key.at);
                wanted.classes.push((key.text.clone(), mask));
            }
        }
        return wanted;
    }
    let found: Vec<_> =
        file.reader.texts(node, "a data class").iter().map(|(text, at)| ((*text).to_owned(), *at)).collect();
    for (name, at) in found {
        if name == keys::OTHERS {
            wanted.others = true;
        } else {
            file.mention(What::Class, &name, at);
            wanted.classes.push((name, None));
        }
    }
    wanted
}

fn mask(file: &mut File, node: &Node) -> Option<Mask> {
    // YAML reads the mask `null` as nothing.
    if node.is_written_null() {
        return Some(Mask::Null);
    }
    if let Value::Null = node.value {
        return None;
    }
    let text = file.text(node, "a mask")?;
    match Mask::parse(&text) {
        Ok(mask) => Some(mask),
        Err(why) => {
            file.reader.error("bad-mask", node.at, why);
            None
        }
    }
}

/// What a body becomes.
pub(super) fn becomes(file: &mut File, node: &Node) -> Option<Becomes> {
    let of = match file.word(node, "of", "a body", keys::BODIES) {
        Some("request") => Body::Request,
        Some(_) | None => Body::Response,
    };
    let mut part = |key: &'static str| {
        let Some(found) = node.get(key) else {
            file.missing(node.at, &format!("a redaction needs a key `{key}`"));
            return None;
        };
        body(file, found)
    };
    let (given, wanted) = (part("body"), part("expect"));
    Some(Becomes { of, given: given?, wanted: wanted? })
}

/// A body: JSON in a text, or the value itself.
fn body(file: &mut File, node: &Node) -> Option<Json> {
    let Value::Text(text) = &node.value else { return Some(node.to_json()) };
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(_) => {
            file.reader.add(node.at, |place| {
                Problem::error("bad-body", place, "this text is not JSON").hint(
                    "write the body as a map, or as JSON in a text; a body that is one text: `'\"text\"'`",
                )
            });
            None
        }
    }
}
