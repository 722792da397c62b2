//! The events of each kind of record, and the law that they leave nothing out.

use super::*;
use crate::audit::tests::LOG_ID;
use crate::audit::tests::fields;
use crate::audit::tests::golden;
use crate::audit::tests::records;

/// What a value says: each number and text that stands in it.
fn said(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| said(item, all)),
        Value::Object(members) => members.values().for_each(|member| said(member, all)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => all.push(value.to_string()),
    }
}

#[test]
fn events_are_those_of_the_golden_file() {
    let events: Vec<Value> = records().iter().map(|record| event(LOG_ID, record).unwrap()).collect();
    golden("ocsf.jsonl", &events);
}

#[test]
fn all_that_a_record_says_is_in_its_event() {
    for record in records() {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut fields = fields(&record);
        let words = fields.as_object_mut().unwrap();
        // They are told by the class and by numbers of the schema.
        let (kind, decision) = (words.remove("type"), words.remove("decision"));
        let mirror = words.remove("mirror");
        said(&fields, &mut before);
        let event = event(LOG_ID, &record).unwrap();
        said(&event, &mut after);
        let missing: Vec<&String> = before.iter().filter(|text| !after.contains(text)).collect();
        assert!(missing.is_empty(), "{missing:?} of {fields} is not in {event}");
        assert_eq!(kind.unwrap() == "decision", event["class_uid"] == 6003);
        assert_eq!(decision.is_some_and(|decision| decision == "deny"), event["action_id"] == 2);
        assert_eq!(mirror.is_some(), event["metadata"]["labels"][0] == "mirror");
    }
}

#[test]
fn the_end_of_what_is_no_record_is_no_event() {
    let records = records();
    let record = &records[0];
    for end in 0..record.len() {
        if let Ok(event) = event(LOG_ID, &record[..end]) {
            // Fields end at their own ends; what is before them is whole.
            assert_eq!(event["metadata"]["sequence"], 41, "{end}");
        }
    }
    let mut out = b"before".to_vec();
    assert!(event_line(LOG_ID, b"none", &mut out).is_err());
    assert_eq!(out, b"before");
}
