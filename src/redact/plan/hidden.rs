//! What was hidden in one body, for records and metrics.
//!
//! Never: keeps a value.

use crate::redact::mask::Mask;
use crate::redact::plan::Plan;
use crate::redact::shape::ClassIx;

/// How many values were hidden, by class.
#[derive(Debug, Default)]
pub struct Hidden {
    /// The first few. Most bodies have no more, and need no memory of their own for them.
    few: [Option<Count>; 4],
    more: Vec<Count>,
    foreign: u64,
}

/// How many values of a class were hidden by a mask.
type Count = (ClassIx, Mask, u64);

impl Hidden {
    /// Sums up, from how often a value of each set of classes was hidden.
    pub(in crate::redact) fn new(plan: &Plan, by_set: &[u64], foreign: u64) -> Self {
        let mut all = Self { foreign, ..Self::default() };
        for (class, mask) in plan.hidden() {
            let with = plan.shape.sets.iter().zip(by_set).filter(|(set, _)| set.contains(class));
            let count: u64 = with.map(|(_, count)| *count).sum();
            if count > 0 {
                all.push((class, mask.clone(), count));
            }
        }
        all
    }

    /// How many rows were another owner's, and taken out.
    #[must_use]
    pub const fn foreign_rows(&self) -> u64 {
        self.foreign
    }

    /// One more value of a class was hidden.
    pub fn add(&mut self, class: ClassIx, mask: &Mask) {
        self.add_many(class, mask, 1);
    }

    /// What was hidden in one more message of the same direction.
    pub fn join(&mut self, other: &Self) {
        for (class, mask, count) in other.iter() {
            self.add_many(class, mask, count);
        }
        self.foreign = self.foreign.saturating_add(other.foreign);
    }

    fn add_many(&mut self, class: ClassIx, mask: &Mask, more: u64) {
        let mut all = self.few.iter_mut().flatten().chain(&mut self.more);
        match all.find(|(known, by, _)| *known == class && by == mask) {
            Some((_, _, count)) => *count = count.saturating_add(more),
            None => self.push((class, mask.clone(), more)),
        }
    }

    fn push(&mut self, count: Count) {
        match self.few.iter_mut().find(|few| few.is_none()) {
            Some(few) => *few = Some(count),
            None => self.more.push(count),
        }
    }

    /// The classes of which a value was hidden, the mask that the plan has for each, and how many values.
    /// A value of several hidden classes counts for each; only the mask that hides most was applied to it.
    pub fn iter(&self) -> impl Iterator<Item = (ClassIx, &Mask, u64)> {
        self.few.iter().flatten().chain(&self.more).map(|(class, mask, count)| (*class, mask, *count))
    }

    /// The classes of which a value was hidden, and how many values.
    pub fn counts(&self) -> impl Iterator<Item = (ClassIx, u64)> {
        self.iter().map(|(class, _, count)| (class, count))
    }

    /// Was nothing hidden, and no row taken out?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.few.iter().all(Option::is_none) && self.foreign == 0
    }
}
