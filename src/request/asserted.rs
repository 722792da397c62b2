//! Assertions for the app that one worker made: signing costs more than a whole decision, so one is used again for half of
//! its life.
//!
//! INVARIANT: what is used again says of this caller, these tenants and this slice of data what would be signed now
//! (`assertion::one_is_used_again_for_the_same_and_for_nothing_else`).
//! Never: outlives the snapshot whose key signed it.

use std::sync::Arc;

use http::HeaderName;
use http::HeaderValue;
use quick_cache::unsync::Cache;

use crate::identity::Asserted;
use crate::identity::Principal;
use crate::ids::DataKey;
use crate::limits;
use crate::model::TenantIx;
use crate::request::authorized::Parties;
use crate::snapshot::Snapshot;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    principal: Arc<Principal>,
    caller: TenantIx,
    target: TenantIx,
    data_key: DataKey,
}

struct Kept {
    line: HeaderValue,
    from: u64,
    until: u64,
}

/// The assertions of one worker.
pub(super) struct Assertions {
    generation: u64,
    kept: Cache<Key, Kept>,
}

impl Default for Assertions {
    fn default() -> Self {
        Self { generation: 0, kept: Cache::new(limits::ASSERTIONS_KEPT_MAX) }
    }
}

impl Assertions {
    /// The header that tells the app who calls, where there is to be one, at `now` in seconds since 1970. Without a value it must be
    /// left out: what cannot be signed is not said.
    pub(super) fn header(
        &mut self,
        snapshot: &Snapshot,
        parties: &Parties,
        now: u64,
    ) -> Option<(HeaderName, Option<HeaderValue>)> {
        let (settings, signer) = (snapshot.settings().assertion.as_ref()?, snapshot.signer()?);
        if self.generation != snapshot.generation() {
            *self = Self { generation: snapshot.generation(), ..Self::default() };
        }
        let Parties { principal, caller, target, data_key } = parties;
        let key = Key {
            principal: Arc::clone(principal),
            caller: *caller,
            target: *target,
            data_key: data_key.clone(),
        };
        // A clock that leaps back must not make one live longer.
        if let Some(kept) = self.kept.get(&key).filter(|kept| (kept.from..kept.until).contains(&now)) {
            return Some((settings.header.clone(), Some(kept.line.clone())));
        }
        let tenants = &snapshot.model().tenants;
        let asserted = Asserted {
            principal,
            caller: tenants.get(*caller).path.as_str(),
            target: tenants.get(*target).path.as_str(),
            data_key: &tenants.app_key(data_key),
        };
        let line = signer.sign(settings, &asserted, now).and_then(|token| HeaderValue::try_from(token).ok());
        let line = line.map(|mut line| {
            line.set_sensitive(true);
            line
        });
        if let Some(line) = &line {
            let until = now.saturating_add(settings.lifetime_seconds / 2);
            self.kept.insert(key, Kept { line: line.clone(), from: now, until });
        }
        Some((settings.header.clone(), line))
    }
}
