//! A request that policy allows, with its redaction plan fixed and its decision handed to the journal: the third state.
//!
//! Only this file makes a [`Permit`]. Without one nothing can be forwarded, and there is no way to have one before the
//! decision is an allow for exactly this request.
//! Never: performs I/O itself, or lets an evaluation error pass.

mod again;

use std::sync::Arc;

pub(super) use again::Told;

use crate::audit::Written;
use crate::audit::record::DecisionLatency;
use crate::identity::Principal;
use crate::ids::DataKey;
use crate::model::Carried;
use crate::model::Found;
use crate::model::Params;
use crate::model::Route;
use crate::model::RowOwner;
use crate::model::TenantIx;
use crate::model::Tenants;
use crate::policy::Asked;
use crate::policy::Facts;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::redact::Owns;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::beside;
use crate::request::ending::Ending;
use crate::request::identified::Identified;
use crate::request::inbound::Inbound;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::plans::Outward;
use crate::request::received::Head;
use crate::request::received::Received;
use crate::request::refusal::Refusal;
use crate::request::report;
use crate::request::spoken::unanswered;
use crate::snapshot::Snapshot;
use crate::tenancy::Named;
use crate::tenancy::Tenancy;

/// The proof that this very request may be forwarded once its record is written, and what must be hidden on the way.
#[derive(Debug)]
pub struct Permit {
    pub(super) plans: Outward,
    /// What becomes of the request's body.
    pub(super) inbound: Inbound,
    /// Whose rows of the answer the caller may see, where rows say whose they are.
    pub(super) owner: Option<Arc<dyn Owns>>,
    pub(super) written: Written,
    pub(super) ending: Box<Ending>,
}

/// Who is behind an allowed request, and whose data it is about. A public route has neither.
#[derive(Debug)]
pub(super) struct Parties {
    pub(super) principal: Arc<Principal>,
    pub(super) caller: TenantIx,
    pub(super) target: TenantIx,
    pub(super) data_key: DataKey,
}

/// An allowed request.
#[derive(Debug)]
pub struct Authorized<B> {
    pub(super) head: Box<Head>,
    pub(super) body: B,
    pub(super) parties: Option<Parties>,
    pub(super) permit: Permit,
}

/// A request at the gate: a public route's may pass as it is, every other one has to say who calls.
#[derive(Debug)]
pub enum Gate<B> {
    /// The route is public: its file says so, and it carries no classified data.
    Open(Authorized<B>),
    /// Everything else.
    Guarded(Received<B>),
}

impl<B> Received<B> {
    /// Lets a request to a public route pass, on record like every other.
    ///
    /// # Errors
    /// A full journal.
    pub fn gate<O>(
        self,
        snapshot: &Arc<Snapshot>,
        worker: &Worker<O>,
        moment: &Moment,
    ) -> Result<Gate<B>, Refused> {
        let routes = &snapshot.model().routes;
        let route = match routes.find(&self.head.method, self.head.path()) {
            _ if !routes.any_public() => return Ok(Gate::Guarded(self)),
            Found::Route(route, _) if route.public => route,
            Found::Route(..) | Found::OtherMethod(_) | Found::None => return Ok(Gate::Guarded(self)),
        };
        if self.head.handshake.is_some() && !route.websocket {
            let known = Known { route: Some(route.ix), ..Known::head(self.head) };
            return Err(Refused::new(Refusal::NoWebSocket, known));
        }
        let latency = DecisionLatency { authorize_us: worker.since(moment), ..DecisionLatency::default() };
        let record = |line: &mut Vec<u8>| report::open(line, &self.head, route, snapshot, moment, latency);
        let level = worker.settings.durable.level(route.action, std::iter::empty());
        match worker.journal.append(level, &mut { record }) {
            Ok(written) => {
                worker.counts.decided(true, "public", None);
                let ending = Ending::new(worker, snapshot, moment, route.ix);
                let plans = worker.plans.borrow().nothing();
                let inbound = Inbound::new(&plans, route.schema.as_ref());
                let permit = Permit { plans: plans.outward(), inbound, owner: None, written, ending };
                Ok(Gate::Open(Authorized { head: self.head, body: self.body, parties: None, permit }))
            }
            Err(_) => {
                let known = Known { route: Some(route.ix), ..Known::head(self.head) };
                Err(Refused::new(Refusal::AuditUnavailable, known))
            }
        }
    }
}

/// What policy said about one request.
pub(super) struct Judged<'a> {
    pub(super) route: &'a Route,
    pub(super) carried: Carried<'a>,
    pub(super) data_key: DataKey,
    pub(super) target: TenantIx,
    pub(super) verdict: Verdict,
    pub(super) now_ms: u64,
    pub(super) revealed: Vec<ClassIx>,
    pub(super) hidden: Vec<(ClassIx, Mask)>,
    /// Of the classes that the request's body may carry, those that the caller may set.
    pub(super) settable: Vec<ClassIx>,
    /// And those that it may not.
    pub(super) unsettable: Vec<ClassIx>,
    /// Policies that erred when a class was asked for. Their class is hidden.
    pub(super) reveal_errors: Vec<PolicyIx>,
}

