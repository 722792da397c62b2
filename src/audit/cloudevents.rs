//! A record as a CloudEvent (version 1.0), for brokers and whoever reads from them.
//!
//! Never: performs I/O. The data is the record's own line, whole.

use serde_json::Value;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Malformed;
use crate::audit::forms;
use crate::audit::forms::Fields;
use crate::audit::forms::text;

/// The attributes of the event that a record is, of the log with this id: names and texts.
///
/// # Errors
/// Where the bytes are no record.
pub fn attributes(log_id: &str, record: &[u8]) -> Result<Vec<(&'static str, String)>, Malformed> {
    let entry = Entry::read(record)?;
    Ok(of(log_id, &entry, &forms::fields(record)?))
}

/// Appends the event of a record in the form that holds all of it, as a line of JSON.
///
/// # Errors
/// Where the bytes are no record.
pub fn event_line(log_id: &str, record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let entry = Entry::read(record)?;
    let fields = forms::fields(record)?;
    let attributes = of(log_id, &entry, &fields);
    let mut event: Fields =
        attributes.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    event.insert("data".into(), fields.into());
    forms::put(&event, out)?;
    out.push(b'\n');
    Ok(())
}

fn of(log_id: &str, entry: &Entry<'_>, fields: &Fields) -> Vec<(&'static str, String)> {
    let kind = match entry.kind {
        Kind::Decision => "palisade.decision",
        Kind::Outcome => "palisade.outcome",
        Kind::Shadow => "palisade.shadow",
        Kind::Event => "palisade.event",
    };
    let mut all = vec![
        ("specversion", "1.0".to_owned()),
        ("id", forms::uid(log_id, entry.seq)),
        // The origin of the log, by which its checkpoints go too.
        ("source", format!("palisade.log/{log_id}")),
        ("type", kind.to_owned()),
        ("time", text(fields, "time").to_owned()),
        ("datacontenttype", "application/json".to_owned()),
    ];
    let subject = if entry.kind == Kind::Event { "event" } else { "decision_id" };
    all.push(("subject", text(fields, subject).to_owned()));
    if !entry.book.is_empty() {
        all.push(("partitionkey", entry.book.to_owned()));
    }
    let (trace, span) = (text(fields, "trace_id"), text(fields, "span_id"));
    if !trace.is_empty() {
        all.push(("traceparent", format!("00-{trace}-{span}-00")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::LOG_ID;
    use crate::audit::tests::golden;
    use crate::audit::tests::records;

    #[test]
    fn events_are_those_of_the_golden_file() {
        let lines = records().into_iter().map(|record| {
            let mut line = Vec::new();
            event_line(LOG_ID, &record, &mut line).unwrap();
            serde_json::from_slice::<Value>(&line).unwrap()
        });
        golden("cloudevents.jsonl", &lines.collect::<Vec<_>>());
    }

    #[test]
    fn every_attribute_has_a_text() {
        for record in records() {
            let attributes = attributes(LOG_ID, &record).unwrap();
            assert!(attributes.iter().all(|(_, text)| !text.is_empty()), "{attributes:?}");
        }
    }
}
