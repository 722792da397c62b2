//! Where in a JSON document the values stand that a plan hides: for bodies that are held whole, to name such a place, or to
//! take out what is only the echo of a mask.
//!
//! Never: changes what a plan hides, tells a value, or reads a text that is no JSON: whoever asks has walked it before.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use crate::limits;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Malformed;
use crate::redact::Plan;
use crate::redact::automaton::StateIx;
use crate::redact::coding;
use crate::redact::text;
use crate::redact::walk::Walk;

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
}

impl Place {
    /// The hidden classes that it is of.
    #[must_use]
    pub fn classes(&self) -> &[ClassIx] {
        &self.classes
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
    let mut scan = Scan { plan, json, at: 0, pointer: String::new(), depth: 0, found: Vec::new() };
    scan.value(plan.shape.start, None);
    scan.found
}

/// Those of them whose value is what its mask makes of any, so that it says nothing about what it stands for.
#[must_use]
pub fn echoes(plan: &Plan, json: &[u8]) -> Vec<Place> {
    let is_echo = |place: &Place| {
        let raw = json.get(place.value.clone()).unwrap_or_default();
        plan.hidden().any(|(class, mask)| place.classes.contains(&class) && mask.may_have_made(raw))
    };
    places(plan, json).into_iter().filter(is_echo).collect()
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

struct Scan<'a> {
    plan: &'a Plan,
    json: &'a [u8],
    at: usize,
    pointer: String,
    depth: usize,
    found: Vec<Place>,
}

impl Scan<'_> {
    fn peek(&mut self) -> u8 {
        self.at = text::skip_space(self.json, self.at);
        self.json.get(self.at).copied().unwrap_or_default()
    }

    /// Reads one value, which stands at this state and in this member.
    fn value(&mut self, next: StateIx, member: Option<Member>) {
        let first = self.peek();
        let state = self.plan.shape.state(next);
        let (set, inner) = state.of(first);
        let start = self.at;
        let is_hidden = self.plan.hides(set);
        let known = self.found.len();
        self.depth += 1;
        match first {
            _ if self.depth > limits::JSON_DEPTH_MAX + 1 => self.at = self.json.len(),
            b'{' => self.object(inner),
            b'[' => self.array(inner),
            b'"' => drop(self.string()),
            _ => {
                let rest = self.json.get(self.at..).unwrap_or_default();
                let end = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
                self.at += end.unwrap_or(rest.len());
            }
        }
        self.depth -= 1;
        if is_hidden {
            self.found.truncate(known);
            let set = self.plan.shape.sets.get(usize::from(set));
            let of_set = |class: &ClassIx| set.is_some_and(|set| set.contains(*class));
            let classes = self.plan.hidden().map(|(class, _)| class).filter(of_set).collect();
            let pointer = self.pointer.clone();
            self.found.push(Place { pointer, classes, value: start..self.at, member });
        }
    }

    fn object(&mut self, state: StateIx) {
        let object = self.at;
        self.at += 1;
        let (mut after, mut index) = (self.at, 0);
        while self.peek() == b'"' {
            let (start, known, before) = (self.at, self.found.len(), self.pointer.len());
            let key = self.string();
            self.peek();
            self.at += 1;
            // A key that spells nothing was refused before.
            let key = key.unwrap_or_default();
            let next = self.plan.shape.member(state, key.as_bytes());
            self.pointer.push('/');
            self.pointer.push_str(step(&key));
            self.value(next, Some(Member { object, index, after, start, next: 0 }));
            self.pointer.truncate(before);
            let end = self.at;
            if self.peek() == b',' {
                self.at += 1;
                self.peek();
            }
            let next = if self.json.get(self.at) == Some(&b'"') { self.at } else { end };
            let of_this = |place: &&mut Place| place.value.end == end;
            let own = self.found.get_mut(known).filter(of_this).and_then(|place| place.member.as_mut());
            if let Some(member) = own.filter(|member| member.start == start) {
                member.next = next;
            }
            (after, index) = (end, index + 1);
        }
        self.at += 1;
    }

    fn array(&mut self, state: StateIx) {
        self.at += 1;
        let mut number = 0_usize;
        while !matches!(self.peek(), b']' | 0) {
            let before = self.pointer.len();
            self.pointer.push_str(&format!("/{number}"));
            self.value(state, None);
            self.pointer.truncate(before);
            number += 1;
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    /// Reads a string; what it spells.
    fn string(&mut self) -> Option<String> {
        let start = self.at + 1;
        self.at = start;
        while let Some(byte) = self.json.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let raw = self.json.get(start..self.at).unwrap_or_default();
        self.at += 1;
        text::unescape(raw)
    }
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
