//! What holds of all messages.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::PROTO;
use super::bytes;
use super::clinic;
use super::framed;
use super::grpc;
use super::number;
use super::plan;
use crate::redact::ClassIx;
use crate::redact::Descriptors;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::tests::pieces;
use crate::redact::tests::run;

/// A patient: fields in any order, any number of times.
fn patient() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        "[a-c]{0,4}".prop_map(|text| bytes(1, text)),
        (0_u32..9).prop_map(|n| bytes(2, format!("SECRET{n}"))),
        any::<u64>().prop_map(|n| number(3, n)),
        "[a-c]{0,4}".prop_map(|text| bytes(4, text)),
        "[a-c]{0,4}".prop_map(|text| bytes(5, [bytes(1, "SECRET"), bytes(2, text)].concat())),
        "[a-c]{0,4}".prop_map(|text| bytes(6, [bytes(1, text), bytes(2, bytes(1, "SECRET"))].concat())),
        Just(bytes(77, "SECRET")),
        Just(number(78, 5)),
    ];
    let fields = proptest::collection::vec(leaf, 0..5).prop_map(|fields| fields.concat()).boxed();
    fields.clone().prop_recursive(4, 24, 3, move |inner| {
        let kin = proptest::collection::vec(inner.clone(), 0..3);
        (kin, inner, fields.clone()).prop_map(|(kin, held, flat)| {
            let kin: Vec<u8> = kin.iter().flat_map(|kin| bytes(16, kin)).collect();
            // One that says twice of which type it is is refused.
            let any = [bytes(1, "x/clinic.Patient"), bytes(2, &held)].concat();
            [kin, bytes(14, any), flat].concat()
        })
    })
}

/// What is left of a patient, told plainly.
fn told(mut message: &[u8], is_address: bool, out: &mut String) {
    let read = |bytes: &mut &[u8]| {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            number |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return number;
            }
        }
    };
    // A message in pieces is one.
    let mut home = Vec::new();
    while !message.is_empty() {
        let tag = read(&mut message);
        let value = read(&mut message);
        let mut held = &b""[..];
        if tag & 7 == 2 {
            (held, message) = message.split_at(usize::try_from(value).unwrap());
        }
        match (tag >> 3, is_address) {
            (2, false) | (1, true) => {}
            (1, false) | (2, true) | (4, false) => write!(out, "{}={:?} ", tag >> 3, held).unwrap(),
            (3, false) => write!(out, "3={value} ").unwrap(),
            (5, false) => home.extend_from_slice(held),
            (16, false) => {
                out.push_str("16{");
                told(held, false, out);
                out.push('}');
            }
            (6, false) => {
                let key = 2 + usize::from(held[1]);
                write!(out, "6={:?}{{", &held[..key]).unwrap();
                told(&held[key + 2..], true, out);
                out.push('}');
            }
            (14, false) => {
                out.push_str("14{");
                let url = 2 + usize::from(held[1]);
                let mut rest = &held[url + 1..];
                read(&mut rest);
                told(rest, false, out);
                out.push('}');
            }
            _ => {}
        }
    }
    if !home.is_empty() {
        out.push_str("5{");
        told(&home, true, out);
        out.push('}');
    }
}

#[test]
fn in_a_closed_body_only_what_a_class_names_leaves() {
    let descriptors = Arc::new(Descriptors::parse(&clinic()).unwrap());
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Closed(ClassIx(9)));
    for (number, path) in (0..).zip(["full_name", "home.city", "labels['7']", "age"]) {
        shape.path(path, ClassIx(number)).unwrap();
    }
    let at = descriptors.find("clinic.Patient").unwrap();
    assert!(shape.protobuf(&descriptors, at, |_| Some(ClassIx(8))).is_empty());
    let shape = Arc::new(shape.build().unwrap());
    let plan = Arc::new(Plan::new(&shape, [ClassIx(8), ClassIx(9)].map(|class| (class, Mask::Drop)), None));
    let label = |key, text| bytes(7, [number(1, key), bytes(2, text)].concat());
    let home = |street: &[u8]| bytes(5, [street, &bytes(2, "Y")].concat());
    let shown = [bytes(1, "Ada"), number(3, 4), home(b""), label(7, "a")].concat();
    let all = [
        bytes(1, "Ada"),
        bytes(2, "SECRET"),
        number(3, 4),
        bytes(4, "SECRET"),
        home(&bytes(1, "SECRET")),
        label(7, "a"),
        label(8, "SECRET"),
        number(10, 1),
    ];
    let (out, _) = run(&plan, PROTO, &[&all.concat()]).unwrap();
    assert!(!out.windows(6).any(|six| six == b"SECRET"));
    // An item of a list keeps its place.
    let without_place: Vec<u8> =
        [bytes(1, "Ada"), number(3, 4), bytes(4, ""), home(b""), label(7, "a")].concat();
    assert!(out == shown || out == without_place, "{out:?}");
}

proptest! {
    #[test]
    fn what_leaves_is_what_a_reader_of_the_whole_would_leave_wherever_it_is_cut(
        body in patient(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let plan = plan(&[("pii", "drop")]);
        let (out, _) = run(&plan, PROTO, &pieces(&body, &cuts)).unwrap();
        let (mut wanted, mut found) = (String::new(), String::new());
        told(&body, false, &mut wanted);
        told(&out, false, &mut found);
        prop_assert_eq!(found, wanted);
        prop_assert!(!out.windows(6).any(|six| six == b"SECRET"));
        // What has left once leaves again as it is.
        prop_assert_eq!(&run(&plan, PROTO, &[&out]).unwrap().0, &out);
        let frames = [framed(0, &body), framed(0, b""), framed(0, &body)].concat();
        let (frames, _) = run(&plan, grpc(Encoding::Identity), &pieces(&frames, &cuts)).unwrap();
        prop_assert_eq!(frames, [framed(0, &out), framed(0, b""), framed(0, &out)].concat());
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_no_verdict(
        body in proptest::collection::vec(prop_oneof![Just(2_u8), Just(10), Just(18), Just(130), Just(1), any::<u8>()], 0..40),
    ) {
        let plan = plan(&[("pii", "drop"), ("emails", "pseudonym")]);
        for content in [PROTO, grpc(Encoding::Identity)] {
            let whole = run(&plan, content, &[&body]).map(|(out, _)| out).ok();
            let single: Vec<&[u8]> = body.chunks(1).collect();
            prop_assert_eq!(whole, run(&plan, content, &single).map(|(out, _)| out).ok());
        }
        drop(Descriptors::parse(&body));
    }
}
