//! From a document to the bytes: what the clinic's bodies look like once classes are hidden.

use std::sync::Arc;

use bytes::Buf as _;
use bytes::Bytes;

use crate::model::Classes;
use crate::model::RoutesBuilder;
use crate::model::schema::tests::classes;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::Redactor;

const CLINIC: &str = include_str!("clinic.yaml");

/// The response `body` of a route with the classes below `hidden` gone.
fn released(classes: &Classes, route: &str, hidden: &str, body: &str) -> String {
    let mut builder = RoutesBuilder::new();
    builder.add_openapi("openapi.yaml", CLINIC, classes);
    let routes = builder.finish().unwrap();
    let (_, route) = routes.iter().find(|(_, found)| &*found.id == route).unwrap();
    let hidden = classes.find(hidden).unwrap();
    let within = |class: &ClassIx| classes.is_within(*class, hidden);
    let gone = route.response_classes.iter().copied().filter(within).map(|class| (class, Mask::Drop));
    let plan = Plan::new(route.response.as_ref().unwrap(), gone, None);
    let mut redactor = Redactor::new(Arc::new(plan), Encoding::Identity);
    let mut start = redactor.feed(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let mut out = start.copy_to_bytes(start.remaining()).to_vec();
    let (mut end, _) = redactor.finish().unwrap();
    out.extend_from_slice(&end.copy_to_bytes(end.remaining()));
    String::from_utf8(out).unwrap()
}

const PATIENT: &str = r#"{"id":"1","name":"Ada","emails":["a@x"],"address":{"city":"Y"},"born":"1815","guardian":{"id":"2","name":"B","labels":{"public":"p","secret":"s"}},"contacts":[{"name":"C","emails":["c@x"]}],"notes":{"n1":"n","n2":{"text":"t","replies":[{"text":"u","at":1}],"by":"d"}}}"#;

// A note may be a text of class `health`, and so whatever stands where a note may stand is hidden whole.
#[test]
fn what_is_hidden_is_gone_at_every_depth_and_nothing_else_is() {
    let classes = classes();
    assert_eq!(
        released(&classes, "readPatient", "pii", PATIENT),
        r#"{"id":"1","emails":[null],"guardian":{"id":"2","labels":{"public":"p","secret":"s"}},"contacts":[{"emails":[null]}],"notes":{"n1":"n","n2":{"text":"t","replies":[{"text":"u","at":1}],"by":"d"}}}"#
    );
    assert_eq!(
        released(&classes, "readPatient", "health", PATIENT),
        r#"{"id":"1","name":"Ada","emails":["a@x"],"address":{"city":"Y"},"born":"1815","guardian":{"id":"2","name":"B","labels":{"public":"p"}},"contacts":[{"name":"C","emails":["c@x"]}],"notes":{}}"#
    );
    assert_eq!(
        released(&classes, "readPatient", "pii.contact", r#"{"name":"A","emails":["x"],"address":[1]}"#),
        r#"{"name":"A","emails":[null]}"#
    );
}

#[test]
fn lists_errors_and_heirs_are_masked_too() {
    let classes = classes();
    let list = format!("[{PATIENT},{PATIENT}]");
    assert!(!released(&classes, "listPatients", "pii", &list).contains("Ada"));
    assert_eq!(
        released(&classes, "listPatients", "internal", r#"{"title":"t","detail":"d"}"#),
        r#"{"title":"t"}"#
    );
    let events = r#"[{"kind":"login","ip":"::1","at":"now"},{"kind":"emergency","reason":"r","injury":"i"}]"#;
    assert_eq!(
        released(&classes, "listEvents", "pii", events),
        r#"[{"kind":"login","at":"now"},{"kind":"emergency","reason":"r","injury":"i"}]"#
    );
    assert_eq!(
        released(&classes, "listEvents", "health", events),
        r#"[{"kind":"login","ip":"::1","at":"now"},{"kind":"emergency"}]"#
    );
}
