//! What is put on record of a decision that would have been another one by policies that are only looked at.
//!
//! It names the decision that was made, and says what differs; the rest stands in that decision's own record.
//! Never: stands for a decision. Its type is its own, and its mode is `shadow`.

use crate::audit::line::Key;
use crate::audit::line::Line;
use crate::audit::line::key;
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
    /// Appends the record to `line`: one JSON object and a line feed.
    pub fn encode(&self, line: &mut Vec<u8>) {
        let mut line = Line::open(line, "shadow");
        line.id(self.decision_id);
        line.time(key!("time"), self.time_ms);
        line.word(key!("mode"), "shadow");
        line.word(key!("origin"), self.origin);
        ids(&mut line, key!("directions"), self.directions);
        line.text(key!("tenant"), self.tenant);
        line.maybe_text(key!("caller"), self.caller);
        line.word(key!("action"), self.action.as_str());
        line.text(key!("resource"), self.resource);
        line.digest(key!("snapshot"), self.snapshot);
        line.number(key!("generation"), self.generation);
        line.digest(key!("candidate"), self.candidate);
        line.object(key!("enforced"), |line| self.enforced.encode(line));
        line.object(key!("shadow"), |line| self.shadow.encode(line));
        line.list(key!("classes"), limits::CLASSES_MAX, self.classes, |line, class| {
            line.object_value(|line| {
                line.text(key!("class"), class.class);
                line.text(key!("enforced"), class.enforced);
                line.text(key!("shadow"), class.shadow);
            });
        });
        ids(&mut line, key!("policies"), self.policies);
        line.close();
    }
}

impl Side<'_> {
    fn encode(&self, line: &mut Line<'_>) {
        line.word(key!("decision"), if self.code == "allowed" { "allow" } else { "deny" });
        if self.code != "allowed" {
            line.text(key!("code"), self.code);
        }
        line.maybe_text(key!("pathway"), self.pathway);
        ids(line, key!("reasons"), self.reasons);
        ids(line, key!("errors"), self.errors);
    }
}

fn ids(line: &mut Line<'_>, key: &'static Key, all: &[&str]) {
    line.list(key, limits::RECORD_REASONS_MAX, all, |line, id| line.text_value(key.name, id.as_bytes()));
}
