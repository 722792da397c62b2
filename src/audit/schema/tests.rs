//! Every line, whatever is in it, is one line that reads back as the same record.

#![expect(clippy::string_slice, reason = "the texts are ASCII")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::audit::frame;
use crate::audit::keeping::Pruned;
use crate::audit::record;
use crate::audit::record::Decision;
use crate::audit::record::Outcome;
use crate::audit::trace::Trace;
use crate::ids::DataKey;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;

/// The JSON lines of frames that no log has numbered.
fn lines(mut frames: Vec<u8>) -> Vec<u8> {
    assert_eq!(frame::number(&mut frames, entry::NOT_NUMBERED), frame::count(&frames));
    entry::lines(&frames)
}

/// Reads a line back, and proves that it has no field that [`RecordLine`] does not know.
fn read(line: &[u8]) -> RecordLine {
    assert!(line.len() <= limits::RECORD_BYTES_MAX, "{}", line.len());
    let text = std::str::from_utf8(line).unwrap();
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(text.ends_with('\n'));
    let record: RecordLine = serde_json::from_str(text).unwrap();
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(serde_json::to_value(&record).unwrap() == all, "a field is unknown or missing");
    record
}

fn time(ms: u64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), 0..4)
}

#[derive(Debug, Clone)]
struct Facts {
    texts: Vec<String>,
    random: [u8; 24],
    number: u64,
    names: Vec<String>,
    has: [bool; 12],
    tenant: String,
    status: Option<u16>,
    source_ip: Option<std::net::IpAddr>,
    action: Action,
}

fn facts() -> impl Strategy<Value = Facts> {
    let status = option::of(100..=999_u16);
    let action = proptest::sample::select(&Action::ALL[..]);
    let tenant = "[a-z0-9]{1,9}(/[a-z0-9]{1,9}){0,3}";
    (
        vec(any::<String>(), 12),
        any::<[u8; 24]>(),
        any::<u64>(),
        texts(),
        any::<[bool; 12]>(),
        tenant,
        status,
        any::<Option<std::net::IpAddr>>(),
        action,
    )
        .prop_map(|(texts, random, number, names, has, tenant, status, source_ip, action)| Facts {
            texts,
            random,
            number,
            names,
            has,
            tenant,
            status,
            source_ip,
            action,
        })
}

fn now(facts: &Facts) -> u64 {
    facts.number % 253_402_300_800_000
}

/// Writes the facts as a decision and reads them back; `expected` is made from the same facts without the encoder.
fn decision(facts: &Facts) -> (DecisionLine, DecisionLine) {
    let text = |at: usize| facts.texts[at].as_str();
    let maybe = |at: usize| facts.has[at].then_some(facts.texts[at].as_str());
    let tenant = TenantPath::parse(&facts.tenant).unwrap();
    let data_key = DataKey::parse(&facts.tenant).unwrap();
    let names: Vec<&str> = facts.names.iter().map(String::as_str).collect();
    let sources: Vec<_> =
        names.iter().map(|tenant| record::TenantSource { source: "path", tenant }).collect();
    let actors: Vec<_> = names.iter().map(|id| record::Actor { kind: "Service", id }).collect();
    let reasons: Vec<_> =
        names.iter().map(|id| record::Reason { policy_id: id, effect: record::Effect::Forbid }).collect();
    let hidden: Vec<_> = names.iter().map(|class| record::Hidden { class, mask: text(9) }).collect();
    let id = DecisionId::new(now(facts), [7; 10]);
    let trace = Trace::continue_from(None, facts.random, true);
    let roles: Vec<Box<str>> = facts.names.iter().map(|name| name.as_str().into()).collect();
    let snapshot = Digest::of(text(0).as_bytes());
    let mut frames = Vec::new();
    Decision {
        books: record::Books { book: &facts.tenant, mirror: None },
        decision_id: id,
        time_ms: now(facts),
        answer: if facts.has[11] {
            record::Answer::Allow
        } else {
            record::Answer::Deny { code: text(1), detail: Some(text(0)) }
        },
        request_id: maybe(2).map(str::as_bytes),
        purpose: maybe(9),
        trace: &trace,
        tenant: facts.has[3].then_some(&tenant),
        data_key: facts.has[4].then_some(&data_key),
        tenant_sources: &sources,
        principal: facts.has[5].then_some(record::Principal {
            kind: "User",
            id: text(5),
            tenant: facts.has[6].then_some(&tenant),
            auth_method: "jwt",
            issuer: maybe(7),
            roles: &roles,
            groups: &roles,
            scopes: &[],
            actors: &actors,
        }),
        action: facts.has[8].then_some(facts.action),
        resource: maybe(8),
        http: record::Http {
            method: text(3),
            host: text(4).as_bytes(),
            path: text(6).as_bytes(),
            route: maybe(10),
            status: facts.status,
        },
        source_ip: facts.source_ip,
        snapshot,
        generation: facts.number,
        now_ms: now(facts),
        latency: record::DecisionLatency { identify_us: 3, authorize_us: facts.number },
        reasons: &reasons,
        errors: &names,
        pathway: maybe(0),
        revealed: &names,
        hidden: &hidden,
        limited_by: facts.has[6].then_some(&tenant),
        settable: &names,
        unsettable: &[],
    }
    .encode(&mut frames);
    let RecordLine::Decision(read) = read(&lines(frames)) else { panic!("not a decision") };
    (*read, expected(facts, id, &trace, &snapshot))
}

