//! What is told of policies that are only looked at reads back equal.

use crate::audit::beside::Beside;
use crate::audit::beside::Class;
use crate::audit::beside::Side;
use crate::audit::event::Counted;

use super::*;

#[test]
fn every_event_about_policies_that_are_looked_at_reads_back_equal() {
    let digest = Digest::of(b"");
    let hex = digest.to_string();
    read_back(&[
        (
            Event::ShadowStarted {
                origin: "mode",
                snapshot: &digest,
                candidate: &digest,
                added: &["a"],
                removed: &["b"],
                changed: &[],
            },
            Happened::ShadowStarted(ShadowStartedLine {
                origin: ShadowOrigin::Mode,
                snapshot: hex.clone(),
                candidate: hex.clone(),
                added: vec!["a".into()],
                removed: vec!["b".into()],
                changed: Vec::new(),
            }),
        ),
        (
            Event::ShadowRefused { stays: &digest, problems: &[] },
            Happened::ShadowRefused(ShadowRefusedLine { stays: hex.clone(), problems: Vec::new() }),
        ),
        (
            Event::ShadowEnded { origin: "candidate", candidate: &digest },
            Happened::ShadowEnded(ShadowEndedLine {
                origin: ShadowOrigin::Candidate,
                candidate: hex.clone(),
            }),
        ),
        (
            Event::ShadowStopped {
                origin: "candidate",
                candidate: &digest,
                looked_at: 9,
                new_denials: 8,
                window_ms: 7,
            },
            Happened::ShadowStopped(ShadowStoppedLine {
                origin: ShadowOrigin::Candidate,
                candidate: hex.clone(),
                looked_at: 9,
                new_denials: 8,
                window_ms: 7,
            }),
        ),
        (
            Event::ShadowCounted {
                origin: "candidate",
                candidate: &digest,
                counted: Counted { looked_at: 5, disagreed: 4, unknown: 3, dropped: 2, unrecorded: 1 },
            },
            Happened::ShadowCounted(ShadowCountedLine {
                origin: ShadowOrigin::Candidate,
                candidate: hex.clone(),
                looked_at: 5,
                disagreed: 4,
                unknown: 3,
                dropped: 2,
                unrecorded: 1,
            }),
        ),
    ]);
}

#[test]
fn a_disagreement_reads_back_equal() {
    let (enforced, candidate) = (Digest::of(b"a"), Digest::of(b"b"));
    let id = DecisionId::new(1_700_000_000_123, [7; 10]);
    let mut frame = Vec::new();
    Beside {
        decision_id: id,
        time_ms: 1_700_000_000_123,
        origin: "candidate",
        directions: &["new_denial", "error"],
        tenant: "acme/west",
        caller: Some("acme"),
        action: Action::Read,
        resource: "a \"route\"",
        snapshot: &enforced,
        generation: 3,
        candidate: &candidate,
        enforced: Side { code: "allowed", reasons: &["p"], errors: &[], pathway: Some("a pathway") },
        shadow: Side { code: "policy_error", reasons: &[], errors: &["q\n"], pathway: None },
        classes: &[Class { class: "pii", enforced: "shown", shadow: "null" }],
        policies: &["q\n"],
    }
    .encode(&mut frame);
    let side = |decision, code: Option<&str>, pathway: Option<&str>, reasons: &[&str], errors: &[&str]| {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        ShadowSideLine {
            decision,
            code: code.map(str::to_owned),
            pathway: pathway.map(str::to_owned),
            reasons: texts(reasons),
            errors: texts(errors),
        }
    };
    let expected = ShadowLine {
        seq: None,
        book: Some("acme".into()),
        decision_id: id.to_string(),
        time: "2023-11-14T22:13:20.123Z".into(),
        mode: Mode::Shadow,
        origin: ShadowOrigin::Candidate,
        directions: vec![ShadowDirection::NewDenial, ShadowDirection::Error],
        tenant: "acme/west".into(),
        caller: Some("acme".into()),
        action: Action::Read,
        resource: "a \"route\"".into(),
        snapshot: enforced.to_string(),
        generation: 3,
        candidate: candidate.to_string(),
        enforced: side(Answered::Allow, None, Some("a pathway"), &["p"], &[]),
        shadow: side(Answered::Deny, Some("policy_error"), None, &[], &["q\n"]),
        classes: vec![ShadowClassLine {
            class: "pii".into(),
            enforced: "shown".into(),
            shadow: "null".into(),
        }],
        policies: vec!["q\n".into()],
        cut: Vec::new(),
    };
    assert_eq!(read(&lines(frame)), RecordLine::Shadow(Box::new(expected)));
}
