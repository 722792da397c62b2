//! A report in words and as JSON.
//!
//! Never: tells anything of a record but its number.

use serde_json::Value as Json;
use serde_json::json;

use super::report::Class;
use super::report::Finding;
use super::report::Report;

/// The report as JSON: `verdict` is `ok`, `unsigned`, `incomplete` or `integrity`, and `findings` are in the order of their
/// cause.
#[must_use]
pub fn json(report: &Report) -> Json {
    let findings: Vec<Json> = report.findings.iter().map(finding).collect();
    json!({
        "verdict": report.class().as_str(),
        "origin": report.origin,
        "from": report.from,
        "size": report.size,
        "signed": report.signed,
        "read": { "records": report.records, "segments": report.segments },
        "agree": { "seals": report.seals, "checkpoints": report.checkpoints, "anchors": report.anchors },
        "unchecked": report.unchecked,
        "key": report.key,
        "key_trusted": report.key_trusted,
        "findings": findings,
        "more": report.more,
    })
}

fn finding(finding: &Finding) -> Json {
    let mut told = json!({
        "what": finding.what.as_str(),
        "class": finding.class.as_str(),
        "first": finding.first,
        "last": finding.last,
        "detail": finding.detail,
    });
    if let (Some(told), true) = (told.as_object_mut(), finding.follow_ups > 0) {
        told.insert("follow_ups".to_owned(), finding.follow_ups.into());
    }
    told
}

/// One finding as a line for people.
#[must_use]
pub fn line(finding: &Finding) -> String {
    let range = match (finding.first, finding.last) {
        (first, last) if last == first => format!("record {first}"),
        (first, u64::MAX) => format!("from record {first} on"),
        (first, last) => format!("records {first} to {last}"),
    };
    let more = match finding.follow_ups {
        0 => String::new(),
        1 => " (and another check fails because of it)".to_owned(),
        more => format!(" (and {more} other checks fail because of it)"),
    };
    format!("{range}: {}{more}", finding.detail)
}

/// What was looked at, as lines for people.
#[must_use]
pub fn lines(report: &Report) -> Vec<String> {
    let Report { origin, size, signed, records, segments, seals, checkpoints, anchors, .. } = report;
    let mut lines = vec![
        format!("{origin}: {size} records, {signed} of them signed"),
        format!(
            "read {records} records of {segments} segments; {seals} seals, {checkpoints} checkpoints and {anchors} heads from elsewhere agree"
        ),
    ];
    if report.from > 0 {
        lines.push(format!("not read: the records before {}", report.from));
    }
    if report.unchecked > 0 {
        lines.push(format!(
            "{} checkpoints could not be checked: what they cover was not read or is damaged",
            report.unchecked
        ));
    }
    match &report.key {
        Some(key) if report.key_trusted => {
            lines.push(format!("signed by {key}, which you brought or which one that you brought announced"))
        }
        Some(key) => lines
            .push(format!("signed by {key}, which only the log itself vouches for: bring it with `--key`")),
        None => {}
    }
    lines
}

/// What it comes to, in words.
#[must_use]
pub const fn verdict(class: Class) -> &'static str {
    match class {
        Class::Sound => "the log is as it was signed",
        Class::Unsigned => "records have gone unsigned for too long",
        Class::Incomplete => "records are missing",
        Class::Integrity => "the log is not what was signed",
    }
}
