//! The leak guard in messages: of rows those leave that are the right owner's.

use std::sync::Arc;

use bytes::Buf as _;
use bytes::Bytes;
use proptest::prelude::*;

use super::BYTES;
use super::INT64;
use super::PROTO;
use super::TEXT;
use super::bytes;
use super::field;
use super::file;
use super::framed;
use super::grpc;
use super::map;
use super::message;
use super::number;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Descriptors;
use crate::redact::Encoding;
use crate::redact::Foreign;
use crate::redact::Format;
use crate::redact::Gathered;
use crate::redact::Hidden;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redactor;
use crate::redact::ShapeBuilder;
use crate::redact::tests::pieces;

const BOOL: u64 = 8;

#[derive(Debug)]
struct Acme;

impl Owns for Acme {
    fn owns(&self, text: &str) -> bool {
        matches!(text, "acme" | "7")
    }
}

/// A list of claims: `rows`, one `row`, `by` name; each says `tenant`, `number`, `flag`, `owners`, or has a `meta` that does.
fn claims() -> Vec<u8> {
    let list = [
        field("rows", 1, 11, 3, "c.Claim"),
        field("row", 2, 11, 1, "c.Claim"),
        field("by", 3, 11, 3, "c.List.ByEntry"),
        field("total", 4, INT64, 1, ""),
        field("names", 5, TEXT, 3, ""),
    ];
    let claim = [
        field("tenant", 1, TEXT, 1, ""),
        field("ssn", 2, TEXT, 1, ""),
        field("number", 3, INT64, 1, ""),
        field("meta", 4, 11, 1, "c.Claim"),
        field("flag", 5, BOOL, 1, ""),
        field("owners", 6, TEXT, 3, ""),
        field("raw", 7, BYTES, 1, ""),
        field("kin", 8, 11, 3, "c.Claim"),
    ];
    let entries = [map("ByEntry", TEXT, 11, "c.Claim")];
    file("c", &[message("List", &list, &entries, false), message("Claim", &claim, &[], false)])
}

fn plan(of: &str, rows: (&str, &str), foreign: Foreign, rules: &[(&str, &str)]) -> Arc<Plan> {
    let descriptors = Arc::new(Descriptors::parse(&claims()).unwrap());
    let mut shape = ShapeBuilder::new();
    shape.rows(rows.0, rows.1, foreign).unwrap();
    let mut hidden = Vec::new();
    for (number, (path, mask)) in (0..).zip(rules) {
        shape.path(path, ClassIx(number)).unwrap();
        hidden.push((ClassIx(number), Mask::parse(mask).unwrap()));
    }
    shape.protobuf(&descriptors, descriptors.find(of).unwrap(), |_| None);
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, None))
}

fn run(plan: &Arc<Plan>, content: Content, pieces: &[&[u8]]) -> Result<(Vec<u8>, Hidden), Malformed> {
    let owner: Arc<dyn Owns> = Arc::new(Acme);
    let mut redactor = Redactor::of_owner(Arc::clone(plan), content, &owner);
    let mut out = Gathered::default();
    for piece in pieces {
        out.push(redactor.feed(Bytes::copy_from_slice(piece))?);
    }
    let (last, hidden) = redactor.finish()?;
    out.push(last);
    let mut out = out.into_redacted();
    let length = out.len();
    Ok((out.copy_to_bytes(length).to_vec(), hidden))
}

fn seen(plan: &Arc<Plan>, body: &[u8]) -> Result<(Vec<u8>, u64), Malformed> {
    run(plan, PROTO, &[body]).map(|(out, hidden)| (out, hidden.foreign_rows()))
}

fn of(tenant: &str) -> Vec<u8> {
    bytes(1, tenant)
}

