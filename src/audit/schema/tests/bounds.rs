//! The largest records.

use super::*;

/// The largest of everything at once, each character of which is written as twelve.
#[test]
fn the_largest_record_stays_within_its_bound_and_says_what_was_cut() {
    let long = "\u{e0001}".repeat(limits::RECORD_BYTES_MAX);
    let names = vec![long.as_str(); 300];
    let facts = Facts {
        texts: vec![long.clone(); 12],
        random: [1; 24],
        number: u64::MAX,
        names: names.iter().map(|name| (*name).to_owned()).take(9).collect(),
        has: [true; 12],
        tenant: vec!["a".repeat(63); 8].join("/"),
        status: Some(999),
        source_ip: Some("1111:2222:3333:4444:5555:6666:7777:8888".parse().unwrap()),
        action: Action::Import,
    };
    let (read, _) = decision(&facts);
    for name in [
        "request_id",
        "purpose",
        "tenant_sources",
        "roles",
        "id",
        "issuer",
        "resource",
        "method",
        "host",
        "path",
        "route",
        "pathway",
        "reasons",
        "hidden",
    ] {
        assert!(read.cut.iter().any(|cut| cut == name), "{name} is missing in {:?}", read.cut);
    }
}

#[test]
fn many_classes_and_policies_are_cut_and_marked() {
    let class = vec!["c".repeat(63); 8].join(".");
    let (read, _) = decision(&Facts {
        names: vec![class; 256],
        texts: vec!["t".into(); 12],
        random: [1; 24],
        number: 1,
        has: [true; 12],
        tenant: "acme".into(),
        status: None,
        source_ip: None,
        action: Action::Read,
    });
    assert_eq!(read.reasons.len(), limits::RECORD_REASONS_MAX);
    assert!(
        ["tenant_sources", "reasons", "errors", "revealed", "hidden", "settable"]
            .iter()
            .all(|name| read.cut.iter().any(|cut| cut == name))
    );
}
