//! What differs in the text of policies, by id and by part.

use std::collections::BTreeMap;

use crate::policy::Source;
use crate::policy::written::Written;
use crate::policy::written::written;

/// A part of a policy in which two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// `permit` or `forbid`.
    Effect,
    /// Who, what or which data.
    Scope,
    /// `when` and `unless`.
    Condition,
    /// Any annotation but `@id`.
    Annotation,
    /// The tenant's folder that it stands in: what the loader confines it to.
    Folder,
}

impl Part {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Scope => "scope",
            Self::Condition => "condition",
            Self::Annotation => "annotation",
            Self::Folder => "folder",
        }
    }
}

/// A policy that is not the same in both.
#[derive(Debug, Clone)]
pub enum Change {
    /// Only the newer one has it.
    Added(Written),
    /// Only the older one has it.
    Removed(Written),
    /// Both have it, and it differs in these parts.
    Changed(Box<Written>, Box<Written>, Vec<Part>),
}

impl Change {
    /// The policy's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Added(one) | Self::Removed(one) => &one.id,
            Self::Changed(_, one, _) => &one.id,
        }
    }
}

/// Every policy that is not the same, in the order of ids. Layout, comments and the file's name are no difference.
#[must_use]
pub fn changes(old: &[Source], new: &[Source]) -> Vec<Change> {
    let mut before: BTreeMap<String, Written> =
        written(old).into_iter().map(|one| (one.id.clone(), one)).collect();
    let mut found: BTreeMap<String, Change> = BTreeMap::new();
    for one in written(new) {
        let id = one.id.clone();
        match before.remove(&id) {
            None => drop(found.insert(id, Change::Added(one))),
            Some(was) => {
                let parts = parts(&was, &one);
                if !parts.is_empty() {
                    found.insert(id, Change::Changed(Box::new(was), Box::new(one), parts));
                }
            }
        }
    }
    found.extend(before.into_iter().map(|(id, was)| (id, Change::Removed(was))));
    found.into_values().collect()
}

fn parts(old: &Written, new: &Written) -> Vec<Part> {
    let all = [
        (Part::Effect, old.effect != new.effect),
        (Part::Scope, old.scope != new.scope),
        (Part::Condition, old.condition != new.condition),
        (Part::Annotation, old.annotations != new.annotations),
        (Part::Folder, old.confined_to != new.confined_to),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}
