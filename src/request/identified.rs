//! A request of which it is known who calls and for which tenant: the second state.
//!
//! Only this file makes an [`Identified`]. Every source that names a tenant was heard, and they agree.
//! Never: decides whether the call may happen.

use std::sync::Arc;

use crate::identity;
use crate::identity::Auth;
use crate::identity::Principal;
use crate::identity::Verified;
use crate::model::Route;
use crate::quota::Admitted;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::received::Head;
use crate::request::received::Received;
use crate::request::refusal::Refusal;
use crate::request::spoken::Spoken;
use crate::snapshot::Snapshot;
use crate::tenancy;
use crate::tenancy::Disagreement;
use crate::tenancy::Named;
use crate::tenancy::Source;
use crate::tenancy::Tenancy;

/// A request with its principal and its tenancy.
#[derive(Debug)]
pub struct Identified<B> {
    pub(super) head: Box<Head>,
    pub(super) body: B,
    pub(super) principal: Arc<Principal>,
    pub(super) named: Vec<Named>,
    pub(super) tenancy: Tenancy,
    /// From this second since 1970 on, its credential must be looked at again.
    pub(super) expires: u64,
    /// The place that it takes of its tenant's limits.
    pub(super) admitted: Option<Box<Admitted>>,
    /// What its credential was issued for, where it says that.
    pub(super) audiences: Option<Arc<[Box<str>]>>,
    /// What it asks for, where its route is one of GraphQL.
    pub(super) spoken: Option<Box<Spoken>>,
}

impl<B> Received<B> {
    /// Verifies the credential, hears every source that names a tenant, and lets them agree.
    ///
    /// # Errors
    /// No credential, more than one, one that does not verify; tenants that are unknown or that disagree.
    pub fn identify<O>(
        self,
        snapshot: &Snapshot,
        worker: &Worker<O>,
        moment: &Moment,
    ) -> Result<Identified<B>, Refused> {
        let Self { head, body } = self;
        let Verified { principal, expires, audiences } = match who(&head, snapshot, worker, moment) {
            Ok(verified) => verified,
            Err(refusal) => return Err(Refused::new(refusal, Known::head(head))),
        };
        let mut named = Vec::new();
        match which_tenant(&head, snapshot, &principal, &mut named) {
            Ok(tenancy) => Ok(Identified {
                head,
                body,
                principal,
                named,
                tenancy,
                expires,
                audiences,
                admitted: None,
                spoken: None,
            }),
            Err(refusal) => {
                let known = Known { principal: Some(principal), named, ..Known::head(head) };
                Err(Refused::new(refusal, known))
            }
        }
    }
}

impl<B> Identified<B> {
    /// Why a route is none for this request, whatever policy says.
    pub(super) fn unfit(&self, route: &Route) -> Option<Refusal> {
        if self.head.handshake.is_some() && !route.websocket {
            return Some(Refusal::NoWebSocket);
        }
        let named = self.audiences.as_deref().unwrap_or_default();
        (!route.audiences.is_empty() && !route.audiences.iter().any(|wanted| named.contains(wanted)))
            .then_some(Refusal::WrongAudience)
    }
}

fn who<O>(
    head: &Head,
    snapshot: &Snapshot,
    worker: &Worker<O>,
    moment: &Moment,
) -> Result<Verified, Refusal> {
    let credential = identity::credential(&head.headers, &worker.settings.api_key_header)
        .map_err(|_| Refusal::AmbiguousCredential)?;
    let (now, workloads) = (moment.now_ms / 1_000, &snapshot.settings().workloads);
    let Some(credential) = credential else {
        // Whoever shows only a certificate calls for itself.
        let own = moment.workload.as_deref().filter(|_| !moment.is_behind);
        let found = own.and_then(|svid| workloads.verify(svid, now));
        return found.ok_or(Refusal::Unidentified)?.map_err(Refusal::BadCredential);
    };
    let mut remembered = worker.remembered.borrow_mut();
    let keyring = snapshot.keyring();
    let caller = match worker.throttle.attempt(moment, credential) {
        None => remembered.verify(keyring, credential, now),
        Some(attempt) => {
            if let Some(wait_s) = attempt.wait_s().filter(|_| !remembered.knows(keyring, credential, now)) {
                return Err(Refusal::TooManyFailures(wait_s));
            }
            let verified = remembered.verify(keyring, credential, now);
            attempt.ended(&verified);
            verified
        }
    };
    match (caller, &moment.workload) {
        (Ok(caller), Some(svid)) => workloads.acts_for(caller, svid, now),
        (caller, _) => caller,
    }
    .map_err(Refusal::BadCredential)
}

fn which_tenant(
    head: &Head,
    snapshot: &Snapshot,
    principal: &Principal,
    named: &mut Vec<Named>,
) -> Result<Tenancy, Refusal> {
    let model = snapshot.model();
    let tenant = principal.tenant.clone().ok_or(Refusal::Tenancy(Disagreement::NoTenant))?;
    let source = match principal.auth {
        Auth::Jwt { .. } => Source::Claim,
        Auth::ApiKey { .. } => Source::ApiKey,
        Auth::Spiffe { .. } => Source::Workload,
    };
    named.push(Named { source, tenant });
    let targets = tenancy::targets(snapshot.places(), &head.host.name, head.path(), &head.headers)
        .map_err(|_| Refusal::BadTenantName)?;
    named.extend(targets);
    let pathway = |caller, target| snapshot.policies().explains(model, caller, target);
    tenancy::agree(named, &model.tenants, pathway).map_err(Refusal::Tenancy)
}
