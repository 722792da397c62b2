//! Records that the other forms of a record are shown by, in the files of `tests/golden/formats`.

use serde_json::Value;

use crate::audit::Beside;
use crate::audit::beside;
use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::audit::record;
use crate::audit::record::Decision;
use crate::audit::record::Outcome;
use crate::audit::trace::Trace;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::problem::Place;
use crate::problem::Problem;

/// The id of the log that they stand in.
pub(super) const LOG_ID: &str = "00112233445566778899aabbccddeeff";

const NOW: u64 = 1_700_000_000_123;

fn decisions(out: &mut Vec<u8>) {
    let (acme, globex) = (TenantPath::parse("acme/west").unwrap(), TenantPath::parse("globex").unwrap());
    let data_key = DataKey::parse("acme/west/claims").unwrap();
    let trace = Trace::continue_from(None, [0xab; 24], true);
    let names = |all: &[&str]| all.iter().map(|name| Box::<str>::from(*name)).collect::<Vec<_>>();
    let (roles, groups) = (names(&["clinician", "auditor"]), names(&["ward-7"]));
    let http = record::Http {
        method: "GET",
        host: b"app.example",
        path: b"/patients/7",
        route: Some("/patients/{id}"),
        status: None,
    };
    let crossing = Decision {
        books: record::Books { book: "globex", mirror: Some("acme/west") },
        decision_id: DecisionId::new(NOW, [7; 10]),
        time_ms: NOW,
        answer: record::Answer::Allow,
        request_id: Some(b"r\xff-1"),
        purpose: Some("audit"),
        trace: &trace,
        tenant: Some(&acme),
        data_key: Some(&data_key),
        tenant_sources: &[record::TenantSource { source: "claim", tenant: "globex" }],
        principal: Some(record::Principal {
            kind: "User",
            id: "ann",
            tenant: Some(&globex),
            auth_method: "jwt",
            issuer: Some("https://id.example"),
            roles: &roles,
            groups: &groups,
            scopes: &[],
            actors: &[
                record::Actor { kind: "Service", id: "portal" },
                record::Actor { kind: "Service", id: "edge" },
            ],
        }),
        action: Some(Action::Read),
        resource: Some("getPatient"),
        http,
        source_ip: Some([192, 0, 2, 7].into()),
        snapshot: Digest::of(b"snapshot"),
        generation: 3,
        now_ms: NOW,
        latency: record::DecisionLatency { identify_us: 40, authorize_us: 60 },
        reasons: &[record::Reason { policy_id: "claims-to-globex", effect: record::Effect::Permit }],
        errors: &[],
        pathway: Some("acme claims to globex auditors"),
        revealed: &["pii.name"],
        hidden: &[record::Hidden { class: "pii.contact", mask: "drop" }],
        limited_by: None,
        settable: &["pii.name"],
        unsettable: &["health"],
    };
    crossing.encode(out);
    others(crossing, out);
}

/// What else becomes of requests, by what differs.
fn others(crossing: Decision<'_>, out: &mut Vec<u8>) {
    let http = crossing.http;
    let plain = Decision { books: record::Books { book: "acme", mirror: None }, hidden: &[], ..crossing };
    Decision { action: Some(Action::Create), pathway: None, ..plain }.encode(out);
    let denied = record::Answer::Deny { code: "denied", detail: Some("forbid") };
    let forbid = [record::Reason { policy_id: "quarantine", effect: record::Effect::Forbid }];
    let refused = record::Http { status: Some(403), ..http };
    Decision { answer: denied, reasons: &forbid, http: refused, errors: &["broken"], ..plain }.encode(out);
    let unknown = record::Answer::Deny { code: "unidentified", detail: None };
    let http = record::Http { status: Some(401), route: None, ..http };
    Decision {
        books: record::Books::default(),
        answer: unknown,
        request_id: None,
        purpose: None,
        tenant: None,
        data_key: None,
        tenant_sources: &[],
        principal: None,
        action: None,
        resource: None,
        http,
        source_ip: None,
        reasons: &[],
        pathway: None,
        revealed: &[],
        settable: &[],
        unsettable: &[],
        ..plain
    }
    .encode(out);
}

fn outcome(out: &mut Vec<u8>) {
    Outcome {
        books: record::Books { book: "acme", mirror: None },
        decision_id: DecisionId::new(NOW, [7; 10]),
        time_ms: NOW + 12,
        status: Some(200),
        request_bytes: 0,
        response_bytes: 18_446_744_073_709_551_615,
        ended: "complete",
        foreign_rows: 0,
        messages: None,
        redactions: &[record::Redaction { body: "response", class: "pii.contact", mask: "drop", count: 2 }],
        latency: record::OutcomeLatency { upstream_us: 900, redact_us: 20, total_us: 1_200 },
    }
    .encode(out);
}

fn shadow(out: &mut Vec<u8>) {
    let digest = Digest::of(b"candidate");
    let side = beside::Side { code: "allowed", reasons: &["clinicians"], errors: &[], pathway: None };
    Beside {
        decision_id: DecisionId::new(NOW, [7; 10]),
        time_ms: NOW + 20,
        origin: "candidate",
        directions: &["new_denial"],
        tenant: "acme",
        caller: Some("acme"),
        action: Action::Read,
        resource: "getPatient",
        snapshot: &digest,
        generation: 3,
        candidate: &digest,
        enforced: side,
        shadow: beside::Side { code: "denied", ..side },
        classes: &[],
        policies: &["quarantine"],
    }
    .encode(out);
}

fn events(out: &mut Vec<u8>) {
    let digest = Digest::of(b"snapshot");
    let place = Place { file: "a.cedar".into(), line: 3, column: 4, length: 1 };
    let problems = [Problem::error("bad-policy", place, "`x` is wrong")];
    for event in [
        Event::Start { version: "0.1.0", snapshot: &digest, bundle: None },
        Event::ReloadRefused { stays: &digest, problems: &problems },
        Event::Log(Kept::RecordsLost { count: 4, reason: "shed", since_ms: NOW, until_ms: NOW + 9 }),
        Event::Log(Kept::Sealed { first: 0, records: 12, heads_root: &digest, tenants: 2 }),
        Event::Stop,
    ] {
        event.encode(NOW + 30, out);
    }
}

/// One record of each kind and turn, numbered from 41 on.
pub(super) fn records() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    decisions(&mut frames);
    outcome(&mut frames);
    shadow(&mut frames);
    events(&mut frames);
    frame::number(&mut frames, 41);
    Frames::new(&frames).map(|record| record.unwrap().to_vec()).collect()
}

/// A record's fields, as its line has them.
pub(super) fn fields(record: &[u8]) -> Value {
    let mut line = Vec::new();
    entry::line(record, &mut line).unwrap();
    serde_json::from_slice(&line).unwrap()
}

/// Holds these against the file of this name, one to a line.
pub(super) fn golden(name: &str, all: &[Value]) {
    let file = format!("{}/tests/golden/formats/{name}", env!("CARGO_MANIFEST_DIR"));
    let lines: String = all.iter().map(|one| format!("{one}\n")).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(std::path::Path::new(&file).parent().unwrap()).unwrap();
        std::fs::write(&file, &lines).unwrap();
    }
    assert_eq!(
        lines,
        std::fs::read_to_string(&file).unwrap(),
        "run with UPDATE_GOLDEN=1 and look at `git diff`"
    );
}
