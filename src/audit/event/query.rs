//! A reading of the decision log, as it is put on record.
//!
//! Never: holds what was read.

use crate::audit::entry::Pen;
use crate::audit::entry::key;
use crate::ids::Digest;

/// A reading of the decision log: who asked what of whose books, and how much came back.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The account of the machine that ran it.
    pub uid: u32,
    /// Who is said to have asked, `User` or `Service` and its id; nothing for whoever may read the log's files.
    pub principal: Option<(&'a str, &'a str)>,
    /// The principal's tenant.
    pub caller: Option<&'a str>,
    /// What it is said to be for.
    pub purpose: Option<&'a str>,
    /// `allow` or `deny`.
    pub decision: &'static str,
    /// The code of the refusal.
    pub code: Option<&'static str>,
    /// What was asked: SQL, or the verb.
    pub statement: &'a str,
    /// How many rows came back.
    pub rows: u64,
    /// The snapshot whose policies decided, where they were asked.
    pub snapshot: Option<&'a Digest>,
    /// The tenants in whose books was looked; none for all books.
    pub tenants: &'a [&'a str],
    /// What was claimed of the principal, as `flag=text`.
    pub claimed: &'a [&'a str],
    /// Ids of the policies that decided.
    pub reasons: &'a [&'a str],
}

impl Query<'_> {
    pub(super) fn encode(&self, pen: &mut Pen<'_>) {
        pen.number(key!("uid"), self.uid.into());
        if let Some((kind, id)) = self.principal {
            pen.object(key!("principal"), |pen| {
                pen.text(key!("type"), kind);
                pen.text(key!("id"), id);
                pen.maybe_text(key!("tenant"), self.caller);
            });
        }
        pen.maybe_text(key!("purpose"), self.purpose);
        pen.text(key!("decision"), self.decision);
        pen.maybe_text(key!("code"), self.code);
        pen.text(key!("statement"), self.statement);
        pen.number(key!("rows"), self.rows);
        if let Some(snapshot) = self.snapshot {
            pen.digest(key!("snapshot"), snapshot);
        }
        // Lists come last: each may be as long as the record has room.
        for (key, names) in [
            (key!("tenants"), self.tenants),
            (key!("claimed"), self.claimed),
            (key!("reasons"), self.reasons),
        ] {
            pen.list(key, usize::MAX, names, |pen, name| pen.text_value(name));
        }
    }
}
