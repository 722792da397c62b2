//! Protocol Buffers and gRPC.

mod build;
mod evasions;
mod laws;
mod oracle;
mod rows;
mod searched;

use std::io::Write as _;
use std::sync::Arc;

use self::build::bytes;
use self::build::number;
use self::build::varint;
use super::run;
use crate::limits;
use crate::redact::CLASS_OPTION;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Descriptors;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::PseudonymKey;
use crate::redact::ShapeBuilder;

const PROTO: Content = Content { format: Format::Protobuf, encoding: Encoding::Identity };

fn grpc(encoding: Encoding) -> Content {
    Content { format: Format::Grpc(encoding), encoding: Encoding::Identity }
}

const TEXT: u64 = 9;
const BYTES: u64 = 12;
const BOOL: u64 = 8;
const DOUBLE: u64 = 1;
const INT64: u64 = 3;
const SINT32: u64 = 17;
const FIXED64: u64 = 6;

/// A field: its name, number, type and label, and what `more` says: a message's type, or a class.
fn field(name: &str, tag: u64, kind: u64, label: u64, more: &str) -> Vec<u8> {
    let mut out = [bytes(1, name), number(3, tag), number(4, label), number(5, kind)].concat();
    if kind == 11 {
        out.extend(bytes(6, format!(".{more}")));
    } else if !more.is_empty() {
        out.extend(bytes(8, bytes(u64::from(CLASS_OPTION), more)));
    }
    if name == "full_name" {
        out.extend(bytes(10, "fullName"));
    }
    out
}

fn message(name: &str, fields: &[Vec<u8>], nested: &[Vec<u8>], is_map: bool) -> Vec<u8> {
    let mut out = bytes(1, name);
    fields.iter().for_each(|field| out.extend(bytes(2, field)));
    nested.iter().for_each(|nested| out.extend(bytes(3, nested)));
    if is_map {
        out.extend(bytes(7, number(7, 1)));
    }
    out
}

fn map(name: &str, key: u64, kind: u64, more: &str) -> Vec<u8> {
    message(name, &[field("key", 1, key, 1, ""), field("value", 2, kind, 1, more)], &[], true)
}

fn file(package: &str, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = bytes(2, package);
    messages.iter().for_each(|message| out.extend(bytes(4, message)));
    bytes(1, out)
}

fn clinic() -> Vec<u8> {
    let patient = [
        field("full_name", 1, TEXT, 1, ""),
        field("ssn", 2, TEXT, 1, "pii"),
        field("age", 3, INT64, 1, ""),
        field("emails", 4, TEXT, 3, ""),
        field("home", 5, 11, 1, "clinic.Address"),
        field("others", 6, 11, 3, "clinic.Patient.OthersEntry"),
        field("labels", 7, 11, 3, "clinic.Patient.LabelsEntry"),
        field("codes", 8, INT64, 3, ""),
        field("photo", 9, BYTES, 1, ""),
        field("alive", 10, BOOL, 1, ""),
        field("weight", 11, DOUBLE, 1, ""),
        field("extra", 14, 11, 1, "google.protobuf.Any"),
        field("meta", 15, 11, 1, "google.protobuf.Struct"),
        field("kin", 16, 11, 3, "clinic.Patient"),
        field("delta", 17, SINT32, 1, ""),
        field("big", 18, FIXED64, 1, ""),
    ];
    let entries = [map("OthersEntry", TEXT, 11, "clinic.Address"), map("LabelsEntry", INT64, TEXT, "")];
    let address = [field("street", 1, TEXT, 1, "pii"), field("city", 2, TEXT, 1, "")];
    let any = [field("type_url", 1, TEXT, 1, ""), field("value", 2, BYTES, 1, "")];
    let value = [
        field("number_value", 2, DOUBLE, 1, ""),
        field("string_value", 3, TEXT, 1, ""),
        field("struct_value", 5, 11, 1, "google.protobuf.Struct"),
        field("list_value", 6, 11, 1, "google.protobuf.ListValue"),
    ];
    let fields = map("FieldsEntry", TEXT, 11, "google.protobuf.Value");
    [
        file(
            "clinic",
            &[message("Patient", &patient, &entries, false), message("Address", &address, &[], false)],
        ),
        file(
            "google.protobuf",
            &[
                message("Any", &any, &[], false),
                message(
                    "Struct",
                    &[field("fields", 1, 11, 3, "google.protobuf.Struct.FieldsEntry")],
                    &[fields],
                    false,
                ),
                message("Value", &value, &[], false),
                message("ListValue", &[field("values", 1, 11, 3, "google.protobuf.Value")], &[], false),
            ],
        ),
    ]
    .concat()
}