impl<B> Identified<B> {
    /// Finds the route, asks the policies, fixes the plan and puts the decision on record.
    ///
    /// # Errors
    /// No route, no DataKey, one that belongs elsewhere, a denial, an evaluation error, a full journal.
    pub fn authorize<O>(
        mut self,
        snapshot: &Arc<Snapshot>,
        worker: &Worker<O>,
        moment: &Moment,
    ) -> Result<Authorized<B>, Refused> {
        let identify_us = worker.since(moment);
        let (route, data_key, target) = match place(&self, snapshot) {
            Ok(found) => found,
            Err((refusal, route)) => {
                let known = Known { route: route.map(|route| route.ix), ..Known::default() };
                return Err(self.refuse(refusal, known));
            }
        };
        let (operation, held) = self.spoken.take().map(|spoken| (spoken.operation, spoken.held)).unzip();
        let operation = operation.as_deref();
        let carried = Carried::asked(route, operation);
        let judged = judge(&self, worker, snapshot, moment, (route, carried), data_key, target);
        let latency =
            DecisionLatency { identify_us, authorize_us: worker.since(moment).saturating_sub(identify_us) };
        let unanswered = || unanswered(route, operation, &judged.hidden, &judged.unsettable);
        if let Some(refusal) = refusal(&judged.verdict).or_else(unanswered) {
            return Err(self.refuse(refusal, judged.known(latency)));
        }
        let (hidden, unsettable, route) = (&judged.hidden, &judged.unsettable, (route, &carried));
        let plans = worker.plans.borrow_mut().hiding(hidden, unsettable, route, judged.target, snapshot);
        let level = worker.settings.durable.of(snapshot, &judged);
        let appended = worker
            .journal
            .append(level, &mut |line| report::allow(line, &self, &judged, snapshot, moment, latency));
        match appended {
            Ok(written) => {
                if worker.live.is_shadowed() {
                    beside::allowed(&self, worker, snapshot, moment, &judged);
                }
                worker.counts.decided(true, "allowed", Some(latency.authorize_us));
                for policy in &judged.reveal_errors {
                    worker.counts.policy_error(snapshot.policies().id(*policy));
                }
                let Judged { route, data_key, target, .. } = judged;
                let mut ending = Ending::new(worker, snapshot, moment, route.ix);
                ending.expires = self.expires;
                ending.shard = snapshot.shard(target);
                ending.admitted = self.admitted.take();
                let tenants = &snapshot.model().tenants;
                ending.parties = Some([self.tenancy.caller, target].map(|ix| tenants.get(ix).path.clone()));
                let inbound = Inbound::new(&plans, route.schema.as_ref());
                let inbound = inbound.holding(held.flatten());
                let owner = owner_of_rows(snapshot, route, target, &data_key);
                let Self { head, body, principal, tenancy, .. } = self;
                let permit = Permit { plans: plans.outward(), inbound, owner, written, ending };
                let parties = Parties { principal, caller: tenancy.caller, target, data_key };
                Ok(Authorized { head, body, parties: Some(parties), permit })
            }
            Err(_) => Err(self.refuse(Refusal::AuditUnavailable, judged.known(latency))),
        }
    }

    pub(super) fn refuse(self, refusal: Refusal, known: Known) -> Refused {
        let known = Known {
            method: Some(self.head.method.clone()),
            head: Some(self.head),
            principal: Some(self.principal),
            named: self.named,
            tenancy: Some(self.tenancy),
            ..known
        };
        Refused::new(refusal, known)
    }
}

impl Judged<'_> {
    fn known(self, latency: DecisionLatency) -> Known {
        Known {
            route: Some(self.route.ix),
            action: Some(self.carried.action),
            data_key: Some(self.data_key),
            verdict: Some(self.verdict),
            now_ms: Some(self.now_ms),
            latency: Some(latency),
            ..Known::default()
        }
    }
}

/// Whose rows a caller may see who was let at this DataKey of this tenant.
pub(super) fn owner_of_rows(
    snapshot: &Snapshot,
    route: &Route,
    target: TenantIx,
    data_key: &DataKey,
) -> Option<Arc<dyn Owns>> {
    let rows = route.rows?;
    Some(Arc::new(RowOwner::new(&snapshot.model().tenants, target, data_key, rows)))
}

/// An error denies: Cedar would skip the policy, and a skipped `forbid` widens access.
pub(super) fn refusal(verdict: &Verdict) -> Option<Refusal> {
    match (verdict.errors.is_empty(), verdict.allowed) {
        (false, _) => Some(Refusal::PolicyError),
        (true, false) => Some(Refusal::Denied),
        (true, true) => None,
    }
}

type Placed<'a> = (&'a Route, DataKey, TenantIx);

