//! A use of `palisade reveal` on record.

use super::*;
use crate::audit::event::Reveal;

#[test]
fn a_use_of_reveal_reads_back_equal() {
    let digest = Digest::of(b"");
    let hex = digest.to_string();
    read_back(&[(
        Event::Reveal(&Reveal {
            uid: 1000,
            claimed: &["roles=clinician"],
            kind: "User",
            principal: "dana\n",
            caller: Some("acme"),
            tenant: Some("acme/west"),
            data_key: Some("acme/west"),
            resource: Some("getPatient"),
            purpose: None,
            decision: "allow",
            code: None,
            reasons: &["a"],
            classes: &["pii.name"],
            values: 3,
            turned_back: 2,
            keys: &["2026b", "-"],
            snapshot: &digest,
        }),
        Happened::Reveal(Box::new(RevealLine {
            uid: 1000,
            principal: RevealPrincipalLine {
                kind: "User".into(),
                id: "dana\n".into(),
                tenant: Some("acme".into()),
            },
            tenant: Some("acme/west".into()),
            data_key: Some("acme/west".into()),
            resource: Some("getPatient".into()),
            purpose: None,
            decision: "allow".into(),
            code: None,
            values: 3,
            turned_back: 2,
            snapshot: hex,
            claimed: vec!["roles=clinician".into()],
            reasons: vec!["a".into()],
            classes: vec!["pii.name".into()],
            keys: vec!["2026b".into(), "-".into()],
        })),
    )]);
}

#[test]
fn a_use_of_reveal_stays_within_its_bound_and_says_what_was_cut() {
    let digest = Digest::of(b"");
    let long = "\u{e0001}".repeat(limits::RECORD_BYTES_MAX);
    let names = vec![long.as_str(); 300];
    let event = Event::Reveal(&Reveal {
        uid: u32::MAX,
        claimed: &names,
        kind: "Service",
        principal: &long,
        caller: Some(&long),
        tenant: Some(&long),
        data_key: Some(&long),
        resource: Some(&long),
        purpose: Some(&long),
        decision: "deny",
        code: Some("tenant_mismatch"),
        reasons: &names,
        classes: &names,
        values: u64::MAX,
        turned_back: u64::MAX,
        keys: &names,
        snapshot: &digest,
    });
    let mut frame = Vec::new();
    event.encode(0, &mut frame);
    let line = lines(frame);
    assert!(line.len() <= limits::RECORD_BYTES_MAX, "{}", line.len());
    let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
    let cut = read["cut"].to_string();
    for name in ["id", "purpose", "claimed", "reasons", "classes", "keys"] {
        assert!(cut.contains(&format!("\"{name}\"")), "{name} is missing in {cut}");
    }
    assert_eq!(read["turned_back"], u64::MAX);
}