#[test]
fn a_row_of_another_goes_or_refuses_the_message() {
    let mine = bytes(1, [of("acme"), bytes(2, "1")].concat());
    let theirs = bytes(1, [bytes(2, "SECRET"), of("globex")].concat());
    let body = [mine.clone(), theirs.clone(), number(4, 2), theirs].concat();
    let drops = plan("c.List", ("$.rows[*]", "tenant"), Foreign::Drop, &[]);
    assert_eq!(seen(&drops, &body), Ok(([mine.clone(), number(4, 2)].concat(), 2)));
    let refuses = plan("c.List", ("$.rows[*]", "tenant"), Foreign::Refuse, &[]);
    assert_eq!(seen(&refuses, &body), Err(Malformed::ForeignRow { at: 0 }));
    assert_eq!(seen(&refuses, &mine), Ok((mine.clone(), 0)));
    // One that is no item of a list has no place that could stay empty.
    let single = bytes(2, of("globex"));
    let by = bytes(3, [bytes(1, "k"), bytes(2, of("globex"))].concat());
    for rows in ["$.row", "$.by.*"] {
        let drops = plan("c.List", (rows, "tenant"), Foreign::Drop, &[]);
        assert!(seen(&drops, &[single.clone(), by.clone()].concat()).is_err(), "{rows}");
        let own = [bytes(2, of("acme")), bytes(3, [bytes(1, "k"), bytes(2, of("acme"))].concat())].concat();
        assert_eq!(seen(&drops, &own), Ok((own, 0)), "{rows}");
    }
    // What is no message is a row that names nobody.
    let names = plan("c.List", ("$.names[*]", "tenant"), Foreign::Drop, &[]);
    assert_eq!(seen(&names, &bytes(5, "acme")), Ok((vec![], 1)));
}

#[test]
fn a_row_that_names_no_owner_or_two_is_anothers() {
    let drops = plan("c.List", ("$.rows[*]", "tenant"), Foreign::Drop, &[]);
    for claim in [
        vec![],
        bytes(2, "x"),
        of(""),
        of("acme2"),
        [of("acme"), of("globex")].concat(),
        [of("globex"), of("acme")].concat(),
        // A number where a text should be is a field that nobody knows.
        number(1, 7),
    ] {
        assert_eq!(seen(&drops, &bytes(1, &claim)), Ok((vec![], 1)), "{claim:?}");
    }
    for (owner, mine, theirs) in [
        ("number", number(3, 7), number(3, 8)),
        ("raw", bytes(7, "acme"), bytes(7, b"\xff")),
        ("meta.tenant", bytes(4, of("acme")), [bytes(4, of("acme")), bytes(4, of("globex"))].concat()),
        ("owners[*]", bytes(6, "acme"), [bytes(6, "acme"), bytes(6, "globex")].concat()),
        ("owners[*]", [bytes(6, "acme"), bytes(6, "7")].concat(), vec![]),
        ("meta.number", bytes(4, number(3, 7)), bytes(4, of("acme"))),
    ] {
        let drops = plan("c.List", ("$.rows[*]", owner), Foreign::Drop, &[]);
        let (mine, theirs) = (bytes(1, mine), bytes(1, theirs));
        assert_eq!(seen(&drops, &[theirs, mine.clone()].concat()), Ok((mine, 1)), "{owner}");
    }
    for owner in ["flag", "meta", "owners"] {
        let drops = plan("c.List", ("$.rows[*]", owner), Foreign::Drop, &[]);
        let claim = [number(5, 1), bytes(4, of("acme")), bytes(6, "acme")].concat();
        assert_eq!(seen(&drops, &bytes(1, claim)), Ok((vec![], 1)), "{owner}");
    }
}

#[test]
fn an_owner_is_known_where_it_or_what_is_around_it_is_hidden() {
    let (mine, theirs) =
        (bytes(1, bytes(4, [of("acme"), bytes(2, "1")].concat())), bytes(1, bytes(4, of("globex"))));
    let body = [mine, theirs].concat();
    for (rules, left) in [
        (&[("rows[*].meta", "drop")][..], bytes(1, "")),
        (&[("rows[*].meta.tenant", "fixed")], bytes(1, bytes(4, [of("[redacted]"), bytes(2, "1")].concat()))),
        (&[("rows[*]", "fixed")], bytes(1, "")),
    ] {
        let drops = plan("c.List", ("$.rows[*]", "meta.tenant"), Foreign::Drop, rules);
        let (out, hidden) = run(&drops, PROTO, &[&body]).unwrap();
        assert_eq!((out, hidden.foreign_rows()), (left, 1), "{rules:?}");
        // What goes with its row was not hidden from anybody.
        assert_eq!(hidden.counts().map(|(_, count)| count).collect::<Vec<_>>(), [1], "{rules:?}");
    }
}

