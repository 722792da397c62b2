//! What is put on record of a decision that would have been another one by policies that are only looked at.
//!
//! It names the decision that was made, and says what differs; the rest stands in that decision's own record.
//! Never: stands for a decision. Its type is its own, and its mode is `shadow`.

use crate::audit::entry::Kind;
use crate::audit::entry::Pen;
use crate::audit::entry::key;
use crate::ids::Action;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::limits;

/// A decision that would have been another one.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The decision that was made.
    pub decision_id: DecisionId,
    /// When it was looked at, in milliseconds since 1970.
    pub time_ms: u64,
    /// `candidate` or `mode`.
    pub origin: &'static str,
    /// In what it would have been another one.
    pub directions: &'a [&'static str],
    /// The tenant whose data is meant.
    pub tenant: &'a str,
    /// The caller's tenant.
    pub caller: Option<&'a str>,
    /// What was attempted.
    pub action: Action,
    /// The id of the route.
    pub resource: &'a str,
    /// The snapshot that decided.
    pub snapshot: &'a Digest,
    /// Its generation in this process.
    pub generation: u64,
    /// The digest of what was looked at.
    pub candidate: &'a Digest,
    /// What was decided.
    pub enforced: Side<'a>,
    /// What would have been.
    pub shadow: Side<'a>,
    /// The classes of data that would be seen otherwise.
    pub classes: &'a [Class<'a>],
    /// The policies that make the difference.
    pub policies: &'a [&'a str],
}

/// One of the two decisions.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// `allowed`, or the refusal's code.
    pub code: &'a str,
    /// The policies that decided.
    pub reasons: &'a [&'a str],
    /// The policies that could not be evaluated.
    pub errors: &'a [&'a str],
    /// The pathway by which data crosses tenants.
    pub pathway: Option<&'a str>,
}

/// A class of data that would be seen otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Class<'a> {
    /// Its name.
    pub class: &'a str,
    /// `shown`, or the kind of mask.
    pub enforced: &'a str,
    /// The same, as it would be.
    pub shadow: &'a str,
}

impl Beside<'_> {
    /// Appends the record to `out`: one frame of the log.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let book = self.caller.unwrap_or_default();
        let mut pen = Pen::open(out, Kind::Shadow, false, self.time_ms, book);
        pen.id(key!("decision_id"), self.decision_id);
        pen.text(key!("mode"), "shadow");
        pen.text(key!("origin"), self.origin);
        ids(&mut pen, key!("directions"), self.directions);
        pen.text(key!("tenant"), self.tenant);
        pen.maybe_text(key!("caller"), self.caller);
        pen.text(key!("action"), self.action.as_str());
        pen.text(key!("resource"), self.resource);
        pen.digest(key!("snapshot"), self.snapshot);
        pen.number(key!("generation"), self.generation);
        pen.digest(key!("candidate"), self.candidate);
        pen.object(key!("enforced"), |pen| self.enforced.encode(pen));
        pen.object(key!("shadow"), |pen| self.shadow.encode(pen));
        pen.list(key!("classes"), limits::CLASSES_MAX, self.classes, |pen, class| {
            pen.object_value(|pen| {
                pen.text(key!("class"), class.class);
                pen.text(key!("enforced"), class.enforced);
                pen.text(key!("shadow"), class.shadow);
            });
        });
        ids(&mut pen, key!("policies"), self.policies);
        pen.close();
    }
}

impl Side<'_> {
    fn encode(&self, pen: &mut Pen<'_>) {
        pen.text(key!("decision"), if self.code == "allowed" { "allow" } else { "deny" });
        if self.code != "allowed" {
            pen.text(key!("code"), self.code);
        }
        pen.maybe_text(key!("pathway"), self.pathway);
        ids(pen, key!("reasons"), self.reasons);
        ids(pen, key!("errors"), self.errors);
    }
}

fn ids(pen: &mut Pen<'_>, key: u8, all: &[&str]) {
    pen.list(key, limits::RECORD_REASONS_MAX, all, |pen, id| pen.text_value(id));
}
