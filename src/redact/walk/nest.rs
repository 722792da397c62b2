//! How values begin, and how those begin and end that hold others.
//!
//! Never: goes deeper than [`limits::JSON_DEPTH_MAX`].

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::walk::Frame;
use crate::redact::walk::Kind;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::Within;

/// What is known of a value before its first byte leaves.
pub(super) struct Known {
    /// What is done with it.
    pub(super) act: u16,
    /// Its classes.
    pub(super) set: u16,
    /// The state within it.
    pub(super) inner: StateIx,
}

impl Walk {
    /// A value begins: what happens to it is decided before its first byte can leave. The state within it.
    #[inline(always)]
    pub(super) fn enter(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        at: usize,
        first: u8,
    ) -> Result<StateIx, Malformed> {
        let Known { act, set, inner } = self.look_up(plan, first);
        self.begin(plan, (act, set), bytes, at)?;
        Ok(inner)
    }

    /// What is known of the next value, which begins with this byte.
    #[inline(always)]
    pub(super) fn look_up(&self, plan: &Plan, first: u8) -> Known {
        Self::known(plan, self.next, first)
    }

    /// What is known of a value at this state.
    #[inline(always)]
    pub(super) fn known(plan: &Plan, state: StateIx, first: u8) -> Known {
        // The dead state is most of all bodies, and asks no table.
        if state == DEAD {
            return Known { act: 0, set: 0, inner: DEAD };
        }
        let (set, inner) = plan.shape.state(state).of(first);
        // With the empty set, which is that of most values, nothing is done.
        Known { act: if set == 0 { 0 } else { plan.act_of(set) }, set, inner }
    }

    /// Begins what is done with the value at `at`, by its act and the classes that it has.
    #[inline(always)]
    pub(super) fn begin(
        &mut self,
        plan: &Plan,
        (act, set): (u16, u16),
        bytes: &[u8],
        at: usize,
    ) -> Result<(), Malformed> {
        if act != 0 || self.top.rows() {
            self.act(plan, act, set, bytes, at)?;
        } else if self.output.is_holding() {
            self.keep_member(bytes, at)?;
        }
        Ok(())
    }

    pub(super) fn keep_member(&mut self, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        if self.output.is_holding() {
            let is_first = !std::mem::replace(&mut self.top.kept, true);
            return self.output.keep(bytes, at, is_first).map_err(|why| self.too_much(why, at));
        }
        Ok(())
    }

    pub(super) fn open(
        &mut self,
        plan: &Plan,
        kind: Kind,
        state: StateIx,
        bytes: &[u8],
        at: usize,
    ) -> Result<usize, Malformed> {
        if self.around.len() >= limits::JSON_DEPTH_MAX {
            return Err(Malformed::TooDeep { at: self.position(at) });
        }
        // Within a hidden value only a row's owner is still looked for; and where nothing is below there is nothing to
        // look up.
        let is_hidden = self.hidden_at != NOWHERE;
        let here = plan.shape.state(state);
        let is_dead = state == DEAD || is_hidden && self.row.is_none() || plan.act_of(here.below) == 0;
        let state = if is_dead { DEAD } else { state };
        let mut within = Within::Little;
        if !is_dead {
            let of_others = if kind == Kind::Object { here.of_others } else { here.scalar };
            if kind == Kind::Array && !is_hidden && self.are_rows(plan, state) {
                within = Within::Rows;
            } else if of_others != 0 && plan.act_of(of_others) != 0 {
                within = Within::Each;
            }
        }
        let rows = within == Within::Rows;
        let holds = kind == Kind::Object && !is_dead && !is_hidden && plan.drops;
        self.around.push(std::mem::replace(&mut self.top, Frame { kind, state, within, holds, kept: false }));
        if kind == Kind::Object {
            self.place = Place::FirstKey;
            if holds {
                self.output.hold(at + 1, false);
            }
        } else {
            self.place = Place::FirstItem;
            self.next = state;
            if rows {
                self.output.pend(bytes, at + 1);
            }
        }
        Ok(at + 1)
    }

    pub(super) fn close(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        at: usize,
        kind: Kind,
    ) -> Result<usize, Malformed> {
        match self.around.pop() {
            Some(outer) if self.top.kind == kind => {
                // An object without any member, or an array without any row, holds the bytes since its bracket.
                self.keep_member(bytes, at)?;
                if self.top.rows() && matches!(self.place, Place::FirstItem) {
                    self.output.keep_row(bytes, at, false).map_err(|why| self.too_much(why, at))?;
                }
                self.top = outer;
                self.value_end(plan, bytes, at + 1)?;
                Ok(at + 1)
            }
            Some(_) | None => Err(self.not_json(at)),
        }
    }
}
