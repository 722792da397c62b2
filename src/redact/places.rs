//! Where something stands in the shape that may be read in several ways: what is hidden in one reading is hidden.
//!
//! Never: forgets a reading, or looks at a value.

use crate::redact::automaton::DEAD;
use crate::redact::automaton::State;
use crate::redact::automaton::StateIx;
use crate::redact::plan::Act;
use crate::redact::plan::Counts;
use crate::redact::plan::Document;
use crate::redact::plan::Plan;

/// The states of all readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    states: Vec<StateIx>,
}

impl Places {
    /// The document.
    pub(super) fn document(plan: &Plan) -> Self {
        let mut places = Self::default();
        places.add(plan, plan.shape.start);
        places
    }

    /// How many readings there are.
    pub(super) const fn len(&self) -> usize {
        self.states.len()
    }

    /// The members of any of these names, of an object that stands here.
    pub(super) fn members(&self, plan: &Plan, names: &[&str]) -> Self {
        let mut places = Self::default();
        for state in &self.states {
            let object = plan.shape.state(*state).inside;
            for name in names {
                places.add(plan, plan.shape.member(object, name.as_bytes()));
            }
        }
        places
    }

    /// The items of an array that stands here, and the value itself.
    pub(super) fn items(&self, plan: &Plan) -> Self {
        let mut places = Self::default();
        for state in &self.states {
            places.add(plan, plan.shape.state(*state).item);
        }
        places
    }

    /// The same, without those items that are only the value itself.
    pub(super) fn own_items(&self, plan: &Plan) -> Self {
        let mut places = Self::default();
        for state in &self.states {
            let item = plan.shape.state(*state).item;
            if item != *state {
                places.add(plan, item);
            }
        }
        places
    }

    /// Both.
    pub(super) fn or(mut self, other: &Self) -> Self {
        for state in &other.states {
            if !self.states.contains(state) {
                self.states.push(*state);
            }
        }
        self
    }

    /// Without what no class names, if there is any other reading.
    pub(super) fn described(mut self, plan: &Plan) -> Self {
        let rest = plan.shape.rest;
        if rest != DEAD && self.states.iter().any(|state| *state != rest) {
            self.states.retain(|state| *state != rest);
        }
        self
    }

    /// The act that hides most of an object that stands here, with the set of classes that it is for.
    pub(super) fn hidden(&self, plan: &Plan) -> Option<(u16, u16)> {
        plan.strongest(self.states.iter().map(|state| plan.shape.state(*state).object))
    }

    /// The act that hides most of a text that stands here, with the set of classes that it is for.
    pub(super) fn hidden_text(&self, plan: &Plan) -> Option<(u16, u16)> {
        plan.strongest(self.states.iter().map(|state| plan.shape.state(*state).scalar))
    }

    /// The same, but for a text that is read as the document that it holds.
    pub(super) fn hidden_whole(&self, plan: &Plan) -> Option<(u16, u16)> {
        let sets = self.states.iter().map(|state| plan.shape.state(*state).scalar);
        plan.strongest(sets.filter(|set| plan.act(plan.act_of(*set)).document == Document::No))
    }

    /// The same of an array.
    pub(super) fn hidden_array(&self, plan: &Plan) -> Option<(u16, u16)> {
        plan.strongest(self.states.iter().map(|state| plan.shape.state(*state).array))
    }

    /// Is a value that stands here a row?
    pub(super) fn are_rows(&self, plan: &Plan) -> bool {
        self.any_act(plan, |state| state.object, |act| act.row)
    }

    /// Are the items of an array that stands here rows, and the array itself is none?
    pub(super) fn are_lists_of_rows(&self, plan: &Plan) -> bool {
        let is_row = |set: u16| plan.act_of(set) != 0 && plan.act(plan.act_of(set)).row;
        let mut states = self.states.iter().map(|state| plan.shape.state(*state));
        states.any(|state| is_row(state.object) && !is_row(state.array))
    }

    /// Does a value that stands here say whose the row is?
    pub(super) fn is_owner(&self, plan: &Plan) -> bool {
        self.any_act(plan, |state| state.scalar, |act| act.owner)
    }

    /// Would an array that stands here say so?
    pub(super) fn is_owner_array(&self, plan: &Plan) -> bool {
        self.any_act(plan, |state| state.array, |act| act.owner)
    }

    /// Is a value that stands here a number of rows?
    pub(super) fn counts(&self, plan: &Plan) -> Counts {
        let scalar: fn(&State) -> u16 = |state| state.scalar;
        if self.any_act(plan, scalar, |act| act.counts == Counts::All) {
            Counts::All
        } else if self.any_act(plan, scalar, |act| act.counts == Counts::These) {
            Counts::These
        } else {
            Counts::No
        }
    }

    /// Is a text that stands here said to hold a document?
    pub(super) fn reads(&self, plan: &Plan) -> bool {
        self.any_act(plan, |state| state.scalar, |act| act.document != Document::No)
    }

    fn any_act(&self, plan: &Plan, set: fn(&State) -> u16, is: fn(&Act) -> bool) -> bool {
        let is_so = |state: &StateIx| match plan.act_of(set(&plan.shape.state(*state))) {
            0 => false,
            number => is(plan.act(number)),
        };
        self.states.iter().any(is_so)
    }

    /// The state of each reading, or the one in which nothing is said where there is none.
    pub(super) fn states(&self) -> &[StateIx] {
        if self.states.is_empty() { &[DEAD] } else { &self.states }
    }

    fn add(&mut self, plan: &Plan, state: StateIx) {
        // What is described and shown tells that a value is not what no class names.
        let is_useful =
            state != DEAD && (plan.shape.rest != DEAD || plan.act_of(plan.shape.state(state).below) != 0);
        if is_useful && !self.states.contains(&state) {
            self.states.push(state);
        }
    }
}

/// Counts a hidden value.
pub(super) fn count(counts: &mut Vec<u64>, plan: &Plan, set: u16) {
    if counts.is_empty() {
        counts.resize(plan.shape.sets.len(), 0);
    }
    if let Some(count) = counts.get_mut(usize::from(set)) {
        *count += 1;
    }
}
