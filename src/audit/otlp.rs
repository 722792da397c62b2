//! A record as a log record of OpenTelemetry's protocol (OTLP 1.5 and later), in its JSON form.
//!
//! The body is the record's own line; attributes name what people look for. Whole numbers of 64 bits are texts, for
//! JSON's readers round them.
//! Never: performs I/O or reads a clock.

use serde_json::Value;
use serde_json::json;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Malformed;
use crate::audit::forms;
use crate::audit::forms::Fields;
use crate::audit::forms::text;

/// Fields of a record that are attributes, by where they stand and what they are called then.
const TEXTS: [(&str, &str); 15] = [
    ("/book", "audit.book"),
    ("/decision_id", "authz.decision.id"),
    ("/decision", "authz.decision"),
    ("/code", "authz.code"),
    ("/action", "authz.action"),
    ("/resource", "authz.resource"),
    ("/snapshot", "authz.policy.version"),
    ("/pathway", "authz.pathway"),
    ("/tenant", "tenant.id"),
    ("/principal/id", "user.id"),
    ("/principal/tenant", "user.tenant.id"),
    ("/http/method", "http.request.method"),
    ("/http/path", "url.path"),
    ("/http/route", "http.route"),
    ("/source_ip", "client.address"),
];

/// The log record of a record of the log with this id.
///
/// # Errors
/// Where the bytes are no record.
pub fn log_record(log_id: &str, record: &[u8]) -> Result<Value, Malformed> {
    let entry = Entry::read(record)?;
    let mut body = Vec::new();
    crate::audit::entry::line(record, &mut body)?;
    body.pop();
    let body = String::from_utf8(body).map_err(|_| Malformed { at: 0 })?;
    let fields = forms::fields(record)?;
    let (number, name) = severity(&fields);
    let nanos = format!("{}000000", entry.time_ms);
    let event = match entry.kind {
        Kind::Decision => "palisade.decision".to_owned(),
        Kind::Outcome => "palisade.outcome".to_owned(),
        Kind::Shadow => "palisade.shadow".to_owned(),
        Kind::Event => format!("palisade.{}", text(&fields, "event")),
    };
    let mut all = json!({
        "timeUnixNano": nanos,
        "observedTimeUnixNano": nanos,
        "severityNumber": number,
        "severityText": name,
        "eventName": event,
        "body": {"stringValue": body},
        "attributes": attributes(log_id, &entry, fields.clone()),
    });
    for (key, name) in [("traceId", "trace_id"), ("spanId", "span_id")] {
        if let Some(id) = fields.get(name) {
            forms::set(&mut all, key, id.clone());
        }
    }
    Ok(all)
}

/// How grave it is: a denial warns, and one by a policy that failed is an error, as is what the log has lost.
fn severity(fields: &Fields) -> (u8, &'static str) {
    let failed = fields.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
    let lost = matches!(text(fields, "event"), "records_lost" | "crash" | "torn_tail" | "not_shipped");
    if failed || lost {
        (17, "ERROR")
    } else if text(fields, "decision") == "deny" {
        (13, "WARN")
    } else {
        (9, "INFO")
    }
}

fn attributes(log_id: &str, entry: &Entry<'_>, fields: Fields) -> Vec<Value> {
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let fields = Value::Object(fields);
    let mut all = vec![
        text("audit.log.id", log_id),
        text("audit.seq", &entry.seq.to_string()),
        text("audit.uid", &forms::uid(log_id, entry.seq)),
    ];
    for (place, key) in TEXTS {
        all.extend(fields.pointer(place).and_then(Value::as_str).map(|value| text(key, value)));
    }
    if let Some(status) = ["/http/status", "/status"].iter().find_map(|place| fields.pointer(place)) {
        all.push(json!({"key": "http.response.status_code", "value": {"intValue": status.to_string()}}));
    }
    if entry.mirror {
        all.push(json!({"key": "audit.mirror", "value": {"boolValue": true}}));
    }
    let lists = [
        ("/reasons", "policy_id", "authz.policies"),
        ("/classes/revealed", "class", "data.classes.revealed"),
        ("/classes/hidden", "class", "data.classes.hidden"),
    ];
    for (place, member, key) in lists {
        let items = fields.pointer(place).and_then(Value::as_array).into_iter().flatten();
        let values: Vec<Value> =
            items.map(|item| json!({"stringValue": item.get(member).unwrap_or(item)})).collect();
        if !values.is_empty() {
            all.push(json!({"key": key, "value": {"arrayValue": {"values": values}}}));
        }
    }
    all
}

/// Wraps log records, parted by commas, into what is sent: they come from one log.
#[must_use]
pub fn request(log_id: &str, records: &[u8]) -> Vec<u8> {
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "palisade"}},
        {"key": "service.instance.id", "value": {"stringValue": log_id}},
    ]});
    let head = format!(
        r#"{{"resourceLogs":[{{"resource":{resource},"scopeLogs":[{{"scope":{{"name":"palisade.decisions"}},"logRecords":["#
    );
    [head.as_bytes(), records, b"]}]}]}"].concat()
}

/// How many log records a receiver did not take, by its answer; the others it has. Nothing where it took all.
#[must_use]
pub fn rejected(answer: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let count = answer.get("partialSuccess")?.get("rejectedLogRecords")?;
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::LOG_ID;
    use crate::audit::tests::fields;
    use crate::audit::tests::golden;
    use crate::audit::tests::records;

    #[test]
    fn log_records_are_those_of_the_golden_file() {
        let all: Vec<Value> = records().iter().map(|record| log_record(LOG_ID, record).unwrap()).collect();
        golden("otlp.jsonl", &all);
    }

    #[test]
    fn the_body_is_the_line_of_the_record() {
        for record in records() {
            let sent = log_record(LOG_ID, &record).unwrap();
            let body: Value = serde_json::from_str(sent["body"]["stringValue"].as_str().unwrap()).unwrap();
            assert_eq!(body, fields(&record));
        }
    }

    #[test]
    fn what_a_receiver_did_not_take_is_read_from_its_answer() {
        assert_eq!(rejected(b"{}"), None);
        assert_eq!(rejected(b""), None);
        assert_eq!(rejected(br#"{"partialSuccess":{}}"#), None);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedLogRecords":"0"}}"#), None);
        let some = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
        assert_eq!(rejected(some), Some(3));
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedLogRecords":2}}"#), Some(2));
    }

    #[test]
    fn records_of_one_request_are_one_json_text() {
        let one = log_record(LOG_ID, &records()[0]).unwrap().to_string();
        let sent: Value = serde_json::from_slice(&request(LOG_ID, one.as_bytes())).unwrap();
        let record = &sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["attributes"][1]["value"]["stringValue"], "41");
    }
}