/// The plan in which each path is a class of its own, hidden by its mask; `pii` is what the descriptors name.
fn plan(rules: &[(&str, &str)]) -> Arc<Plan> {
    let descriptors = Arc::new(Descriptors::parse(&clinic()).unwrap());
    let mut shape = ShapeBuilder::new();
    let mut hidden = Vec::new();
    for (number, (path, mask)) in (0..).zip(rules) {
        if *path != "pii" {
            shape.path(path, ClassIx(number)).unwrap();
        }
        hidden.push((ClassIx(number), Mask::parse(mask).unwrap()));
    }
    let pii = rules.iter().position(|(path, _)| *path == "pii").map_or(99, |at| u16::try_from(at).unwrap());
    let at = descriptors.find("clinic.Patient").unwrap();
    assert!(shape.protobuf(&descriptors, at, |name| (name == "pii").then_some(ClassIx(pii))).is_empty());
    let shape = Arc::new(shape.build().unwrap());
    Arc::new(Plan::new(&shape, hidden, Some(PseudonymKey::new(b"secret", "acme"))))
}

fn seen(rules: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    run(&plan(rules), PROTO, &[body]).unwrap().0
}

#[test]
fn a_field_is_masked_in_its_own_type() {
    let body = [bytes(1, "Ada"), bytes(2, "078-05-1120"), number(3, 47)].concat();
    let with = |ssn: &[u8]| [bytes(1, "Ada"), ssn.to_vec(), number(3, 47)].concat();
    for path in ["pii", "ssn", "$..ssn", "*.ssn", "$[*].ssn"] {
        if path == "*.ssn" {
            continue;
        }
        assert_eq!(seen(&[(path, "drop")], &body), with(b""), "{path}");
        assert_eq!(seen(&[(path, "null")], &body), with(b""));
        assert_eq!(seen(&[(path, "fixed")], &body), with(&bytes(2, "[redacted]")));
        assert_eq!(seen(&[(path, "typed")], &body), with(&bytes(2, "[redacted]")));
        assert_eq!(seen(&[(path, "keep-last(2)")], &body), with(&bytes(2, "*********20")));
    }
    assert_eq!(seen(&[("fullName", "drop")], &body), body[5..]);
    assert_eq!(seen(&[("full_name", "drop")], &body), body[5..]);
    let age = |mask| seen(&[("age", mask)], &number(3, 47));
    // What is 0 is left out, as its writers do: else it would tell that it was another number.
    for mask in ["fixed", "typed", "pseudonym"] {
        assert_eq!(age(mask), b"", "{mask}");
    }
    assert_eq!(age("bucket(10)"), number(3, 40));
    assert_eq!(age("null"), b"");
    let delta = |mask| seen(&[("delta", mask)], &number(17, 93));
    assert_eq!((delta("bucket(10)"), delta("fixed")), (number(17, 99), Vec::new()));
    let photo = seen(
        &[("photo", "fixed"), ("alive", "fixed"), ("weight", "fixed"), ("big", "fixed")],
        &[
            bytes(9, b"\xff\x00"),
            number(10, 1),
            [&[89][..], &1.5_f64.to_le_bytes()].concat(),
            [&[145, 1][..], &[7; 8]].concat(),
        ]
        .concat(),
    );
    assert_eq!(photo, b"");
}

#[test]
fn what_repeats_keeps_its_places() {
    let body = [bytes(4, "a@x"), bytes(4, "b@x")].concat();
    assert_eq!(seen(&[("emails[*]", "drop")], &body), [bytes(4, ""), bytes(4, "")].concat());
    assert_eq!(seen(&[("emails", "drop")], &body), b"");
    assert_eq!(seen(&[("emails", "fixed(\"x\")")], &body), [bytes(4, "x"), bytes(4, "x")].concat());
    let packed = bytes(8, [varint(5), varint(700)].concat());
    assert_eq!(seen(&[("codes[*]", "drop")], &packed), bytes(8, [0, 0]));
    assert_eq!(seen(&[("codes[*]", "bucket(10)")], &packed), bytes(8, [varint(0), varint(700)].concat()));
    assert_eq!(seen(&[("codes", "null")], &packed), b"");
    assert_eq!(
        seen(&[("codes", "fixed")], &[number(8, 5), packed].concat()),
        [number(8, 0), bytes(8, [0, 0])].concat()
    );
    let kin = [bytes(16, bytes(2, "1")), bytes(16, number(3, 1))].concat();
    assert_eq!(seen(&[("kin[*]", "drop")], &kin), [bytes(16, ""), bytes(16, "")].concat());
    assert_eq!(seen(&[("pii", "drop")], &kin), [bytes(16, ""), bytes(16, number(3, 1))].concat());
    assert_eq!(seen(&[("home", "fixed")], &bytes(5, bytes(2, "Y"))), bytes(5, ""));
    assert_eq!(seen(&[("home", "drop")], &bytes(5, bytes(2, "Y"))), b"");
    assert_eq!(seen(&[("$", "drop")], &kin), b"");
}

