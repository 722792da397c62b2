//! Which place where the app runs a tenant's requests go to.
//!
//! Never: says whether there is such a place; that is known where the configuration is.

use crate::limits;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;

use super::word;

/// The index of a name among those that were said before, or as the newest of them.
pub(super) fn read(reader: &mut Reader, node: &Node, named: &mut Vec<(Box<str>, Place)>) -> Option<u16> {
    let name = word(reader, node, "the name of an upstream")?;
    let at = named.iter().position(|(known, _)| *known == name).unwrap_or(named.len());
    if at == limits::UPSTREAMS_MAX {
        let message = format!("more than {} upstreams are named", limits::UPSTREAMS_MAX);
        reader.error("too-many", node.at, message);
        return None;
    }
    if at == named.len() {
        named.push((name, reader.place(node.at)));
    }
    u16::try_from(at).ok()
}
