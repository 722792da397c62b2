//! Which entities are below which, as far as their names tell: tenants, DataKeys and data classes are paths.
//!
//! Never: guesses about roles, groups or routes; a principal may have any of them.

use cedar_policy_core::ast::EntityUID;

/// What parts the segments of a name of this type, where names are paths.
fn separator(of: &EntityUID) -> Option<char> {
    match of.entity_type().to_string().as_str() {
        "Tenant" | "DataKey" => Some('/'),
        "DataClass" => Some('.'),
        _ => None,
    }
}

/// Is one certainly the other, or below it?
pub(super) fn is(inner: &EntityUID, outer: &EntityUID) -> bool {
    if inner == outer {
        return true;
    }
    let (Some(separator), true) = (separator(inner), inner.entity_type() == outer.entity_type()) else {
        return false;
    };
    let (inner, outer): (&str, &str) = (inner.eid().as_ref(), outer.eid().as_ref());
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(separator))
}

/// Could one be the other, or below it? Where both are paths of one kind their names say; else it could.
pub(super) fn could_be(inner: &EntityUID, outer: &EntityUID) -> bool {
    is(inner, outer) || separator(inner).is_none() || inner.entity_type() != outer.entity_type()
}

/// Could something be below both? A caller has one tenant and data one DataKey, each with those around it. A resource may
/// carry many classes.
pub(super) fn are_on_one_path(a: &EntityUID, b: &EntityUID) -> bool {
    let one_path = separator(a) == Some('/') && a.entity_type() == b.entity_type();
    !one_path || is(a, b) || is(b, a)
}

/// The entities around one, itself first, as far as its name tells.
pub(super) fn and_around(uid: &EntityUID) -> Vec<EntityUID> {
    let mut all = vec![uid.clone()];
    let Some(separator) = separator(uid) else { return all };
    let mut name: &str = uid.eid().as_ref();
    while let Some((outer, _)) = name.rsplit_once(separator) {
        let eid = cedar_policy_core::ast::Eid::new(outer);
        all.push(EntityUID::from_components(uid.entity_type().clone(), eid, None));
        name = outer;
    }
    all
}
