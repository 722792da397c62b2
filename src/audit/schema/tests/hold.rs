//! Events of holds, and of what goes within a segment.

use super::*;
use crate::audit::keeping::Erased;
use crate::audit::keeping::Hold;
use crate::audit::keeping::Holds;

#[test]
fn a_hold_reads_back_from_its_event_as_it_was_and_ends_by_its_name() {
    let hold = Hold {
        hold: "case-42".into(),
        tenant: Some("acme".into()),
        class: Some("pii".into()),
        since_ms: Some(1),
        until_ms: Some(2),
        reason: "a lawsuit".into(),
        by: "ann".into(),
    };
    let all = Hold {
        hold: "all".into(),
        tenant: None,
        class: None,
        since_ms: None,
        until_ms: None,
        ..hold.clone()
    };
    let released = Kept::Released { hold: "case-42", reason: "settled", by: "bo", uid: 7 };
    let mut frames = Vec::new();
    for kept in [
        Kept::Hold { action: "add", hold: &hold, uid: 7 },
        Kept::Hold { action: "stands", hold: &all, uid: 7 },
        released,
    ] {
        Event::Log(kept).encode(5, &mut frames);
    }
    let mut holds = Holds::default();
    let mut stood = Vec::new();
    for record in frame::Frames::new(&{
        frame::number(&mut frames, 1);
        frames.clone()
    }) {
        assert!(holds.saw(&entry::Entry::read(record.unwrap()).unwrap()));
        stood.push(holds.0.clone());
    }
    assert_eq!(stood, [vec![hold.clone()], vec![hold, all.clone()], vec![all]]);
    let text = String::from_utf8(entry::lines(&frames)).unwrap();
    for line in text.lines() {
        let RecordLine::Event(event) = read(format!("{line}\n").as_bytes()) else { panic!("{line}") };
        assert!(matches!(event.event, Happened::Hold { uid: 7, .. }), "{event:?}");
    }
}

#[test]
fn what_goes_within_a_segment_and_the_head_of_the_readings_read_back_equal() {
    let digest = Digest::of(b"");
    let gone = Some(digest.to_string());
    let withheld =
        Pruned { first: 1, last: 2, reason: "size".into(), count: Some(1), gone: Some(digest.to_string()) };
    read_back(&[(
        Event::Log(Kept::Prune(&withheld)),
        Happened::Prune { first: 1, last: 2, reason: "size".into(), count: Some(1), gone },
    )]);
    let pseudonyms = vec!["~a".to_owned()];
    let erased =
        Erased { tenant: "acme".into(), count: 3, pseudonyms, reason: "17".into(), by: "dpo".into() };
    read_back(&[(
        Event::Log(Kept::Erase { erased: &erased, uid: 7 }),
        Happened::Erase {
            tenant: "acme".into(),
            count: 3,
            reason: "17".into(),
            by: "dpo".into(),
            uid: 7,
            pseudonyms: vec!["~a".into()],
        },
    )]);
    read_back(&[(
        Event::Log(Kept::Readings { records: 5, root: &digest }),
        Happened::Readings { records: 5, root: digest.to_string() },
    )]);
}
