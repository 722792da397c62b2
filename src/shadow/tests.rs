//! What the way to the thread promises; what the thread does is held over the wire (`tests/shadow.rs`).

use super::*;
use crate::compare::beside_tests::READ;
use crate::compare::beside_tests::job;
use crate::compare::beside_tests::live;
use crate::request::Shadow as _;

fn end(room: usize) -> (End, Receiver<Message>, Metrics) {
    let metrics = Metrics::new("1").unwrap();
    let counters = metrics.shadow(&Origin::ALL.map(Origin::as_str), &[]).unwrap();
    let (queue, jobs) = sync_channel(room);
    let chosen = Arc::new(Chosen { tenants: Vec::new(), percent: 100 });
    (End { queue, chosen, counters, dropped: Arc::default() }, jobs, metrics)
}

#[test]
fn a_full_queue_drops_and_counts_and_nobody_waits() {
    let (end, jobs, metrics) = end(2);
    let snapshot = live(READ);
    for _ in 0..5 {
        end.take(job(&snapshot, "acme", "acme", &["r"]));
    }
    assert!(metrics.text().contains("palisade_shadow_dropped_total 3\n"), "{}", metrics.text());
    assert_eq!(end.dropped.load(Ordering::Relaxed), 3);
    assert_eq!(jobs.try_iter().count(), 2);
    // The thread is gone: that is counted as well, and nothing else happens.
    drop(jobs);
    end.take(job(&snapshot, "acme", "acme", &["r"]));
    assert_eq!(end.dropped.load(Ordering::Relaxed), 4);
}

#[test]
fn a_decision_with_very_long_texts_is_dropped_and_counted() {
    let (end, jobs, _) = end(2);
    let long = "x".repeat(limits::SHADOW_TEXT_BYTES_MAX);
    end.take(Job { path: long.into(), ..job(&live(READ), "acme", "acme", &["r"]) });
    assert_eq!(end.dropped.load(Ordering::Relaxed), 1);
    assert_eq!(jobs.try_iter().count(), 0);
}
