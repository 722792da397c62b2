//! The single steps of a request, each alone.

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::Method;
use palisade::audit::Decision;
use palisade::audit::record;
use palisade::audit::trace::Trace;
use palisade::identity::Credential;
use palisade::identity::Principal;
use palisade::identity::Remembered;
use palisade::ids::Action;
use palisade::ids::DataKey;
use palisade::ids::DecisionId;
use palisade::ids::TenantPath;
use palisade::model::Found;
use palisade::model::Model;
use palisade::model::Route;
use palisade::policy::Facts;
use palisade::policy::Memory;
use palisade::redact::ClassIx;
use palisade::redact::Encoding;
use palisade::redact::Mask;
use palisade::redact::Plan;
use palisade::redact::Redactor;
use palisade::redact::Shape;
use palisade::request::Guard;
use palisade::request::GuardBounds;
use palisade::request::Received;
use palisade::snapshot::Snapshot;

use super::Outcome;
use super::world;

/// One head with the bearer token: its framing judged as bytes, then the parsed head brought into its one form. What
/// lies between, hyper's parser, is not counted; a clone of the parsed head is.
pub(super) fn head(count: u64) -> Outcome {
    let (config, _) = world::whole()?;
    let bounds = world::settings(&config).bounds;
    let mut bytes = format!("GET {} HTTP/1.1\r\n", world::PATH);
    for (name, value) in world::HEADERS {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str(&format!("authorization: Bearer {}\r\n\r\n", world::TOKEN.trim()));
    let mut guard = Guard::new(GuardBounds {
        head_bytes: config.limits.head_bytes,
        headers: config.limits.headers,
        target_bytes: config.limits.target_bytes,
    });
    let message = world::message()?;
    for _ in 0..count {
        if guard.advance(black_box(bytes.as_bytes())).bytes != bytes.len() {
            return Err("the guard stopped the head".into());
        }
        let received = Received::new(message.clone(), None, &bounds);
        black_box(received.map_err(|refused| format!("{:?}", refused.refusal))?);
    }
    Ok(())
}

/// What the memory of verified credentials pays on every request: SHA-256 of a whole bearer token.
/// Valgrind has no SHA instructions, so its count (28k) is that of the portable code; the clock says what it costs.
pub(super) fn hash(count: u64) -> Outcome {
    let token = world::TOKEN.trim().as_bytes();
    for _ in 0..count {
        black_box(digest::digest(&digest::SHA256, black_box(token)));
    }
    Ok(())
}

/// A bearer token that was proven before. `hash` is most of it.
pub(super) fn remember(count: u64) -> Outcome {
    let snapshot = world::whole()?.1.current();
    let mut remembered = Remembered::default();
    for _ in 0..count {
        let token = Credential::Bearer(black_box(world::TOKEN.trim().as_bytes()));
        let verified = remembered.verify(snapshot.keyring(), token, world::NOW_S);
        black_box(verified.map_err(|why| why.as_str())?);
    }
    Ok(())
}

/// A bearer token that was not: RS256, 2048 bits.
pub(super) fn verify(count: u64) -> Outcome {
    let snapshot = world::whole()?.1.current();
    for _ in 0..count {
        black_box(principal(&snapshot)?);
    }
    Ok(())
}

fn principal(snapshot: &Snapshot) -> Outcome<Arc<Principal>> {
    let token = Credential::Bearer(world::TOKEN.trim().as_bytes());
    Ok(snapshot.keyring().verify(token, world::NOW_S).map_err(|why| why.as_str())?.principal)
}

fn route<'a>(model: &'a Model, path: &'a str) -> Outcome<&'a Route> {
    match model.routes.find(&Method::GET, path) {
        Found::Route(route, _) => Ok(route),
        Found::OtherMethod(_) | Found::None => Err("no such route".into()),
    }
}

/// Everything that the policies are asked about, for a read of one patient.
struct Case {
    snapshot: Arc<Snapshot>,
    principal: Arc<Principal>,
    data_key: DataKey,
}

impl Case {
    fn new() -> Outcome<Self> {
        let snapshot = world::whole()?.1.current();
        let principal = principal(&snapshot)?;
        Ok(Self {
            snapshot,
            principal,
            data_key: DataKey::parse("acme/west").map_err(|bad| format!("{bad:?}"))?,
        })
    }

    fn facts(&self) -> Outcome<Facts<'_>> {
        let model = self.snapshot.model();
        let tenant = model.tenants.find("acme/west").ok_or("no such tenant")?;
        Ok(Facts {
            principal: &self.principal,
            caller: tenant,
            target: tenant,
            action: Action::Read,
            route: route(model, world::PATH)?,
            data_key: &self.data_key,
            method: &Method::GET,
            path: world::PATH,
            host: "127.0.0.1",
            purpose: None,
            source_ip: Some([127, 0, 0, 1].into()),
            now_ms: world::NOW_S * 1_000,
        })
    }
}

