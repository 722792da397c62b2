//! A use of `palisade reveal`, as it is put on record.
//!
//! Never: holds a value, masked or not, or a key.

use crate::audit::entry::Pen;
use crate::audit::entry::key;
use crate::ids::Digest;

/// A use of `palisade reveal`: who asked for what, what the policies said, and how much was turned back.
#[derive(Debug, Clone, Copy)]
pub struct Reveal<'a> {
    /// The account of the machine that ran it.
    pub uid: u32,
    /// What it claimed of the request, as `flag=text`: roles and all else that policies were asked with.
    pub claimed: &'a [&'a str],
    /// What the principal is said to be: `User` or `Service`.
    pub kind: &'static str,
    /// The principal's id.
    pub principal: &'a str,
    /// The principal's tenant.
    pub caller: Option<&'a str>,
    /// The tenant whose data it is; nothing where the request was refused before that was known.
    pub tenant: Option<&'a str>,
    /// The DataKey of the data.
    pub data_key: Option<&'a str>,
    /// The id of the route.
    pub resource: Option<&'a str>,
    /// What the data is for.
    pub purpose: Option<&'a str>,
    /// `allow` or `deny`.
    pub decision: &'static str,
    /// The code of the refusal, where what reads the data is refused.
    pub code: Option<&'static str>,
    /// Ids of the policies that decided.
    pub reasons: &'a [&'a str],
    /// Names of the classes that were asked about.
    pub classes: &'a [&'a str],
    /// How many values were given.
    pub values: u64,
    /// How many of them were turned back.
    pub turned_back: u64,
    /// Ids of the keys that turned them back, `-` for the one secret of all tenants.
    pub keys: &'a [&'a str],
    /// The snapshot that decided.
    pub snapshot: &'a Digest,
}

impl Reveal<'_> {
    pub(super) fn encode(&self, pen: &mut Pen<'_>) {
        pen.number(key!("uid"), self.uid.into());
        pen.object(key!("principal"), |pen| {
            pen.text(key!("type"), self.kind);
            pen.text(key!("id"), self.principal);
            pen.maybe_text(key!("tenant"), self.caller);
        });
        pen.maybe_text(key!("tenant"), self.tenant);
        pen.maybe_text(key!("data_key"), self.data_key);
        pen.maybe_text(key!("resource"), self.resource);
        pen.maybe_text(key!("purpose"), self.purpose);
        pen.text(key!("decision"), self.decision);
        pen.maybe_text(key!("code"), self.code);
        pen.number(key!("values"), self.values);
        pen.number(key!("turned_back"), self.turned_back);
        pen.digest(key!("snapshot"), self.snapshot);
        // Lists come last: each may be as long as the record has room.
        for (key, names) in [
            (key!("claimed"), self.claimed),
            (key!("reasons"), self.reasons),
            (key!("classes"), self.classes),
            (key!("keys"), self.keys),
        ] {
            pen.list(key, usize::MAX, names, |pen, name| pen.text_value(name));
        }
    }
}