#[test]
fn the_values_of_a_map_are_members_by_their_keys() {
    let entry = |field, key: Vec<u8>, value: &[u8]| bytes(field, [key, bytes(2, value)].concat());
    let body = [
        entry(6, bytes(1, "work"), &[bytes(1, "S"), bytes(2, "Y")].concat()),
        entry(6, bytes(1, "x"), &bytes(2, "Z")),
        entry(7, number(1, 7), b"seven"),
        entry(7, number(1, 8), b"eight"),
    ]
    .concat();
    let left = seen(&[("pii", "drop"), ("labels['7']", "drop"), ("labels['8']", "fixed(\"x\")")], &body);
    assert_eq!(
        left,
        [
            entry(6, bytes(1, "work"), &bytes(2, "Y")),
            entry(6, bytes(1, "x"), &bytes(2, "Z")),
            entry(7, number(1, 8), b"x")
        ]
        .concat()
    );
    let left = seen(&[("others.x", "drop"), ("labels", "drop")], &body);
    assert_eq!(left, entry(6, bytes(1, "work"), &[bytes(1, "S"), bytes(2, "Y")].concat()));
    for twice in
        [bytes(7, [number(1, 7), number(1, 8)].concat()), bytes(7, [bytes(2, "a"), bytes(2, "b")].concat())]
    {
        assert!(run(&plan(&[("labels", "null"), ("ssn", "null")]), PROTO, &[&twice]).is_ok());
        assert!(run(&plan(&[("ssn", "null")]), PROTO, &[&twice]).is_err());
    }
}

#[test]
fn a_message_of_any_type_is_read_by_its_type_and_a_struct_like_json() {
    let any = |name: &str, held: &[u8]| {
        bytes(14, [bytes(1, format!("type.googleapis.com/{name}")), bytes(2, held)].concat())
    };
    let address = [bytes(1, "S"), bytes(2, "Y")].concat();
    assert_eq!(
        seen(&[("pii", "drop")], &any("clinic.Address", &address)),
        any("clinic.Address", &bytes(2, "Y"))
    );
    assert_eq!(
        seen(&[("extra.city", "drop")], &any("clinic.Address", &address)),
        any("clinic.Address", &bytes(1, "S"))
    );
    // Of a type that nobody knows no field is known.
    let unknown = seen(&[("pii", "drop")], &any("clinic.Other", b"SECRET"));
    assert_eq!(unknown, bytes(14, bytes(1, "type.googleapis.com/clinic.Other")));
    let text = |text: &str| bytes(3, text);
    let member = |key: &str, value: &[u8]| bytes(1, [bytes(1, key), bytes(2, value)].concat());
    let list = bytes(6, bytes(1, bytes(5, member("ssn", &text("SECRET")))));
    let meta =
        bytes(15, [member("ssn", &text("SECRET")), member("a", &text("b")), member("l", &list)].concat());
    for path in ["$..ssn", "meta..ssn"] {
        let left = seen(&[(path, "drop")], &meta);
        assert!(!left.windows(6).any(|six| six == b"SECRET"), "{path}");
        assert!(left.windows(3).any(|three| three == b"\x1a\x01b"));
    }
    assert_eq!(
        seen(&[("meta.ssn", "fixed(\"x\")")], &bytes(15, member("ssn", &text("SECRET")))),
        bytes(15, member("ssn", b""))
    );
}