/// Which route it is, and whose data it is about.
fn place<'a, B>(
    request: &Identified<B>,
    snapshot: &'a Snapshot,
) -> Result<Placed<'a>, (Refusal, Option<&'a Route>)> {
    let model = snapshot.model();
    let head = &request.head;
    let (route, params) = match model.routes.find(&head.method, head.path()) {
        Found::Route(route, params) => (route.ix, params),
        Found::OtherMethod(methods) => return Err((other_method(&methods), None)),
        Found::None => return Err((Refusal::NoRoute, None)),
    };
    // Looked up again for a borrow of the snapshot alone.
    let Some(route) = model.routes.get(route) else { return Err((Refusal::NoRoute, None)) };
    if let Some(refusal) = request.unfit(route) {
        return Err((refusal, Some(route)));
    }
    let placed = data_key(request, snapshot, route, &params);
    placed.map(|(data_key, target)| (route, data_key, target)).map_err(|refusal| (refusal, Some(route)))
}

fn data_key<B>(
    request: &Identified<B>,
    snapshot: &Snapshot,
    route: &Route,
    params: &Params<'_>,
) -> Result<(DataKey, TenantIx), Refusal> {
    let tenants = &snapshot.model().tenants;
    let Tenancy { target, .. } = request.tenancy;
    let named = &tenants.get(target).path;
    let head = &request.head;
    let data_key = route
        .data_key
        .resolve(named, params, head.query(), &head.headers)
        .map_err(|_| Refusal::BadDataKey)?;
    let owner = owner(tenants, &data_key, &request.named, request.tenancy)?;
    Ok((data_key, owner))
}

/// Whose data it is. A host, header or path that names a tenant is a promise that the data is that tenant's.
pub(super) fn owner(
    tenants: &Tenants,
    data_key: &DataKey,
    named: &[Named],
    tenancy: Tenancy,
) -> Result<TenantIx, Refusal> {
    let owner = tenants.owner(data_key).ok_or(Refusal::DataKeyElsewhere)?;
    let promised = named.iter().any(|named| !named.source.is_of_caller());
    if promised && !tenants.is_within(owner, tenancy.target) {
        return Err(Refusal::DataKeyElsewhere);
    }
    tenants.get(owner).closed_s().map_or(Ok(owner), |seconds| Err(Refusal::Maintenance(seconds)))
}

pub(super) fn other_method(methods: &[&http::Method]) -> Refusal {
    let methods: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    Refusal::MethodNotAllowed(methods.join(", ").into())
}

fn judge<'a, B, O>(
    request: &Identified<B>,
    worker: &Worker<O>,
    snapshot: &Snapshot,
    moment: &Moment,
    (route, carried): (&'a Route, Carried<'a>),
    data_key: DataKey,
    target: TenantIx,
) -> Judged<'a> {
    let model = snapshot.model();
    let head = &request.head;
    let facts = Facts {
        principal: &request.principal,
        caller: request.tenancy.caller,
        target,
        action: carried.action,
        route,
        data_key: &data_key,
        method: &head.method,
        path: head.path(),
        host: &head.host.name,
        purpose: head.one(&worker.settings.purpose_header),
        source_ip: moment.peer,
        now_ms: moment.now_ms,
    };
    let mut memory = worker.memory.borrow_mut();
    let asked = snapshot.policies().ask(model, &facts, &mut memory);
    let verdict = asked.decide();
    let (mut revealed, mut hidden, mut reveal_errors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut settable, mut unsettable) = (Vec::new(), Vec::new());
    let mut note = |errors: Vec<PolicyIx>| {
        for error in errors {
            if !reveal_errors.contains(&error) {
                reveal_errors.push(error);
            }
        }
    };
    if verdict.allowed {
        for class in carried.classes {
            let answer = asked.reveal(*class);
            if answer.allowed {
                revealed.push(*class);
            } else {
                let known = model.classes.get(*class);
                let mask = known.map_or(Mask::Drop, |class| snapshot.policies().hiding(&answer, class));
                hidden.push((*class, mask));
            }
            // An error hides its class, and it must not go unseen.
            note(answer.errors);
        }
        for class in carried.request_classes {
            let mask = hidden.iter().find(|(one, _)| one == class).map(|(_, mask)| mask);
            let (answer, is_settable) = may_set(&asked, *class, mask);
            let to = if is_settable { &mut settable } else { &mut unsettable };
            to.push(*class);
            note(answer.errors);
        }
    }
    let now_ms = asked.now_ms();
    drop(asked);
    Judged {
        route,
        carried,
        data_key,
        target,
        verdict,
        now_ms,
        revealed,
        hidden,
        settable,
        unsettable,
        reveal_errors,
    }
}

/// May the caller set a class that is hidden from it by this mask, or shown? What the mask makes must be told from a
/// value, so that a body which repeats what was shown does not overwrite what was hidden.
pub(super) fn may_set(asked: &Asked<'_>, class: ClassIx, mask: Option<&Mask>) -> (Verdict, bool) {
    let answer = asked.set(class);
    let is_settable = answer.allowed && mask.is_none_or(Mask::is_known_by_sight);
    (answer, is_settable)
}