/// One question, may it happen, to 10 policies, that was asked before: what a worker keeps is kept.
pub(super) fn decide(count: u64) -> Outcome {
    decisions(count, Memory::new())
}

/// The same with `policies.decision_cache: false`: entities are kept, what is decided is decided each time.
pub(super) fn decide_anew(count: u64) -> Outcome {
    decisions(count, Memory::without_answers())
}

fn decisions(count: u64, memory: Memory) -> Outcome {
    let case = Case::new()?;
    let facts = case.facts()?;
    let mut memory = memory;
    for _ in 0..count {
        let asked = case.snapshot.policies().ask(case.snapshot.model(), &facts, &mut memory);
        if !black_box(asked.decide()).allowed {
            return Err("it was denied".into());
        }
    }
    Ok(())
}

/// One more question about the same request: may this class be seen? The classes of the route take turns.
pub(super) fn reveal(count: u64) -> Outcome {
    let case = Case::new()?;
    let facts = case.facts()?;
    let mut memory = Memory::new();
    let asked = case.snapshot.policies().ask(case.snapshot.model(), &facts, &mut memory);
    let mut seen = 0;
    let classes = facts.route.classes.iter().cycle();
    for (class, _) in classes.zip(0..count) {
        seen += u64::from(black_box(asked.reveal(*class)).allowed);
    }
    // Of the three the name alone.
    if seen.abs_diff(count / 3) > 1 { Err(format!("{seen} of {count} were seen").into()) } else { Ok(()) }
}

/// A kind of body, and what is hidden in it.
type View = (Arc<Shape>, Vec<(ClassIx, Mask)>);

/// What is hidden in the answers of one route: all classes of it but those in `shown`, each by its own mask.
fn hidden(model: &Model, route: &Route, shown: &[&str]) -> Outcome<View> {
    let shape = route.response.as_ref().ok_or("the route has no classes")?;
    let masks = route.classes.iter().filter_map(|ix| Some((*ix, model.classes.get(*ix)?)));
    let masks = masks.filter(|(_, class)| !shown.contains(&class.name.as_str()));
    Ok((Arc::clone(shape), masks.map(|(ix, class)| (ix, class.mask.clone())).collect()))
}

/// The plan for one caller and one body: which of the three classes are hidden, and how.
pub(super) fn plan(count: u64) -> Outcome {
    let snapshot = world::whole()?.1.current();
    let (shape, masks) = hidden(snapshot.model(), route(snapshot.model(), world::PATH)?, &["pii.name"])?;
    for _ in 0..count {
        black_box(Plan::new(&shape, masks.iter().cloned(), None));
    }
    Ok(())
}

/// One body of 1 KiB with two masked fields, in one piece.
pub(super) fn redact(count: u64) -> Outcome {
    bodies(count, world::PATH, &["pii.name"], Bytes::from_static(world::BODY), 2)
}

