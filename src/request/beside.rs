//! What a decision leaves behind for those who look at it with other policies: owned facts, and what was decided.
//!
//! Never: changes a decision, or waits. Whoever takes a [`Job`] drops what it has no room for.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;

use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::DecisionId;
use crate::ids::TenantPath;
use crate::model::RouteIx;
use crate::model::TenantIx;
use crate::policy::Verdict;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::authorized::Judged;
use crate::request::identified::Identified;
use crate::request::known::Known;
use crate::request::received::Head;
use crate::request::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::tenancy::Disagreement;
use crate::tenancy::Source;

/// One decision, with all that is needed to make it again by other policies.
#[derive(Debug)]
pub struct Job {
    /// The decision's name.
    pub id: DecisionId,
    /// The snapshot that decided. Indexes are its model's.
    pub snapshot: Arc<Snapshot>,
    /// Who called.
    pub principal: Arc<Principal>,
    /// What it is about.
    pub about: About,
    /// The request's method.
    pub method: Method,
    /// The path that was judged; with its query where no route was looked for.
    pub path: Box<str>,
    /// The host that the request names.
    pub host: Box<str>,
    /// What the caller says the data is for.
    pub purpose: Option<Box<str>>,
    /// Where the connection comes from.
    pub source_ip: Option<IpAddr>,
    /// The time of the request, in milliseconds since 1970.
    pub now_ms: u64,
    /// `allowed`, or the refusal's code.
    pub code: &'static str,
    /// What the policies said, where they were asked.
    pub verdict: Verdict,
    /// The classes that are shown.
    pub revealed: Vec<ClassIx>,
    /// The classes that are hidden, and by what.
    pub hidden: Vec<(ClassIx, Mask)>,
    /// The classes that the request's body may carry and the caller may not set.
    pub unsettable: Vec<ClassIx>,
    /// What its bodies may carry, and what that of its request may, where its documents say so and not its route.
    pub carried: Option<[Box<[ClassIx]>; 2]>,
}

/// What a decision is about.
#[derive(Debug)]
pub enum About {
    /// The policies were asked about this.
    Placed {
        /// The caller's tenant.
        caller: TenantIx,
        /// Whose data it is.
        target: TenantIx,
        /// The route.
        route: RouteIx,
        /// What was attempted.
        action: Action,
        /// The slice of data.
        data_key: DataKey,
    },
    /// No pathway leads from the caller's tenant to the one that is named, so no policy was asked.
    Tenancy {
        /// The tenant that a header names.
        header: Option<TenantPath>,
        /// The tenant that is named, by whatever.
        target: Option<TenantPath>,
    },
}

/// Whoever looks at decisions with other policies, as one worker sees it.
pub trait Shadow {
    /// Is this decision, which is about these tenants, one that is looked at?
    fn takes(&self, id: DecisionId, tenants: [Option<&TenantPath>; 2]) -> bool;
    /// Takes it, or drops it and counts that. Never waits.
    fn take(&self, job: Job);
}

/// Hands on an allowed request. To be called only where something is looked at beside the live snapshot.
#[cold]
pub(super) fn allowed<B, O>(
    request: &Identified<B>,
    worker: &Worker<O>,
    snapshot: &Arc<Snapshot>,
    moment: &Moment,
    judged: &Judged<'_>,
) {
    let tenants = &snapshot.model().tenants;
    let (caller, target) = (request.tenancy.caller, judged.target);
    let named = [caller, target].map(|tenant| Some(&tenants.get(tenant).path));
    let Some(shadow) = worker.shadow.as_ref().filter(|shadow| shadow.takes(moment.id, named)) else { return };
    let (route, action, data_key) = (judged.route.ix, judged.carried.action, judged.data_key.clone());
    let about = About::Placed { caller, target, route, action, data_key };
    shadow.take(Job {
        code: "allowed",
        verdict: judged.verdict.clone(),
        revealed: judged.revealed.clone(),
        hidden: judged.hidden.clone(),
        unsettable: judged.unsettable.clone(),
        carried: judged
            .carried
            .documents
            .map(|_| [judged.carried.classes, judged.carried.request_classes].map(Box::from)),
        ..job(&request.head, Arc::clone(&request.principal), about, worker, snapshot, moment)
    });
}

/// Hands on a refused request, where other policies could have ended it otherwise.
#[cold]
pub(super) fn refused<O>(
    worker: &Worker<O>,
    snapshot: &Arc<Snapshot>,
    moment: &Moment,
    refusal: &Refusal,
    known: &Known,
) {
    let Some(shadow) = &worker.shadow else { return };
    let (Some(head), Some(principal)) = (&known.head, &known.principal) else { return };
    let tenants = &snapshot.model().tenants;
    let (about, verdict) = match (refusal, known.tenancy, &known.data_key, known.route) {
        (Refusal::Denied | Refusal::PolicyError, Some(tenancy), Some(data_key), Some(route)) => {
            let Some(target) = tenants.owner(data_key) else { return };
            let of_route = || snapshot.model().routes.get(route).map(|route| route.action);
            let Some(action) = known.action.or_else(of_route) else { return };
            let (caller, data_key) = (tenancy.caller, data_key.clone());
            let about = About::Placed { caller, target, route, action, data_key };
            (about, known.verdict.clone().unwrap_or_default())
        }
        (Refusal::Tenancy(Disagreement::Mismatch(..)), ..) => {
            let mut targets = known.named.iter().filter(|named| !named.source.is_of_caller());
            let header = targets.clone().find(|named| named.source == Source::Header);
            let header = header.map(|named| named.tenant.clone());
            (
                About::Tenancy { header, target: targets.next().map(|named| named.tenant.clone()) },
                Verdict::default(),
            )
        }
        _ => return,
    };
    let target = match &about {
        About::Placed { target, .. } => Some(&tenants.get(*target).path),
        About::Tenancy { target, .. } => target.as_ref(),
    };
    if shadow.takes(moment.id, [principal.tenant.as_ref(), target]) {
        let mut job = job(head, Arc::clone(principal), about, worker, snapshot, moment);
        if matches!(job.about, About::Tenancy { .. }) {
            job.path = head.target.as_str().into();
        }
        shadow.take(Job { code: refusal.row().code, verdict, ..job });
    }
}

fn job<O>(
    head: &Head,
    principal: Arc<Principal>,
    about: About,
    worker: &Worker<O>,
    snapshot: &Arc<Snapshot>,
    moment: &Moment,
) -> Job {
    Job {
        id: moment.id,
        snapshot: Arc::clone(snapshot),
        principal,
        about,
        method: head.method.clone(),
        path: head.path().into(),
        host: head.host.name.as_str().into(),
        purpose: head.one(&worker.settings.purpose_header).map(Into::into),
        source_ip: moment.peer,
        now_ms: moment.now_ms,
        code: "",
        verdict: Verdict::default(),
        revealed: Vec::new(),
        hidden: Vec::new(),
        unsettable: Vec::new(),
        carried: None,
    }
}
