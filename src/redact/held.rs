//! Where in a JSON document the values stand that a plan hides: for bodies that are held whole, to name such a place, or to
//! take out what is only the echo of a mask.
//!
//! Never: changes what a plan hides, tells a value, or reads a text that is no JSON: whoever asks has walked it before.

mod scan;

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use crate::limits;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Malformed;
use crate::redact::Plan;
use crate::redact::coding;
use crate::redact::walk::Walk;
use scan::Scan;

/// A value that a plan hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it stands, as a JSON pointer (RFC 6901). Keys that are no plain names are `*`: they may be data themselves.
    pub pointer: String,
    /// The hidden classes that it is of.
    classes: Vec<ClassIx>,
    /// The bytes of the value.
    value: Range<usize>,
    /// What goes if the value does; nothing where it is an item of an array, or the body itself: no value can be taken out
    /// there without another one in its place.
    member: Option<Member>,
    /// Is the value what its mask makes of any, so that it says nothing about what it stands for?
    is_echo: bool,
}

impl Place {
    /// The hidden classes that it is of.
    #[must_use]
    pub fn classes(&self) -> &[ClassIx] {
        &self.classes
    }

    /// The bytes of the value.
    #[must_use]
    pub fn bytes(&self) -> Range<usize> {
        self.value.clone()
    }
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    /// Where its object begins, and how many members stand there before it.
    object: usize,
    index: usize,
    /// Where the value of the one before ends.
    after: usize,
    /// Where its key begins.
    start: usize,
    /// Where the key of the next one begins; its own end, if there is none.
    next: usize,
}

/// The whole text of a body as it is written, once its encoding is undone.
///
/// # Errors
/// When it cannot be decoded, or grows past what a held body may have.
pub fn decoded(encoding: Encoding, body: &Bytes) -> Result<Bytes, Malformed> {
    let Some(mut inflate) = coding::Inflate::new(encoding) else { return Ok(body.clone()) };
    let mut given = 0;
    let mut bounded = |piece: Bytes| {
        given += piece.len() as u64;
        if given > limits::HELD_REQUEST_BYTES_MAX { Err(Malformed::Inflates) } else { Ok(piece) }
    };
    let first = inflate.feed(body, &mut bounded)?;
    let last = inflate.finish(&mut bounded)?;
    Ok(if last.is_empty() { first } else { [&*first, &*last].concat().into() })
}

/// The beginning of a body's text, of hardly more bytes than that, as far as it can be decoded; and is it only that?
#[must_use]
pub fn beginning(encoding: Encoding, body: &Bytes, most: usize) -> (Vec<u8>, bool) {
    let mut text = Vec::new();
    let mut take = |piece: Bytes| {
        text.extend_from_slice(&piece);
        if text.len() > most { Err(Malformed::Inflates) } else { Ok(Bytes::new()) }
    };
    let is_whole = match coding::Inflate::new(encoding) {
        None => take(body.clone()).is_ok(),
        Some(mut inflate) => inflate.feed(body, &mut take).is_ok() && inflate.finish(&mut take).is_ok(),
    };
    (text, !is_whole)
}

/// Is it one JSON document, and nothing else? Gives it without its byte order mark.
///
/// # Errors
/// Says where it is not.
pub fn strict(text: &Bytes) -> Result<Bytes, Malformed> {
    let plan = Plan::nothing();
    let mut walk = Walk::new(&plan);
    let out = walk.feed(&plan, text)?;
    walk.finish(&plan)?;
    Ok(out)
}

/// All values that a plan hides in a JSON document, the outermost of those within each other, in their order.
#[must_use]
pub fn places(plan: &Plan, json: &[u8]) -> Vec<Place> {
    Scan::new(plan, json).read(plan.shape.start)
}

/// Those of them whose value is what its mask makes of any, so that it says nothing about what it stands for.
#[must_use]
pub fn echoes(plan: &Plan, json: &[u8]) -> Vec<Place> {
    places(plan, json).into_iter().filter(|place| place.is_echo).collect()
}