/// A list of users of 64 KiB, two masked fields in each of them, in one piece.
pub(super) fn redact_64k(count: u64) -> Outcome {
    let user = |n: usize| {
        format!(
            r#"{{"id":"p-{n}","name":"Fletcher Crona","ssn":"999-71-5003","active":true,"visits":[1,2,3],"score":12.5,"note":"seen by the doctor"}}"#
        )
    };
    let mut body = format!("[{}", user(0));
    let mut users = 1;
    while body.len() < 64 << 10 {
        body.push(',');
        body.push_str(&user(users));
        users += 1;
    }
    body.push(']');
    bodies(count, "/patients", &[], body.into(), 2 * users as u64)
}

fn bodies(count: u64, path: &str, shown: &[&str], body: Bytes, values: u64) -> Outcome {
    let snapshot = world::whole()?.1.current();
    let (shape, masks) = hidden(snapshot.model(), route(snapshot.model(), path)?, shown)?;
    let plan = Arc::new(Plan::new(&shape, masks, None));
    for _ in 0..count {
        let mut redactor = Redactor::new(Arc::clone(&plan), Encoding::Identity);
        black_box(redactor.feed(body.clone())?);
        let (last, hidden) = redactor.finish()?;
        black_box(last);
        let found: u64 = hidden.counts().map(|(_, count)| count).sum();
        if found != values {
            return Err(format!("{found} values were masked, not {values}").into());
        }
    }
    Ok(())
}

/// The record of an allow as one line, into a buffer that is cleared each turn.
pub(super) fn record(count: u64) -> Outcome {
    let digest = world::whole()?.1.current().digest();
    let tenant = TenantPath::parse("acme/west").map_err(|bad| format!("{bad:?}"))?;
    let data_key = tenant.data_key();
    let trace = Trace::continue_from(None, [7; 24], false);
    let principal = record::Principal {
        kind: "User",
        id: "u-1042",
        tenant: Some(&tenant),
        auth_method: "jwt",
        issuer: Some("https://issuer.bench.example"),
        roles: &["clinician".into()],
        groups: &[],
        scopes: &[],
        actors: &[],
    };
    let http = record::Http {
        method: "GET",
        host: b"127.0.0.1:8080",
        path: world::PATH.as_bytes(),
        route: Some("/patients/{id}"),
        status: None,
    };
    let effect = record::Effect::Permit;
    let decision = Decision {
        books: record::Books { book: "acme", mirror: None },
        decision_id: DecisionId::new(world::NOW_S * 1_000, [7; 10]),
        time_ms: world::NOW_S * 1_000,
        answer: record::Answer::Allow,
        request_id: None,
        purpose: None,
        trace: &trace,
        tenant: Some(&tenant),
        data_key: Some(&data_key),
        tenant_sources: &[record::TenantSource { source: "claim", tenant: tenant.as_str() }],
        principal: Some(principal),
        action: Some(Action::Read),
        resource: Some("getPatient"),
        http,
        source_ip: Some([127, 0, 0, 1].into()),
        snapshot: digest,
        generation: 1,
        now_ms: world::NOW_S * 1_000,
        latency: record::DecisionLatency { identify_us: 1, authorize_us: 9 },
        reasons: &[record::Reason { policy_id: "clinicians-read", effect }],
        errors: &[],
        pathway: None,
        revealed: &["pii.name"],
        hidden: &[
            record::Hidden { class: "pii.contact.email", mask: "fixed" },
            record::Hidden { class: "pii.id.ssn", mask: "keep-last" },
        ],
        limited_by: None,
        settable: &[],
        unsettable: &[],
    };
    let mut line = Vec::with_capacity(4_096);
    for _ in 0..count {
        line.clear();
        black_box(&decision).encode(&mut line);
        black_box(&line);
    }
    let frames = palisade::audit::frame::count(&line);
    if count > 0 && frames != 1 { Err("no record".into()) } else { Ok(()) }
}
