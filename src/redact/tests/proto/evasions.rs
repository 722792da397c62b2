//! Ways to write a message so that one reader sees what another does not.

use super::PROTO;
use super::bytes;
use super::framed;
use super::grpc;
use super::number;
use super::plan;
use super::seen;
use super::varint;
use crate::limits;
use crate::redact::Encoding;
use crate::redact::Malformed;
use crate::redact::tests::run;

const SSN: &[(&str, &str)] = &[("pii", "drop")];

fn is_refused(body: &[u8]) -> bool {
    run(&plan(SSN), PROTO, &[body]).is_err()
}

#[test]
fn a_message_that_masks_would_make_too_long_is_refused() {
    let mask = format!("fixed(\"{}\")", "x".repeat(256));
    let rules = [("emails", &*mask)];
    let nothings = |count| bytes(4, "").repeat(count);
    assert_eq!(seen(&rules, &nothings(1_000)).len(), 1_000 * 259);
    let long = limits::PROTOBUF_REWRITTEN_MAX / 256;
    let found = run(&plan(&rules), PROTO, &[&nothings(long)]);
    assert_eq!(found.unwrap_err(), Malformed::MessageTooLong { at: 0 });
    // Within another message, and in many of one piece.
    let found = run(&plan(&[("$..emails", &*mask)]), PROTO, &[&bytes(16, nothings(long))]);
    assert_eq!(found.unwrap_err(), Malformed::MessageTooLong { at: 0 });
    let many = framed(0, &nothings(1_000)).repeat(long / 1_000 + 1);
    let found = run(&plan(&rules), grpc(Encoding::Identity), &[&many]);
    assert!(matches!(found, Err(Malformed::MessageTooLong { at }) if at > 0));
}

#[test]
fn numbers_that_are_longer_than_they_have_to_be_are_the_same_numbers() {
    let ssn = |tag: &[u8], length: &[u8]| [tag, length, b"SECRET", &bytes(1, "Ada")].concat();
    for tag in [&[0x12][..], &[0x92, 0], &[0x92, 0x80, 0], &[0x92, 0x80, 0x80, 0x80, 0]] {
        for length in [&[6][..], &[0x86, 0], &[0x86, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]] {
            assert_eq!(seen(SSN, &ssn(tag, length)), bytes(1, "Ada"), "{tag:?} {length:?}");
        }
    }
    // What passes leaves in its shortest form, so that nobody reads it otherwise.
    assert_eq!(seen(SSN, &[0x98, 0, 0x85, 0x80, 0]), number(3, 5));
    let eleven = [&[0x80; 10][..], &[0]].concat();
    assert!(is_refused(&[&[0x18][..], &eleven].concat()) && is_refused(&eleven));
}

#[test]
fn a_field_number_that_some_would_cut_is_refused() {
    // Its low 32 bits are the field `ssn`.
    for high in [1_u64 << 32, 1 << 35, 1 << 63] {
        assert!(is_refused(&[varint(high | 0x12), b"\x06SECRET".to_vec()].concat()), "{high:x}");
    }
    assert!(is_refused(b"\x02\x06SECRET") && is_refused(&[varint(1 << 32), varint(0)].concat()));
    assert_eq!(seen(SSN, &number((1 << 29) - 1, 1)), b"");
}

#[test]
fn a_length_that_leads_beyond_the_message_is_refused() {
    for length in [7, 1 << 31, (1 << 32) + 6, u64::MAX, u64::MAX - 5] {
        let body = [vec![0x12], varint(length), b"SECRET".to_vec()].concat();
        assert!(is_refused(&body), "{length}");
        assert!(is_refused(&bytes(16, &body)) && is_refused(&bytes(7, body)), "{length}");
    }
}

#[test]
fn a_group_is_refused_wherever_it_stands() {
    for group in [&b"\x0b\x0c"[..], b"\x9b\x06\x9c\x06", b"\x13\x12\x06SECRET\x14", b"\x0c", b"\x0e", b"\x0f"]
    {
        assert!(is_refused(group) && is_refused(&bytes(16, group)), "{group:?}");
        assert!(is_refused(&[bytes(1, "Ada"), group.to_vec()].concat()), "{group:?}");
    }
}