#[test]
fn a_number_of_rows_is_corrected_wherever_it_stands_or_refuses_the_message() {
    let plan = |path: &str, these: bool| {
        let descriptors = Arc::new(Descriptors::parse(&claims()).unwrap());
        let mut shape = ShapeBuilder::new();
        shape.rows("$.rows[*]", "tenant", Foreign::Drop).unwrap();
        shape.row_count(path, these).unwrap();
        shape.protobuf(&descriptors, descriptors.find("c.List").unwrap(), |_| None);
        Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None))
    };
    let rows = ["acme", "globex", "globex"].map(|tenant| bytes(1, of(tenant)));
    let mine = bytes(1, of("acme"));
    for (total, left) in [(3, number(4, 1)), (2, number(4, 0)), (1, vec![]), (u64::MAX, vec![])] {
        for is_first in [true, false] {
            let body = |total: Vec<u8>, rows: Vec<u8>| {
                if is_first { [total, rows].concat() } else { [rows, total].concat() }
            };
            let message = body(number(4, total), rows.concat());
            assert_eq!(
                seen(&plan("$.total", true), &message),
                Ok((body(left.clone(), mine.clone()), 2)),
                "{total}"
            );
            let refused = seen(&plan("$.total", false), &message);
            assert!(matches!(refused, Err(Malformed::ForeignRow { .. })), "{refused:?}");
        }
    }
    let text = [bytes(5, "3"), rows.concat()].concat();
    assert_eq!(seen(&plan("$.names[*]", true), &text), Ok(([bytes(5, "1"), mine.clone()].concat(), 2)));
    // Where none is taken out every number is true.
    let own = [number(4, 30), mine].concat();
    for these in [true, false] {
        assert_eq!(seen(&plan("$.total", these), &own), Ok((own.clone(), 0)));
    }
}

#[test]
fn a_row_within_a_row_names_its_owner_too() {
    let drops = plan("c.List", ("$..rows[*]", "tenant"), Foreign::Drop, &[]);
    let kin = plan("c.Claim", ("$..kin[*]", "tenant"), Foreign::Drop, &[("$..meta", "drop")]);
    for (row, stays) in [
        ([of("acme"), bytes(8, of("acme"))].concat(), true),
        ([bytes(8, of("acme")), of("acme")].concat(), true),
        ([of("acme"), bytes(8, "")].concat(), false),
        (bytes(8, of("acme")), false),
        ([of("acme"), bytes(8, of("globex"))].concat(), false),
        // Even where it is hidden.
        ([of("acme"), bytes(4, bytes(8, ""))].concat(), false),
        ([of("acme"), bytes(4, bytes(8, of("acme")))].concat(), true),
    ] {
        let row = bytes(8, row);
        let (out, foreign) = seen(&kin, &row).unwrap();
        assert_eq!((!out.is_empty(), foreign), (stays, u64::from(!stays)), "{row:?}");
    }
    assert_eq!(seen(&drops, &bytes(1, of("globex"))), Ok((vec![], 1)));
}

