//! The law of messages against a reader of our neighbours': redacting the tree of values that `prost-reflect` makes of a
//! message, and reading what has left, comes to the same.
#![expect(clippy::wildcard_enum_match_arm, reason = "of their values few are told apart here")]

use std::sync::Arc;
use std::sync::LazyLock;

use proptest::prelude::*;
use prost_reflect::DescriptorPool;
use prost_reflect::DynamicMessage;
use prost_reflect::FieldDescriptor;
use prost_reflect::Kind;
use prost_reflect::MapKey;
use prost_reflect::MessageDescriptor;
use prost_reflect::Value;
use prost_reflect::prost::Message as _;

use super::PROTO;
use super::bytes;
use super::framed;
use super::grpc;
use super::number;
use super::varint;
use crate::redact::ClassIx;
use crate::redact::Descriptors;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::tests::pieces;
use crate::redact::tests::run;

const FILE: &str = r#"
syntax = "proto3";
package t;
message M {
  string a = 1;
  string b = 2;
  int32 i = 3;
  sint64 z = 4;
  fixed32 f = 5;
  double d = 6;
  bool t = 7;
  bytes y = 8;
  E e = 9;
  M m = 10;
  repeated M r = 11;
  repeated string s = 12;
  repeated int32 p = 13;
  map<string, string> k = 14;
  map<int32, M> n = 15;
  oneof o { string x = 16; int64 w = 17; M v = 18; }
  optional string q = 19;
  repeated double ds = 20 [packed = false];
}
enum E { ZERO = 0; ONE = 1; TWO = 2; }
"#;

/// The descriptor set, by a compiler of others'.
static SET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.proto"), FILE).unwrap();
    let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
    compiler.open_file("t.proto").unwrap();
    compiler.encode_file_descriptor_set()
});

static KIND: LazyLock<MessageDescriptor> =
    LazyLock::new(|| DescriptorPool::decode(&**SET).unwrap().get_message_by_name("t.M").unwrap());

/// Says of a path of names and keys by which mask what stands there is hidden.
#[derive(Debug, Clone)]
struct Rule {
    /// At any depth: only the last name counts.
    anywhere: bool,
    path: Vec<&'static str>,
    mask: &'static str,
}

impl Rule {
    fn written(&self) -> String {
        let steps: Vec<String> = self.path.iter().map(|step| format!("['{step}']")).collect();
        if self.anywhere { format!("$..{}", self.path[0]) } else { format!("${}", steps.concat()) }
    }

    fn holds(&self, path: &[String]) -> bool {
        let last = path.last().is_some_and(|last| last == self.path[0]);
        if self.anywhere { last } else { path == self.path }
    }
}

fn plan(rules: &[Rule], closed: bool) -> Arc<Plan> {
    let descriptors = Arc::new(Descriptors::parse(&SET).unwrap());
    let mut shape = ShapeBuilder::new();
    let mut hidden = Vec::new();
    for (number, rule) in (0..).zip(rules) {
        shape.path(&rule.written(), ClassIx(number)).unwrap();
        // In a closed body rules show.
        if !closed {
            hidden.push((ClassIx(number), Mask::parse(rule.mask).unwrap()));
        }
    }
    if closed {
        shape.mode(Mode::Closed(ClassIx(90)));
        hidden.push((ClassIx(90), Mask::Drop));
    }
    shape.protobuf(&descriptors, descriptors.find("t.M").unwrap(), |_| None);
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, None))
}

/// The masks from the one that hides most.
const MASKS: [&str; 4] = ["drop", "null", "fixed", "typed"];

/// A tree of values, redacted. `None` of a value that goes.
fn seen(rules: &[Rule], message: &mut DynamicMessage, path: &mut Vec<String>) {
    assert!(message.take_unknown_fields().count() < 1000);
    let fields: Vec<FieldDescriptor> = message.fields().map(|(field, _)| field).collect();
    for field in fields {
        path.push(field.name().to_owned());
        let mask = mask_of(rules, path);
        let value = message.get_field_mut(&field);
        let goes = matches!(mask, Some("drop" | "null"));
        let stays = match value {
            _ if goes => false,
            Value::List(items) => {
                for item in items {
                    one(rules, &field.kind(), item, mask, path);
                }
                true
            }
            Value::Map(entries) => {
                if mask.is_some() {
                    entries.clear();
                }
                let kind = field.kind();
                let kind = kind.as_message().unwrap().map_entry_value_field().kind();
                entries.retain(|key, value| {
                    path.push(step(key));
                    let mask = mask_of(rules, path);
                    let stays = !matches!(mask, Some("drop" | "null"));
                    if stays {
                        one(rules, &kind, value, mask, path);
                    }
                    path.pop();
                    stays
                });
                true
            }
            value => {
                one(rules, &field.kind(), value, mask, path);
                true
            }
        };
        if !stays {
            message.clear_field(&field);
        }
        path.pop();
    }
}

