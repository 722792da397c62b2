//! What the text of the metrics says.

use super::*;

#[test]
fn how_a_bundle_stands_is_in_the_text_also_that_nobody_asks_its_source() {
    let metrics = Metrics::new("1").unwrap();
    let tell = |is_dead, asked| {
        metrics.bundle(7, 9_999, is_dead, [("new", asked)].into_iter());
        metrics.text()
    };
    assert!(tell(false, 1).contains("\npalisade_bundle_thread_died 0\n"));
    let text = tell(true, 3);
    for line in [
        "palisade_bundle_thread_died 1",
        "palisade_bundle_version 7",
        "palisade_bundle_contact_timestamp_seconds 9",
        "palisade_bundle_asked_total{result=\"new\"} 3",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
}
