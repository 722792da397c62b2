//! Where the app runs for which tenant.
//!
//! Never: sends a tenant's request anywhere else because a name is not known; then there is no snapshot.

use std::sync::Arc;

use crate::limits;
use crate::model::TenantIx;
use crate::model::Tenants;
use crate::problem::Problem;
use crate::problem::nearest;

/// One of the places where the app runs: an index into [`super::Settings::upstreams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shard(pub u16);

/// From the names that the tenants' file has to the places.
#[derive(Debug, Clone, Default)]
pub(super) struct Shards(Arc<[Shard]>);

const _: () = assert!(limits::UPSTREAMS_MAX <= u16::MAX as usize);

impl Shards {
    /// Finds each place that a tenant names. Where nobody knows which there are, none is a problem, and nothing is sent.
    pub(super) fn find(tenants: &Tenants, known: Option<&[Box<str>]>, found: &mut Vec<Problem>) -> Self {
        let Some(known) = known else { return Self::default() };
        let mut shards = Vec::with_capacity(tenants.upstreams().len());
        for (name, place) in tenants.upstreams() {
            let at = known.iter().position(|one| one == name).and_then(|at| u16::try_from(at).ok());
            if at.is_none() {
                let message = format!("there is no upstream `{name}`");
                let hint = match nearest(name, known.iter().map(|name| &**name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the configuration has `{}`", known.join("`, `")),
                };
                found.push(Problem::error("unknown-upstream", place.clone(), message).hint(hint));
            }
            shards.push(Shard(at.unwrap_or(u16::MAX)));
        }
        Self(shards.into())
    }

    /// The place of a tenant; the first where neither it nor one above it names one.
    pub(super) fn of(&self, tenants: &Tenants, tenant: TenantIx) -> Shard {
        let Some(named) = tenants.get(tenant).upstream else { return Shard::default() };
        // An index that has no place leads nowhere, and so to a refusal.
        self.0.get(usize::from(named)).copied().unwrap_or(Shard(u16::MAX))
    }
}