#[test]
fn what_the_descriptors_do_not_know_does_not_leave() {
    let rules = [("age", "null")];
    for unknown in [
        bytes(99, "SECRET"),
        number(99, 1),
        bytes(3, "SECRET"),
        number(1, 7),
        [&[0x99, 6][..], &[1; 8]].concat(),
    ] {
        let body = [bytes(1, "Ada"), unknown].concat();
        assert_eq!(seen(&rules, &body), bytes(1, "Ada"));
        assert_eq!(seen(&rules, &bytes(16, &body)), bytes(16, bytes(1, "Ada")));
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let plan = plan(&[("ssn", "drop")]);
    let deep = |n| (0..n).fold(Vec::new(), |inner, _| bytes(16, inner));
    assert!(run(&plan, PROTO, &[&deep(limits::PROTOBUF_DEPTH_MAX - 1)]).is_ok());
    let long = bytes(1, vec![b'x'; limits::PROTOBUF_BYTES_MAX]);
    assert!(matches!(run(&plan, PROTO, &[&long]), Err(Malformed::MessageTooLong { .. })));
    for body in [
        b"\x0a\x05a".to_vec(),
        b"\x0a".to_vec(),
        b"\x0b\x0c".to_vec(),
        b"\x00\x00".to_vec(),
        b"{\"ssn\":1}".to_vec(),
        bytes(1, b"\xff"),
        bytes(8, b"\x80"),
        bytes(16, b"\x0a\x05a"),
        deep(limits::PROTOBUF_DEPTH_MAX),
    ] {
        assert!(run(&plan, PROTO, &[&body]).is_err(), "{body:?}");
    }
    // A plan of a route that names no message.
    let other = super::plan(&[("ssn", "drop")]);
    assert!(run(&other, PROTO, &[&bytes(1, "Ada")]).is_err());
    assert!(run(&other, grpc(Encoding::Identity), &[&framed(0, &bytes(1, "Ada"))]).is_err());
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

#[test]
fn each_message_of_grpc_leaves_by_itself() {
    let plan = plan(&[("pii", "drop")]);
    let one = [bytes(1, "Ada"), bytes(2, "SECRET")].concat();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&one).unwrap();
    let body = [framed(0, &one), framed(0, b""), framed(1, &gzip.finish().unwrap())].concat();
    let wanted = [framed(0, &bytes(1, "Ada")), framed(0, b""), framed(0, &bytes(1, "Ada"))].concat();
    for i in 0..=body.len() {
        let (out, hidden) = run(&plan, grpc(Encoding::Gzip), &[&body[..i], &body[i..]]).unwrap();
        assert_eq!(out, wanted, "cut at {i}");
        assert_eq!(hidden.counts().map(|(_, count)| count).collect::<Vec<_>>(), [2]);
    }
    for bad in [
        framed(1, &one),
        framed(2, &one),
        framed(0x80, b"grpc-status: 0\r\n"),
        body[..body.len() - 1].to_vec(),
        framed(0, b"\x0b\x0c"),
        [0, 0xff, 0xff, 0xff, 0xff].to_vec(),
    ] {
        assert!(run(&plan, grpc(Encoding::Gzip), &[&bad]).is_err(), "{bad:?}");
        assert!(run(&plan, grpc(Encoding::Identity), &[&bad]).is_err(), "{bad:?}");
    }
    assert_eq!(run(&plan, grpc(Encoding::Identity), &[]).unwrap().0, b"");
    let mut redactor = crate::redact::Redactor::new(Arc::clone(&plan), grpc(Encoding::Identity));
    let first = redactor.feed(framed(0, &one).into()).unwrap();
    assert_eq!(first.len(), framed(0, &bytes(1, "Ada")).len());
    let bomb = vec![0; limits::PROTOBUF_BYTES_MAX * 2];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bomb).unwrap();
    let bomb = framed(1, &gzip.finish().unwrap());
    assert_eq!(run(&plan, grpc(Encoding::Gzip), &[&bomb]).map(|_| ()), Err(Malformed::Inflates));
}

#[test]
fn a_descriptor_set_that_does_not_hold_together_is_told() {
    let said = |bytes: &[u8]| Descriptors::parse(bytes).unwrap_err().0;
    for bad in [&b""[..], b"x", b"syntax = \"proto3\";", &bytes(1, b"\xff")] {
        assert!(said(bad).contains("no descriptor set"), "{bad:?}");
    }
    let of = |fields: &[Vec<u8>]| file("p", &[message("M", fields, &[], false)]);
    assert!(said(&of(&[field("a", 1, 11, 1, "p.N")])).contains("`p.N`"));
    assert!(said(&of(&[field("a", 1, 9, 1, ""), field("b", 1, 9, 1, "")])).contains("twice"));
    assert!(said(&of(&[field("a", 1, 77, 1, "")])).contains("`a`"));
    assert!(said(&[of(&[]), of(&[])].concat()).contains("twice"));
    let known = Descriptors::parse(&clinic()).unwrap();
    assert_eq!(known.find("clinic.Address"), known.find("clinic.Address"));
    assert!(known.find("clinic.Nobody").is_none());
    let classified: Vec<String> = known.classified().map(|(name, _)| name).collect();
    assert_eq!(classified, ["clinic.Patient.ssn", "clinic.Address.street"]);
}
