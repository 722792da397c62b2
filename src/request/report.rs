//! From what the steps know to what the record says.
//!
//! Never: decides. A record is made of what was decided, and of nothing that a client must not be able to put there.

use std::sync::Arc;

use crate::audit::Level;
use crate::audit::record::Actor;
use crate::audit::record::Answer;
use crate::audit::record::Books;
use crate::audit::record::Decision;
use crate::audit::record::DecisionLatency;
use crate::audit::record::Effect;
use crate::audit::record::Hidden;
use crate::audit::record::Http;
use crate::audit::record::Reason;
use crate::audit::record::TenantSource;
use crate::identity;
use crate::identity::Auth;
use crate::identity::Principal;
use crate::ids::TenantPath;
use crate::model::Route;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::request::Finished;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::authorized::Judged;
use crate::request::beside;
use crate::request::forwarded::REQUEST_ID;
use crate::request::identified::Identified;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::received::Head;
use crate::request::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::tenancy::Named;

/// Appends the record of an allow.
pub(super) fn allow<B>(
    line: &mut Vec<u8>,
    request: &Identified<B>,
    judged: &Judged<'_>,
    snapshot: &Snapshot,
    moment: &Moment,
    latency: DecisionLatency,
) {
    let classes = &snapshot.model().classes;
    let name = |ix| classes.get(ix).map_or("", |class| class.name.as_str());
    let revealed: Vec<&str> = judged.revealed.iter().map(|ix| name(*ix)).collect();
    let hidden: Vec<_> =
        judged.hidden.iter().map(|(ix, mask)| Hidden { class: name(*ix), mask: mask.kind() }).collect();
    let [settable, unsettable] = [&judged.settable, &judged.unsettable]
        .map(|classes| classes.iter().map(|ix| name(*ix)).collect::<Vec<&str>>());
    let mut said = Said::new(snapshot, Some(&judged.verdict));
    said.errors.extend(judged.reveal_errors.iter().map(|ix| snapshot.policies().id(*ix)));
    let sources = sources(&request.named);
    let actors = actors(Some(&request.principal));
    let tenants = &snapshot.model().tenants;
    let [caller, target] = [request.tenancy.caller, judged.target].map(|ix| &tenants.get(ix).path);
    let record = Decision {
        books: books(Some(caller), Some(target)),
        answer: Answer::Allow,
        tenant: Some(target),
        data_key: Some(&judged.data_key),
        tenant_sources: &sources,
        principal: Some(principal(&request.principal, &actors)),
        action: Some(judged.carried.action),
        resource: Some(&judged.route.id),
        http: http(&request.head, Some(judged.route), None),
        request_id: request_id(&request.head),
        purpose: request.head.one(&snapshot.settings().purpose_header),
        now_ms: judged.now_ms,
        latency,
        reasons: &said.reasons,
        errors: &said.errors,
        pathway: said.pathway,
        revealed: &revealed,
        hidden: &hidden,
        settable: &settable,
        unsettable: &unsettable,
        ..blank(snapshot, moment)
    };
    record.encode(line);
}

/// Appends the record of a request to a public route.
pub(super) fn open(
    line: &mut Vec<u8>,
    head: &Head,
    route: &Route,
    snapshot: &Snapshot,
    moment: &Moment,
    latency: DecisionLatency,
) {
    let record = Decision {
        action: Some(route.action),
        resource: Some(&route.id),
        http: http(head, Some(route), None),
        request_id: request_id(head),
        latency,
        ..blank(snapshot, moment)
    };
    record.encode(line);
}

/// Puts a refusal on record, where its decision is not there yet, and gives the ending that the client is told.
pub(super) fn refused<O>(
    worker: &Worker<O>,
    snapshot: &Arc<Snapshot>,
    moment: &Moment,
    refused: Refused,
) -> Refusal {
    let Refused { refusal, known } = refused;
    if known.recorded {
        return refusal;
    }
    if worker.live.is_shadowed() {
        beside::refused(worker, snapshot, moment, &refusal, &known);
    }
    let row = refusal.row();
    let said = Said::new(snapshot, known.verdict.as_ref());
    let model = snapshot.model();
    let route = known.route.and_then(|ix| model.routes.get(ix));
    let sources = sources(&known.named);
    let actors = actors(known.principal.as_deref());
    let total_us = worker.since(moment);
    let owner = known.data_key.as_ref().and_then(|key| model.tenants.owner(key));
    let tenant = owner.or(known.tenancy.map(|tenancy| tenancy.target)).map(|ix| &model.tenants.get(ix).path);
    let caller = known.tenancy.map(|tenancy| &model.tenants.get(tenancy.caller).path);
    let record = Decision {
        books: books(caller, tenant),
        answer: Answer::Deny { code: row.code, detail: refusal.detail() },
        tenant,
        data_key: known.data_key.as_ref(),
        tenant_sources: &sources,
        principal: known.principal.as_deref().map(|known| principal(known, &actors)),
        action: known.action.or(route.map(|route| route.action)),
        resource: route.map(|route| &*route.id),
        http: match &known.head {
            Some(head) => http(head, route, Some(row.status)),
            None => unread(&known, row.status),
        },
        request_id: known.head.as_deref().and_then(request_id),
        purpose: known.head.as_ref().and_then(|head| head.one(&snapshot.settings().purpose_header)),
        limited_by: refusal.limited_by(),
        now_ms: known.now_ms.unwrap_or(moment.now_ms),
        latency: known.latency.unwrap_or(DecisionLatency { identify_us: total_us, authorize_us: 0 }),
        reasons: &said.reasons,
        errors: &said.errors,
        ..blank(snapshot, moment)
    };
    worker.counts.decided(false, row.code, known.latency.map(|latency| latency.authorize_us));
    for id in &said.errors {
        worker.counts.policy_error(id);
    }
    worker.counts.ended(&Finished {
        generation: snapshot.generation(),
        route: route.map(|route| (route.ix, &*route.id)),
        status: row.status,
        refusal: Some(row.code),
        total_us,
        upstream_us: None,
        hidden: &[],
        foreign_rows: 0,
    });
    // A refusal is given whether or not it can be put on record; the journal counts what it does not take.
    drop(worker.journal.append(Level::Acked, &mut |line| record.encode(line)));
    refusal
}