/// The key of a map as a step of a path.
fn step(key: &MapKey) -> String {
    key.as_str().map_or_else(|| key.as_i32().unwrap_or_default().to_string(), str::to_owned)
}

fn mask_of(rules: &[Rule], path: &[String]) -> Option<&'static str> {
    let here = rules.iter().filter(|rule| rule.holds(path)).map(|rule| rule.mask);
    here.min_by_key(|mask| MASKS.iter().position(|known| known == mask))
}

fn one(rules: &[Rule], kind: &Kind, value: &mut Value, mask: Option<&str>, path: &mut Vec<String>) {
    match (mask, &mut *value) {
        (None, Value::Message(message)) => seen(rules, message, path),
        (None, _) => {}
        (Some(_), Value::String(text)) => *text = "[redacted]".to_owned(),
        (Some(_), _) => *value = Value::default_value(kind),
    }
}

fn of(message: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(KIND.clone(), message).unwrap()
}

/// What leaves, read by others; and that it is the same as what they would have left.
fn law(rules: &[Rule], message: &[u8], cuts: &[prop::sample::Index]) -> Result<(), TestCaseError> {
    let mut wanted = of(message);
    seen(rules, &mut wanted, &mut Vec::new());
    // Where unknown fields were taken out, or a list is empty, a tree is not equal to one that never had any.
    let wanted = of(&wanted.encode_to_vec());
    let plan = plan(rules, false);
    let (out, _) = run(&plan, PROTO, &pieces(message, cuts)).unwrap();
    // Its own `Debug` goes round in a type that holds itself.
    let told = |message: &DynamicMessage| message.to_text_format();
    let found = of(&of(&out).encode_to_vec());
    prop_assert!(found == wanted, "{rules:?}: {} is not {}", told(&found), told(&wanted));
    let stream = [framed(0, message), framed(0, message)].concat();
    let (twice, _) = run(&plan, grpc(Encoding::Identity), &pieces(&stream, cuts)).unwrap();
    prop_assert_eq!(twice, [framed(0, &out), framed(0, &out)].concat());
    Ok(())
}

/// A varint that may be longer than it has to be.
fn long(number: u64, more: usize) -> Vec<u8> {
    let mut out = varint(number);
    for _ in 0..more.min(10 - out.len()) {
        *out.last_mut().unwrap() |= 128;
        out.push(0);
    }
    out
}

