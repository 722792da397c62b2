//! How long a small body takes. Run by hand:
//! `cargo test --release --lib redact::tests::speed -- --ignored --nocapture`

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::plan;
use crate::redact::Encoding;
use crate::redact::Redactor;

#[test]
#[ignore = "a measurement, not a test"]
#[expect(clippy::print_stderr, reason = "it prints what it measured")]
fn a_kilobyte_with_two_masked_fields() {
    let row = |n: usize| {
        format!(
            r#"{{"id":{n},"name":"Patient {n}","city":"Springfield","active":true,"score":12.5,"visits":[1,2,3],"note":"seen by the doctor"}}"#
        )
    };
    let rows: Vec<String> = (0..7).map(row).collect();
    let body = format!(
        r#"{{"rows":[{}],"ssn":"078-05-1120","phone":"+1 555 010 9999","next":null}}"#,
        rows.join(",")
    );
    let body = Bytes::from(body);
    for masks in [
        [("$..ssn", "fixed"), ("$..phone", "fixed")],
        [("$..ssn", "drop"), ("$..phone", "drop")],
        [("ssn", "fixed"), ("phone", "keep-last(4)")],
    ] {
        let plan = plan(&masks);
        let once = || {
            let mut redactor = Redactor::new(Arc::clone(&plan), Encoding::Identity);
            let first = redactor.feed(body.clone()).unwrap();
            first.len() + redactor.finish().unwrap().0.len()
        };
        let best = (0..20)
            .map(|_| {
                let start = Instant::now();
                let total: usize = (0..10_000).map(|_| once()).sum();
                assert!(total > 0);
                start.elapsed().as_nanos() / 10_000
            })
            .min();
        eprintln!("{} bytes, {masks:?}: {best:?} ns a body", body.len());
    }
}