fn expected(facts: &Facts, id: DecisionId, trace: &Trace, snapshot: &Digest) -> DecisionLine {
    let text = |at: usize| facts.texts[at].clone();
    let maybe = |at: usize| facts.has[at].then(|| facts.texts[at].clone());
    let traceparent = String::from_utf8(trace.traceparent().to_vec()).unwrap();
    let each = || facts.names.iter().cloned();
    let actor = each()
        .rev()
        .fold(None, |actor, id| Some(Box::new(ActorLine { r#type: "Service".into(), id, actor })));
    DecisionLine {
        seq: None,
        book: Some(facts.tenant.clone()),
        mirror: false,
        decision_id: id.to_string(),
        time: time(now(facts)),
        decision: if facts.has[11] { Answered::Allow } else { Answered::Deny },
        code: (!facts.has[11]).then(|| text(1)),
        detail: (!facts.has[11]).then(|| text(0)),
        limited_by: (!facts.has[11] && facts.has[6]).then(|| facts.tenant.clone()),
        mode: Mode::Enforce,
        request_id: maybe(2),
        purpose: maybe(9),
        trace_id: traceparent[3..35].into(),
        span_id: traceparent[36..52].into(),
        tenant: facts.has[3].then(|| facts.tenant.clone()),
        data_key: facts.has[4].then(|| facts.tenant.clone()),
        tenant_sources: each().map(|tenant| TenantSourceLine { source: "path".into(), tenant }).collect(),
        principal: facts.has[5].then(|| PrincipalLine {
            r#type: "User".into(),
            id: text(5),
            tenant: facts.has[6].then(|| facts.tenant.clone()),
            auth_method: "jwt".into(),
            issuer: maybe(7),
            roles: facts.names.clone(),
            groups: facts.names.clone(),
            scopes: Vec::new(),
            actor,
        }),
        action: facts.has[8].then_some(facts.action),
        resource: maybe(8),
        http: HttpLine {
            method: text(3),
            host: text(4),
            path: text(6),
            route: maybe(10),
            status: facts.status,
        },
        source_ip: facts.source_ip.map(|ip| ip.to_string()),
        snapshot: snapshot.to_string(),
        generation: facts.number,
        now: time(now(facts)),
        latency_us: DecisionLatencyLine { identify: 3, authorize: facts.number },
        pathway: maybe(0),
        reasons: each().map(|policy_id| ReasonLine { policy_id, effect: Effect::Forbid }).collect(),
        errors: facts.names.clone(),
        classes: ClassesLine {
            revealed: facts.names.clone(),
            hidden: each().map(|class| HiddenLine { class, mask: text(9) }).collect(),
            settable: (!facts.names.is_empty()).then(|| facts.names.clone()),
            unsettable: (!facts.names.is_empty()).then(Vec::new),
        },
        cut: Vec::new(),
        not_utf8: Vec::new(),
    }
}

proptest! {
    #[test]
    fn any_content_is_one_line_that_reads_back_equal(facts in facts()) {
        let (read, expected) = decision(&facts);
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_outcome_reads_back_equal(facts in facts()) {
        let redactions: Vec<_> = facts.names.iter().map(|class| record::Redaction { body: "request", class, mask: &facts.texts[0], count: facts.number }).collect();
        let id = DecisionId::new(now(&facts), [7; 10]);
        let latency = record::OutcomeLatency { upstream_us: 1, redact_us: 2, total_us: facts.number };
        let outcome = Outcome {
            books: record::Books::default(),
            decision_id: id, time_ms: now(&facts), status: facts.status, request_bytes: 4, response_bytes: facts.number,
            ended: &facts.texts[1], foreign_rows: 3, messages: Some([5, facts.number]), redactions: &redactions, latency,
        };
        let mut frames = Vec::new();
        outcome.encode(&mut frames);
        let expected = OutcomeLine {
            seq: None, book: None, mirror: false,
            decision_id: id.to_string(), time: time(now(&facts)), status: facts.status, request_bytes: 4,
            response_bytes: facts.number, ended: facts.texts[1].clone(), foreign_rows: Some(3), messages: Some(MessagesLine { request: 5, response: facts.number }),
            latency_us: OutcomeLatencyLine { upstream: 1, redact: 2, total: facts.number },
            redactions: facts.names.iter().map(|class| RedactionLine { body: "request".into(), class: class.clone(), mask: facts.texts[0].clone(), count: facts.number }).collect(),
            cut: Vec::new(),
        };
        prop_assert_eq!(read(&lines(frames)), RecordLine::Outcome(expected));
    }
}

fn read_back(events: &[(Event<'_>, Happened)]) {
    for (event, happened) in events {
        let mut frame = Vec::new();
        event.encode(1_700_000_000_123, &mut frame);
        let book = if let Event::Reveal(reveal) = event { reveal.tenant.map(str::to_owned) } else { None };
        let event = happened.clone();
        let expected =
            EventLine { seq: None, book, time: "2023-11-14T22:13:20.123Z".into(), event, cut: Vec::new() };
        assert_eq!(read(&lines(frame)), RecordLine::Event(expected));
    }
}

#[test]
fn every_event_reads_back_equal() {
    let digest = Digest::of(b"");
    let hex = digest.to_string();
    let problems = [Problem::error(
        "bad-policy",
        Place { file: "a\n.cedar".into(), line: 3, column: 4, length: 1 },
        "`x` is wrong",
    )];
    let events = [
        (
            Event::Start { version: "0.1", snapshot: &digest, bundle: None },
            Happened::Start {
                version: "0.1".into(),
                snapshot: hex.clone(),
                bundle: None,
                bundle_manifest: None,
            },
        ),
        (Event::Stop, Happened::Stop),
        (
            Event::ReloadApplied {
                before: &digest,
                after: &digest,
                generation: 2,
                cause: "promotion",
                bundle: Some(("clinic@42", &digest)),
                added: &["a"],
                removed: &[],
                changed: &["b", "c"],
            },
            Happened::ReloadApplied {
                before: hex.clone(),
                after: hex.clone(),
                generation: 2,
                cause: Cause::Promotion,
                bundle: Some("clinic@42".into()),
                bundle_manifest: Some(hex.clone()),
                added: vec!["a".into()],
                removed: vec![],
                changed: vec!["b".into(), "c".into()],
            },
        ),
        (
            Event::ReloadRefused { stays: &digest, problems: &problems },
            Happened::ReloadRefused {
                stays: hex,
                problems: vec![ProblemLine {
                    code: "bad-policy".into(),
                    severity: "error".into(),
                    file: "a\n.cedar".into(),
                    line: 3,
                    column: 4,
                    message: "`x` is wrong".into(),
                }],
            },
        ),
        (Event::TornTail { bytes: 17 }, Happened::TornTail { bytes: 17 }),
    ];
    read_back(&events);
}

#[test]
fn what_happened_to_the_log_itself_reads_back_equal() {
    let digest = Digest::of(b"");
    let pruned = Pruned { first: 1, last: 2, reason: "size".into(), count: None, gone: None };
    read_back(&[
        (Event::Log(Kept::Idle), Happened::Idle),
        (
            Event::Log(Kept::Sealed { first: 1, records: 2, heads_root: &digest, tenants: 3 }),
            Happened::Sealed { first: 1, records: 2, heads_root: digest.to_string(), tenants: 3 },
        ),
        (Event::Log(Kept::Crash { last: 4 }), Happened::Crash { last: 4 }),
        (
            Event::Log(Kept::ClockStepped { before_ms: 2, after_ms: 1 }),
            Happened::ClockStepped { before: time(2), after: time(1) },
        ),
        (Event::Log(Kept::KeyRotated { key: "k" }), Happened::KeyRotated { key: "k".into() }),
        (
            Event::Log(Kept::Prune(&pruned)),
            Happened::Prune { first: 1, last: 2, reason: "size".into(), count: None, gone: None },
        ),
        (
            Event::Log(Kept::NotShipped { sink: "siem", first: 3, last: 9, count: 7, reason: "pruned" }),
            Happened::NotShipped {
                sink: "siem".into(),
                first: 3,
                last: 9,
                count: 7,
                reason: "pruned".into(),
            },
        ),
        (
            Event::Log(Kept::RecordsLost { count: u64::MAX, reason: "full", since_ms: 1, until_ms: 2 }),
            Happened::RecordsLost { count: u64::MAX, reason: "full".into(), since: time(1), until: time(2) },
        ),
    ]);
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/decision-record.schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, schema_json()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        schema_json(),
        "run with UPDATE_GOLDEN=1 and look at the difference"
    );
}

mod bounds;
mod hold;
mod reveal;
mod shadow;