#[test]
fn a_field_that_is_there_twice_or_late_is_hidden_each_time() {
    let ssn = bytes(2, "SECRET");
    let home =
        |street: bool| bytes(5, [bytes(2, "Y"), bytes(1, if street { "SECRET" } else { "" })].concat());
    let body =
        [ssn.clone(), bytes(1, "Ada"), ssn.clone(), home(false), home(true), number(3, 1), ssn].concat();
    let homes = bytes(5, [bytes(2, "Y"), bytes(2, "Y")].concat());
    let left = [bytes(1, "Ada"), homes, number(3, 1)].concat();
    assert_eq!(seen(SSN, &body), left);
}

#[test]
fn a_message_in_pieces_is_judged_as_the_one_that_readers_make_of_it() {
    let whole = bytes(5, [bytes(2, "Bern"), bytes(2, "Biel")].concat());
    let pieces = [bytes(5, bytes(2, "Bern")), number(3, 5), bytes(5, bytes(2, "Biel"))].concat();
    assert_eq!(seen(SSN, &pieces), [number(3, 5), whole].concat());
    // What says of which type a message is stands beside it in the end, and not twice.
    let patient = bytes(2, "SECRET");
    let typed = |name: &str| bytes(14, bytes(1, format!("x/clinic.{name}")));
    let any = [bytes(14, bytes(2, &patient)), typed("Patient")].concat();
    assert_eq!(seen(SSN, &any), bytes(14, [bytes(1, "x/clinic.Patient"), bytes(2, "")].concat()));
    let other = bytes(14, [bytes(1, "x/clinic.Address"), bytes(2, &patient)].concat());
    assert!(is_refused(&[other, typed("Patient")].concat()));
}

#[test]
fn pieces_are_not_put_together_without_end() {
    let mut body = bytes(2, vec![b'a'; limits::PROTOBUF_JOINED_MAX / 2]);
    assert!(!is_refused(&bytes(5, &body)));
    for _ in 0..3 {
        body = [bytes(14, bytes(1, "x/clinic.Patient")), bytes(14, bytes(2, body))].concat();
    }
    assert!(is_refused(&body));
}

#[test]
fn a_key_of_a_map_is_as_wide_as_its_type() {
    // `labels` has keys of 64 bits, packed numbers none.
    let label = |key: u64| bytes(7, [number(1, key), bytes(2, "SECRET")].concat());
    assert_eq!(seen(&[("labels['7']", "drop")], &label(7)), b"");
    assert_eq!(seen(&[("labels['-1']", "drop")], &label(u64::MAX)), b"");
    // A key that is not there is the one that stands for it.
    assert_eq!(seen(&[("labels['0']", "drop")], &bytes(7, bytes(2, "SECRET"))), b"");
    assert_eq!(seen(&[("others['']", "drop")], &bytes(6, bytes(2, bytes(2, "SECRET")))), b"");
    // A key of another wire type is one that nobody knows, and so is not there.
    let other = bytes(7, [bytes(1, "7"), bytes(2, "SECRET")].concat());
    assert_eq!(seen(&[("labels['0']", "drop")], &other), b"");
}

#[test]
fn frames_that_are_empty_too_long_or_cut_are_told_apart() {
    let plan = plan(SSN);
    let grpc = grpc(Encoding::Identity);
    let empty = framed(0, b"").repeat(1000);
    assert_eq!(run(&plan, grpc, &[&empty]).unwrap().0, empty);
    let long = [&[0][..], &u32::try_from(limits::PROTOBUF_BYTES_MAX + 1).unwrap().to_be_bytes()].concat();
    assert_eq!(run(&plan, grpc, &[&long]).map(|_| ()), Err(Malformed::MessageTooLong { at: 0 }));
    let one = framed(0, &bytes(1, "Ada"));
    for to in 1..one.len() {
        let body = [&one[..], &one[..to]].concat();
        assert_eq!(run(&plan, grpc, &[&body]).map(|_| ()), Err(Malformed::Truncated), "{to}");
    }
    // A message that says it is compressed where no encoding is named.
    assert!(run(&plan, grpc, &[&framed(1, &bytes(1, "Ada"))]).is_err());
}

#[test]
fn a_message_in_a_field_of_bytes_or_text_is_no_message() {
    // What looks like a message is bytes all the same: who reads it so has it from somebody who meant it so.
    let inner = bytes(2, "SECRET");
    assert_eq!(seen(SSN, &bytes(9, &inner)), bytes(9, &inner));
    assert_eq!(seen(&[("photo", "drop")], &bytes(9, &inner)), b"");
}
