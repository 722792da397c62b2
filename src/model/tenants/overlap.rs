//! The keys that the app's database has for tenants: none may be the start of another's.
//!
//! Never: looks at a key that the file does not say, where none says any.

use crate::model::TenantIx;
use crate::model::Tenants;
use crate::model::forest::Entry;
use crate::model::tree::Reader;

impl Tenants {
    /// The app selects by `starts_with`, so no tenant's key may be the start of a key outside its own subtree.
    pub(super) fn check_app_keys(&self, reader: &mut Reader, entries: &[Entry<'_>]) {
        if self.all.iter().all(|tenant| tenant.app_key.is_none()) {
            return;
        }
        let mut keys: Vec<(String, TenantIx)> =
            self.iter().map(|(at, tenant)| (self.app_key(&tenant.path.data_key()), at)).collect();
        keys.sort();
        let mut open: Vec<&(String, TenantIx)> = Vec::new();
        for key in &keys {
            while open.last().is_some_and(|(outer, _)| !key.0.starts_with(outer.as_str())) {
                open.pop();
            }
            if let Some((_, outer)) = open.iter().find(|(_, outer)| !self.is_within(key.1, *outer)) {
                let named = if self.get(key.1).app_key.is_some() { key.1 } else { *outer };
                let (inner, outer) = (self.get(key.1), self.get(*outer));
                let Some(entry) = usize::try_from(named.0).ok().and_then(|at| entries.get(at)) else {
                    continue;
                };
                let message = format!(
                    "the app's key of `{}` starts with the key of `{}`, which does not enclose it",
                    inner.path, outer.path
                );
                let place = entry.field("data_key").map_or(entry.at, |node| node.at);
                reader.error("overlapping-data-key", place, message);
            }
            open.push(key);
        }
    }
}