/// The document without these members, which are in their order. `None` where one of them cannot be taken out.
#[must_use]
pub fn without(json: &Bytes, places: &[Place]) -> Option<Bytes> {
    let (mut out, mut from) = (Vec::with_capacity(json.len()), 0);
    // By the object: how many members are gone from its front. Those go with the comma after them, all others with that
    // before.
    let mut gone: HashMap<usize, usize> = HashMap::new();
    for place in places {
        let member = place.member.as_ref()?;
        let at_front = gone.entry(member.object).or_default();
        let cut = if *at_front == member.index {
            *at_front += 1;
            member.start..member.next
        } else {
            member.after..place.value.end
        };
        out.extend_from_slice(json.get(from..cut.start)?);
        from = cut.end;
    }
    out.extend_from_slice(json.get(from..)?);
    Some(out.into())
}

/// A key as a step of a pointer that may be told: `*` for one that is no plain name.
#[must_use]
pub fn step(key: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    let begins = key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'));
    if begins && key.len() <= limits::TOLD_KEY_BYTES_MAX && key.chars().all(is_plain) { key } else { "*" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Mask;
    use crate::redact::Mode;
    use crate::redact::ShapeBuilder;
    use proptest::prelude::*;
    use serde_json::Value as Json;
    use serde_json::json;
    use std::sync::Arc;

    fn plan(mask: &str) -> Plan {
        let mut shape = ShapeBuilder::new();
        shape.path("$..ssn", ClassIx(0)).unwrap();
        Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), Mask::parse(mask).unwrap())], None)
    }

    #[test]
    fn a_place_is_named_by_its_pointer_and_a_key_that_may_be_data_by_a_star() {
        let body =
            br#"{"ssn":1,"users":[{"ssn":{"ssn":2}},7],"a@b.example":{"ssn":3},"078051120":{"ssn":4}}"#;
        let found: Vec<_> = places(&plan("drop"), body).into_iter().map(|one| one.pointer).collect();
        assert_eq!(found, ["/ssn", "/users/0/ssn", "/*/ssn", "/*/ssn"]);
    }

    #[test]
    fn what_a_mask_makes_is_an_echo_and_a_value_is_none() {
        let sealed = |start: &str| format!("\"{start}{}\"", "a".repeat(52));
        for (mask, echoes_of_it, values) in [
            ("fixed", vec!["\"[redacted]\"", "\"[\\u0072edacted]\""], vec!["\"redacted\"", "null", "1"]),
            ("fixed(\"x\")", vec!["\"x\"", "\"[redacted]\""], vec!["\"y\""]),
            ("null", vec!["null"], vec!["\"null\"", "0"]),
            (
                "typed",
                vec!["0", "false", "null", "[]", "{}", "\"[redacted]\""],
                vec!["1", "true", "[1]", "\"\""],
            ),
            (
                "pseudonym",
                vec![
                    "\"ps_0123456789abcdef0123456789abcdef\"",
                    "\"ps_2026b_0123456789abcdef0123456789abcdef\"",
                    "\"ps_2026b_0123456789abcdef0123456789abcd\\u0065f\"",
                ],
                vec!["\"ps_x\"", "\"ps\"", "\"ps_2026B_0123456789abcdef0123456789abcdef\""],
            ),
            (
                "seal",
                vec![&*sealed("sl_"), &*sealed("sl_2026b_"), "\"ps_0123456789abcdef0123456789abcdef\""],
                vec!["\"sl_x\"", "\"sl_2026b_aaaa\"", "1"],
            ),
            ("keep-last(4)", vec!["\"********1120\""], vec!["\"078051120\"", "\"*1120\""]),
            ("keep-first(4)", vec!["\"0780********\""], vec!["\"0780*\""]),
            ("year", vec!["\"1984-01-01\""], vec!["\"1984-06-05\""]),
            ("bucket(10)", vec!["40"], vec!["47"]),
            ("network", vec!["\"192.0.2.0\""], vec!["\"192.0.2.7\""]),
            ("prefix(3)", vec!["\"94100\""], vec!["\"94103\""]),
        ] {
            let of = |value: &str| echoes(&plan(mask), format!("{{\"ssn\":{value}}}").as_bytes()).len();
            for value in echoes_of_it {
                assert_eq!(of(value), 1, "{mask} makes {value}");
            }
            for value in values {
                assert_eq!(of(value), 0, "{mask} does not make {value}");
            }
        }
    }

    #[test]
    fn an_echo_in_a_string_is_one_and_cannot_be_taken_out() {
        let mut shape = ShapeBuilder::new();
        let node = shape.select("payload").unwrap();
        shape.json(node);
        shape.path("$.payload.ssn", ClassIx(0)).unwrap();
        let declared = Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), Mask::default())], None);
        let mut shape = ShapeBuilder::new();
        shape.mode(Mode::Guarded);
        shape.path("$..ssn", ClassIx(0)).unwrap();
        let guarded = Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), Mask::default())], None);
        for plan in [&declared, &guarded] {
            let body = Bytes::from(r#"{"payload":" {\"ssn\":\"[redacted]\"}","a":1}"#);
            let found = echoes(plan, &body);
            assert_eq!(found.iter().map(|place| &*place.pointer).collect::<Vec<_>>(), ["/payload/ssn"]);
            assert_eq!(without(&body, &found), None);
            assert!(echoes(plan, br#"{"payload":"{\"ssn\":\"078\"}"}"#).is_empty());
            assert_eq!(places(plan, br#"{"payload":"{\"ssn\":\"078\"}"}"#).len(), 1);
        }
    }

    #[test]
    fn what_is_left_of_a_dropped_item_is_an_echo_and_a_member_may_be_nothing() {
        let plan = |path: &str| {
            let mut shape = ShapeBuilder::new();
            shape.path(path, ClassIx(0)).unwrap();
            Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), Mask::Drop)], None)
        };
        assert_eq!(echoes(&plan("$.all[*]"), br#"{"all":[null,1]}"#).len(), 1);
        assert_eq!(echoes(&plan("$.all"), br#"{"all":null}"#), []);
    }

    #[test]
    fn an_echo_in_a_list_cannot_be_taken_out() {
        let mut shape = ShapeBuilder::new();
        shape.path("$.all[*]", ClassIx(0)).unwrap();
        let plan = Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), Mask::default())], None);
        let body = Bytes::from_static(br#"{"all":["a","[redacted]"]}"#);
        let found = echoes(&plan, &body);
        assert_eq!(found.iter().map(|one| &*one.pointer).collect::<Vec<_>>(), ["/all/1"]);
        assert_eq!(without(&body, &found), None);
    }

    fn document() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(json!("[redacted]")),
            Just(json!("value")),
            Just(json!(null)),
            any::<i32>().prop_map(|n| json!(n)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof![2 => Just("ssn".to_owned()), 3 => "[a-e]"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::vec((key, inner), 0..5)
                    .prop_map(|all| Json::Object(all.into_iter().collect())),
            ]
        })
    }

    /// The same by a tree.
    fn pruned(value: &mut Json) {
        match value {
            Json::Object(members) => {
                members.retain(|key, value| key != "ssn" || *value != json!("[redacted]"));
                members.iter_mut().filter(|(key, _)| *key != "ssn").for_each(|(_, value)| pruned(value));
            }
            Json::Array(items) => items.iter_mut().for_each(pruned),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    proptest! {
        #[test]
        fn echoes_are_taken_out_and_nothing_else(mut tree in document(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) };
            let text = Bytes::from(text.unwrap());
            let found = echoes(&plan("fixed"), &text);
            let out = without(&text, &found).unwrap();
            pruned(&mut tree);
            prop_assert_eq!(serde_json::from_slice::<Json>(&out).unwrap(), tree);
        }
    }
}