#[test]
fn a_row_goes_with_a_row_in_a_text_of_it() {
    let descriptors = Arc::new(Descriptors::parse(&claims()).unwrap());
    let mut shape = ShapeBuilder::new();
    shape.rows("$..rows[*]", "tenant", Foreign::Drop).unwrap();
    for path in ["$.rows[*].ssn", "$.names[*]"] {
        let node = shape.select(path).unwrap();
        shape.json(node);
    }
    shape.protobuf(&descriptors, descriptors.find("c.List").unwrap(), |_| None);
    let drops = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    let text = |tenant: &str| format!(r#"{{"rows":[{{"tenant":"{tenant}"}}]}}"#);
    let row = |tenant: &str| bytes(1, [of("acme"), bytes(2, text(tenant))].concat());
    assert_eq!(seen(&drops, &row("acme")), Ok((row("acme"), 0)));
    assert_eq!(seen(&drops, &row("globex")), Ok((vec![], 2)));
    // Elsewhere it goes alone.
    assert_eq!(seen(&drops, &bytes(5, text("globex"))), Ok((bytes(5, r#"{"rows":[]}"#), 1)));
}

#[test]
fn each_message_of_a_stream_may_be_a_row() {
    let (mine, theirs) = (framed(0, &of("acme")), framed(0, &of("globex")));
    let body = [theirs.clone(), mine.clone(), framed(0, b""), mine.clone()].concat();
    let drops = plan("c.Claim", ("$", "tenant"), Foreign::Drop, &[]);
    for i in 0..=body.len() {
        let (out, hidden) = run(&drops, grpc(Encoding::Identity), &[&body[..i], &body[i..]]).unwrap();
        assert_eq!((out, hidden.foreign_rows()), ([mine.clone(), mine.clone()].concat(), 2), "cut at {i}");
    }
    let refuses = plan("c.Claim", ("$", "tenant"), Foreign::Refuse, &[]);
    let refused = run(&refuses, grpc(Encoding::Identity), &[&[mine.clone(), theirs].concat()]);
    assert_eq!(refused.map(|_| ()), Err(Malformed::ForeignRow { at: mine.len() as u64 }));
    // A body that is one row of another is no empty body.
    assert!(seen(&drops, &of("globex")).is_err());
    assert_eq!(seen(&drops, &of("acme")), Ok((of("acme"), 0)));
    // Nobody asked: no row leaves.
    let nobody = crate::redact::tests::run(&drops, grpc(Encoding::Identity), &[&mine]).unwrap();
    assert_eq!((nobody.0, nobody.1.foreign_rows()), (vec![], 1));
}

#[test]
fn what_cannot_be_looked_at_for_rows_is_refused() {
    let drops = plan("c.Claim", ("$", "tenant"), Foreign::Drop, &[]);
    let opaque = Content { format: Format::Opaque, encoding: Encoding::Identity };
    assert!(run(&drops, opaque, &[b"x"]).is_err());
    // What is no message is refused, not taken for somebody else's row.
    assert!(matches!(seen(&drops, b"\x0a\x05a"), Err(Malformed::NotProtobuf { .. })));
}

fn claim() -> impl Strategy<Value = (bool, Vec<u8>)> {
    let tenant = prop_oneof![2 => Just("acme"), 1 => Just("globex"), 1 => Just("")];
    (proptest::collection::vec(tenant, 0..3), "[a-c]{0,3}", any::<bool>()).prop_map(
        |(tenants, text, last)| {
            let is_mine = !tenants.is_empty() && tenants.iter().all(|tenant| *tenant == "acme");
            let text = if is_mine { text } else { format!("SECRET{text}") };
            let owners: Vec<u8> = tenants.iter().flat_map(|tenant| of(tenant)).collect();
            let rest = bytes(2, &text);
            (is_mine, if last { [rest, owners] } else { [owners, rest] }.concat())
        },
    )
}

proptest! {
    #[test]
    fn what_leaves_is_each_row_of_the_owner_as_it_would_alone_wherever_the_body_is_cut(
        claims in proptest::collection::vec(claim(), 0..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mine = |wrap: &dyn Fn(&[u8]) -> Vec<u8>, all: bool| -> Vec<u8> {
            claims.iter().filter(|(is_mine, _)| all || *is_mine).flat_map(|(_, claim)| wrap(claim)).collect()
        };
        let foreign = claims.iter().filter(|(is_mine, _)| !is_mine).count() as u64;
        let list = plan("c.List", ("$.rows[*]", "tenant"), Foreign::Drop, &[]);
        let stream = plan("c.Claim", ("$", "tenant"), Foreign::Drop, &[]);
        for (plan, content, wrap) in [
            (list, PROTO, &(|claim: &[u8]| bytes(1, claim)) as &dyn Fn(&[u8]) -> Vec<u8>),
            (stream, grpc(Encoding::Identity), &|claim: &[u8]| framed(0, claim)),
        ] {
            let body = mine(wrap, true);
            let (out, hidden) = run(&plan, content, &pieces(&body, &cuts)).unwrap();
            prop_assert_eq!(&out, &mine(wrap, false));
            prop_assert_eq!(hidden.foreign_rows(), foreign);
            prop_assert!(!out.windows(6).any(|six| six == b"SECRET"));
        }
    }
}