/// Whose books a record stands in: the caller's, and beside it in those of the tenant whose data it is. A caller that is
/// nobody's has none, so that what strangers do stands in the program's own.
pub(super) fn books<'a>(caller: Option<&'a TenantPath>, owner: Option<&'a TenantPath>) -> Books<'a> {
    let book = caller.map_or("", TenantPath::as_str);
    Books { book, mirror: owner.map(TenantPath::as_str).filter(|owner| *owner != book) }
}

/// A record of which nothing is known but when and under which snapshot.
fn blank<'a>(snapshot: &'a Snapshot, moment: &'a Moment) -> Decision<'a> {
    Decision {
        books: Books::default(),
        decision_id: moment.id,
        time_ms: moment.now_ms,
        answer: Answer::Allow,
        request_id: None,
        purpose: None,
        trace: &moment.trace,
        tenant: None,
        data_key: None,
        tenant_sources: &[],
        principal: None,
        action: None,
        resource: None,
        http: Http { method: "", host: b"", path: b"", route: None, status: None },
        source_ip: moment.peer,
        snapshot: snapshot.digest(),
        generation: snapshot.generation(),
        now_ms: moment.now_ms,
        latency: DecisionLatency::default(),
        reasons: &[],
        errors: &[],
        pathway: None,
        revealed: &[],
        hidden: &[],
        limited_by: None,
        settable: &[],
        unsettable: &[],
    }
}

/// A verdict in the words of the snapshot that gave it.
struct Said<'a> {
    reasons: Vec<Reason<'a>>,
    errors: Vec<&'a str>,
    pathway: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn new(snapshot: &'a Snapshot, verdict: Option<&Verdict>) -> Self {
        let policies = snapshot.policies();
        let Some(verdict) = verdict else {
            return Self { reasons: Vec::new(), errors: Vec::new(), pathway: None };
        };
        let effect = if verdict.allowed { Effect::Permit } else { Effect::Forbid };
        let reason = |ix: &PolicyIx| Reason { policy_id: policies.id(*ix), effect };
        Self {
            reasons: verdict.reasons.iter().map(reason).collect(),
            errors: verdict.errors.iter().map(|ix| policies.id(*ix)).collect(),
            pathway: verdict.pathway.and_then(|ix| policies.pathway(ix)),
        }
    }
}

fn sources(named: &[Named]) -> Vec<TenantSource<'_>> {
    named
        .iter()
        .map(|named| TenantSource { source: named.source.as_str(), tenant: named.tenant.as_str() })
        .collect()
}

fn actors(principal: Option<&Principal>) -> Vec<Actor<'_>> {
    let first = principal.and_then(|principal| principal.actor.as_ref());
    let chain = std::iter::successors(first, |actor: &&identity::Actor| actor.actor.as_deref());
    chain.map(|actor| Actor { kind: actor.kind.as_str(), id: &actor.id }).collect()
}

fn principal<'a>(principal: &'a Principal, actors: &'a [Actor<'a>]) -> crate::audit::record::Principal<'a> {
    let (auth_method, issuer) = match &principal.auth {
        Auth::Jwt { issuer } => ("jwt", &**issuer),
        Auth::ApiKey { id } => ("api_key", &**id),
        Auth::Spiffe { trust_domain } => ("spiffe", &**trust_domain),
    };
    crate::audit::record::Principal {
        kind: principal.kind.as_str(),
        id: &principal.id,
        tenant: principal.tenant.as_ref(),
        auth_method,
        issuer: Some(issuer),
        roles: &principal.roles,
        groups: &principal.groups,
        scopes: &principal.scopes,
        actors,
    }
}

fn http<'a>(head: &'a Head, route: Option<&'a Route>, status: Option<u16>) -> Http<'a> {
    Http {
        method: head.method.as_str(),
        host: head.host.name.as_bytes(),
        path: head.path().as_bytes(),
        route: route.map(|route| &*route.template),
        status,
    }
}

fn unread(known: &Known, status: u16) -> Http<'_> {
    let method = known.method.as_ref().map_or("", http::Method::as_str);
    Http { method, host: b"", path: known.path().as_bytes(), route: None, status: Some(status) }
}

fn request_id(head: &Head) -> Option<&[u8]> {
    head.headers.get(&REQUEST_ID).map(http::HeaderValue::as_bytes)
}