/// Fields in any order, any number of times, written in all ways that readers take.
fn message() -> impl Strategy<Value = Vec<u8>> {
    // A text that is there and empty is one that is not there to readers, and a hidden one to us.
    let text = || prop_oneof![3 => "[a-c]{1,4}", 1 => "\\PC{1,3}"];
    let text_field = (prop::sample::select(vec![1_u64, 2, 12, 16, 19]), text(), 0_usize..3).prop_map(
        |(field, text, more)| {
            [long(field << 3 | 2, more), long(text.len() as u64, more), text.into_bytes()].concat()
        },
    );
    let number_field =
        (prop::sample::select(vec![3_u64, 4, 7, 9, 13, 17]), any::<u64>(), any::<bool>(), 0_usize..3)
            .prop_map(|(field, raw, small, more)| {
                let raw = if small { raw % 9 } else { raw };
                [long(field << 3, more), long(raw, more)].concat()
            });
    let doubles = proptest::collection::vec(-9_i8..9, 0..4);
    let packed = (proptest::collection::vec(any::<i32>(), 0..4), doubles, any::<bool>()).prop_map(
        |(numbers, doubles, is_packed)| {
            let doubles = doubles.into_iter().map(|one| f64::from(one).to_le_bytes());
            if is_packed {
                let numbers: Vec<u8> = numbers.into_iter().flat_map(|n| varint(n as u64)).collect();
                [bytes(13, numbers), bytes(20, doubles.collect::<Vec<_>>().concat())].concat()
            } else {
                doubles.flat_map(|one| [&[0xa1, 1][..], &one].concat()).collect()
            }
        },
    );
    let fixed = (any::<u32>(), any::<i8>())
        .prop_map(|(f, d)| [&[0x2d][..], &f.to_le_bytes(), &[0x31], &f64::from(d).to_le_bytes()].concat());
    let entry = (prop::sample::select(vec!["", "a", "k", "b"]), text(), any::<bool>(), any::<bool>());
    let entry = entry.prop_map(|(key, text, is_back, has_key)| {
        let key = if has_key { bytes(1, key) } else { Vec::new() };
        let parts = if is_back { [bytes(2, text), key] } else { [key, bytes(2, text)] };
        bytes(14, parts.concat())
    });
    let odd = prop_oneof![Just(bytes(99, "SECRET")), Just(number(98, 5)), Just(bytes(8, b"\xff\x00")),];
    let leaf = prop_oneof![3 => text_field, 3 => number_field, 1 => packed, 1 => fixed, 2 => entry, 1 => odd];
    let fields = proptest::collection::vec(leaf, 0..5).prop_map(|fields| fields.concat());
    fields.prop_recursive(4, 24, 3, |inner| {
        let held = (prop::sample::select(vec![10_u64, 11, 15, 18]), inner.clone(), -2_i64..9, any::<bool>());
        let held = held.prop_map(|(field, message, key, wide)| match field {
            15 => {
                // A key that is too wide is cut by who reads it.
                let key = key as u64 | if wide { 7 << 40 } else { 0 };
                bytes(15, [number(1, key), bytes(2, message)].concat())
            }
            field => bytes(field, message),
        });
        (inner, proptest::collection::vec(held, 0..4)).prop_map(|(flat, held)| {
            let (first, rest) = held.split_at(held.len() / 2);
            [first.concat(), flat, rest.concat()].concat()
        })
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let names = || {
        prop::sample::select(vec![
            "a", "b", "i", "z", "f", "d", "t", "y", "e", "m", "r", "s", "p", "k", "n", "x", "w", "v", "q",
            "ds", "7",
        ])
    };
    let path = prop_oneof![
        names().prop_map(|name| (true, vec![name])),
        proptest::collection::vec(names(), 1..3).prop_map(|path| (false, path)),
        (prop::sample::select(vec!["m", "r", "n"]), proptest::collection::vec(names(), 1..3))
            .prop_map(|(first, rest)| (false, [vec![first], rest].concat())),
    ];
    (path, prop::sample::select(MASKS.to_vec())).prop_map(|((anywhere, path), mask)| Rule {
        anywhere,
        path,
        mask,
    })
}

/// In a closed message: is what stands there shown by a rule, on it or around it?
fn shown(rules: &[Rule], path: &[String]) -> bool {
    (1..=path.len()).any(|to| rules.iter().any(|rule| rule.holds(&path[..to])))
}

/// Each text and number of a tree is one that a rule shows.
fn only_shown(rules: &[Rule], message: &DynamicMessage, path: &mut Vec<String>) -> Result<(), String> {
    for (field, value) in message.fields() {
        path.push(field.name().to_owned());
        let leaf = |value: &Value, path: &mut Vec<String>| match value {
            Value::Message(inner) => only_shown(rules, inner, path),
            value if shown(rules, path) || value.is_default(&field.kind()) => Ok(()),
            _ => Err(format!("{path:?}")),
        };
        match value {
            Value::List(items) => items.iter().try_for_each(|item| leaf(item, path))?,
            Value::Map(entries) => {
                for (key, value) in entries {
                    path.push(step(key));
                    match value {
                        Value::Message(inner) => only_shown(rules, inner, path)?,
                        Value::String(text) if shown(rules, path) || text.is_empty() => {}
                        _ => return Err(format!("{path:?}")),
                    }
                    path.pop();
                }
            }
            value => leaf(value, path)?,
        }
        path.pop();
    }
    Ok(())
}

#[test]
fn what_a_piece_of_a_message_puts_out_in_another_does_not_come_back_where_the_piece_is_hidden() {
    let rule = Rule { anywhere: true, path: vec!["x"], mask: "drop" };
    law(&[rule], &[bytes(10, bytes(18, "")), bytes(10, bytes(16, "a"))].concat(), &[]).unwrap();
}

proptest! {
    #[test]
    fn redacting_the_tree_and_reading_what_leaves_come_to_the_same_wherever_it_is_cut(
        message in message(),
        rules in proptest::collection::vec(rule(), 1..5),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        law(&rules, &message, &cuts)?;
    }

    #[test]
    fn in_a_closed_message_each_value_that_leaves_is_shown_by_a_class(
        message in message(),
        rules in proptest::collection::vec(rule(), 1..5),
    ) {
        let (out, _) = run(&plan(&rules, true), PROTO, &[&message]).unwrap();
        let out = of(&out);
        prop_assert_eq!(only_shown(&rules, &out, &mut Vec::new()), Ok(()), "{:?}", rules);
    }
}
