//! What was allowed once, looked at again: an open WebSocket outlives the snapshot that it was judged by.
//!
//! Never: makes a permit, or puts anything on record. It only ever ends what was allowed.

use std::sync::Arc;

use crate::identity::Principal;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::Carried;
use crate::model::Found;
use crate::model::RouteIx;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::identified::Identified;
use crate::request::received::Received;
use crate::snapshot::Snapshot;

use super::Parties;
use super::judge;
use super::place;
use super::refusal;

/// Who the app was told is behind a request, and whose data it was told it is about.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::request) struct Told {
    principal: Arc<Principal>,
    caller: TenantPath,
    target: TenantPath,
    data_key: DataKey,
    /// The DataKey as the app's database has it.
    app_key: String,
}

impl Told {
    pub(in crate::request) fn of(parties: &Parties, snapshot: &Snapshot) -> Self {
        let tenants = &snapshot.model().tenants;
        let Parties { principal, caller, target, data_key } = parties;
        Self {
            principal: Arc::clone(principal),
            caller: tenants.get(*caller).path.clone(),
            target: tenants.get(*target).path.clone(),
            data_key: data_key.clone(),
            app_key: tenants.app_key(data_key).to_string(),
        }
    }
}

impl<B> Received<B> {
    /// The public route on which it opens a WebSocket that is not looked into, if it does.
    pub(in crate::request) fn is_open(&self, snapshot: &Snapshot) -> Option<RouteIx> {
        match snapshot.model().routes.find(&self.head.method, self.head.path()) {
            Found::Route(route, _) if route.public && route.websocket && route.schema.is_none() => {
                Some(route.ix)
            }
            Found::Route(..) | Found::OtherMethod(_) | Found::None => None,
        }
    }
}

impl<B> Identified<B> {
    /// The route on which it would be allowed by this snapshot, with nothing hidden from it, all let through that it sends, and the
    /// app told the same; nothing where it would not.
    pub(in crate::request) fn stays_free<O>(
        self,
        worker: &Worker<O>,
        snapshot: &Snapshot,
        moment: &Moment,
        told: &Told,
    ) -> Option<RouteIx> {
        let (route, data_key, target) = place(&self, snapshot).ok()?;
        let carried = Carried::by(route);
        let judged = judge(&self, worker, snapshot, moment, (route, carried), data_key, target);
        let is_bare = route.rows.is_none() && route.schema.is_none();
        let is_shown = judged.hidden.is_empty() && judged.unsettable.is_empty();
        if !is_bare || !is_shown || refusal(&judged.verdict).is_some() {
            return None;
        }
        let (caller, data_key) = (self.tenancy.caller, judged.data_key);
        let parties = Parties { principal: self.principal, caller, target, data_key };
        (Told::of(&parties, snapshot) == *told).then_some(route.ix)
    }
}
