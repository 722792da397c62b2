//! The part of the config about policies that are looked at and decide nothing.
//!
//! Never: lets a candidate lie where it would be enforced.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::ids::TenantPath;

use super::check::Checker;
use super::raw;

/// Which requests are looked at, and when that stops.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// Those of these tenants' people and about their data, sub-tenants included; empty: all.
    pub tenants: Vec<TenantPath>,
    /// This share of them, in percent: 1 to 100.
    pub percent: u64,
    /// When looking stops by itself.
    pub stop_after: StopAfter,
}

/// When looking stops by itself.
#[derive(Debug, Clone, Copy)]
pub struct StopAfter {
    /// So many new denials within the window; 0: never.
    pub new_denials: u64,
    /// And at least this share of what was looked at, in percent.
    pub percent: u64,
    /// How far back is counted.
    pub window: Duration,
}

pub(super) fn shadow(c: &mut Checker<'_>, raw: &raw::Shadow, policies: Option<&Path>) -> Shadow {
    if let (Some(text), Some(policies)) = (&raw.policies, policies) {
        let (candidate, policies) = (plain(&c.path(text)), plain(policies));
        // The very same folder is no harm: it is what is enforced anyway, and then it is not looked at.
        if candidate != policies && (candidate.starts_with(&policies) || policies.starts_with(&candidate)) {
            let message = "the candidate lies within the folder of the enforced policies, or around it";
            c.error("same-folder", "shadow.policies", message, "give it a folder of its own, beside theirs");
        }
    }
    let mut tenants = Vec::new();
    for (at, text) in raw.tenants.iter().enumerate() {
        match TenantPath::parse(text) {
            Ok(tenant) => tenants.push(tenant),
            Err(_) => {
                c.bad_value(&format!("shadow.tenants.{at}"), "a tenant's path", "write it as `acme/west`")
            }
        }
    }
    let window = &raw.stop_after.window;
    Shadow {
        tenants,
        percent: raw.percent.unwrap_or(100),
        stop_after: StopAfter {
            new_denials: raw.stop_after.new_denials.unwrap_or(1_000),
            percent: raw.stop_after.percent.unwrap_or(0),
            window: c.duration("shadow.stop_after.window", window.as_ref(), Duration::from_secs(300)),
        },
    }
}

/// A path without `.` and `..`, as far as that can be said without looking at any folder.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                plain.push(part);
            }
        }
    }
    plain
}
