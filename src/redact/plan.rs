//! What one caller may not see in one body. Fixed before the first byte of the body is looked at.
//!
//! Never: changes after it is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::Digest;
use crate::redact::automaton::Shape;
use crate::redact::key::PseudonymKey;
use crate::redact::mask;
use crate::redact::mask::Made;
use crate::redact::mask::Mask;
use crate::redact::shape::ClassIx;

/// How a hidden value is replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Drop,
    /// These bytes, which are JSON.
    Text(Vec<u8>),
    /// What is nothing in the value's own type.
    Typed,
    /// What is made from the value.
    Made(Made),
}

/// What one caller may not see in one body.
#[derive(Debug)]
pub struct Plan {
    pub(super) shape: Arc<Shape>,
    hidden: BTreeMap<ClassIx, Mask>,
    /// For each set of classes of the shape, one more than the place of its rule; 0 where none of them is hidden.
    rule_of_set: Box<[u16]>,
    rules: Vec<Rule>,
    /// May a member have to be dropped?
    pub(super) drops: bool,
    pub(super) key: Option<PseudonymKey>,
    tag: [u8; 8],
}

impl Plan {
    /// Fixes which classes of a shape are hidden, and by what. Where a value is of several hidden classes, the mask
    /// that hides most wins. Without a key, pseudonyms become the fixed text.
    #[must_use]
    pub fn new(
        shape: &Arc<Shape>,
        hidden: impl IntoIterator<Item = (ClassIx, Mask)>,
        key: Option<PseudonymKey>,
    ) -> Self {
        let mut masks: BTreeMap<ClassIx, Mask> = BTreeMap::new();
        for (class, mask) in hidden {
            if shape.classes().binary_search(&class).is_ok() {
                let known = masks.entry(class).or_insert_with(|| mask.clone());
                if mask > *known {
                    *known = mask;
                }
            }
        }
        let mut rules = Vec::new();
        let mut number = |class: ClassIx, mask: &Mask| {
            let rule = match mask {
                Mask::Drop => Rule::Drop,
                Mask::Null => Rule::Text(b"null".to_vec()),
                Mask::Fixed(text) => Rule::Text(mask::quoted(text)),
                Mask::Typed => Rule::Typed,
                Mask::Pseudonym | Mask::Format if key.is_none() => Rule::Text(mask::quoted(mask::REDACTED)),
                Mask::Format => Rule::Made(Made::Format(shape.name(class))),
                Mask::Pseudonym => Rule::Made(Made::Pseudonym(shape.name(class))),
                Mask::KeepFirst(count) => Rule::Made(Made::KeepFirst(*count)),
                Mask::KeepLast(count) => Rule::Made(Made::KeepLast(*count)),
                Mask::Year => Rule::Made(Made::Year),
                Mask::Bucket(width) => Rule::Made(Made::Bucket(*width)),
                Mask::Prefix(count) => Rule::Made(Made::Prefix(*count)),
                Mask::Network => Rule::Made(Made::Network),
            };
            let at = rules.iter().position(|known| *known == rule).unwrap_or_else(|| {
                rules.push(rule);
                rules.len() - 1
            });
            u16::try_from(at + 1).unwrap_or(1)
        };
        let mut rule_of_set = Vec::with_capacity(shape.sets.len());
        for set in &shape.sets {
            let here = masks.iter().filter(|(class, _)| set.contains(**class));
            // Of two classes with the same mask the first lends its name, whatever order they were given in.
            let most = here.reduce(|most, next| if next.1 > most.1 { next } else { most });
            rule_of_set.push(most.map_or(0, |(class, mask)| number(*class, mask)));
        }
        let drops = masks.values().any(|mask| *mask == Mask::Drop);
        let (shape, rule_of_set) = (Arc::clone(shape), rule_of_set.into());
        let mut plan = Self { shape, hidden: masks, rule_of_set, rules, drops, key, tag: [0; 8] };
        plan.tag = plan.name_view();
        plan
    }

    /// The plan for bodies in which nothing is classified, and for those that Palisade itself makes.
    #[must_use]
    pub fn nothing() -> Self {
        Self::new(&Arc::new(Shape::empty()), [], None)
    }

    /// May the caller see everything? Then bodies pass as they are, and are not even parsed.
    #[must_use]
    pub fn hides_nothing(&self) -> bool {
        self.hidden.is_empty()
    }

    /// The hidden classes that a body of this shape may carry, with their masks.
    pub fn hidden(&self) -> impl Iterator<Item = (ClassIx, &Mask)> {
        self.hidden.iter().map(|(class, mask)| (*class, mask))
    }

    /// A name of the view that this plan gives: two plans with the same tag turn any body into the same bytes.
    /// For entity tags.
    #[must_use]
    pub const fn tag(&self) -> [u8; 8] {
        self.tag
    }

    fn name_view(&self) -> [u8; 8] {
        let mut text = String::new();
        for (class, mask) in &self.hidden {
            text.push_str(&format!("{}={mask}\n{}\n", class.0, self.shape.name(*class)));
        }
        let key = self.key.as_ref().map_or([0; 16], |key| key.sign("", b"palisade view"));
        let digest = Digest::of_parts([&self.shape.digest().as_bytes()[..], text.as_bytes(), &key]);
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Is one of the classes of this set hidden? The number of its rule, or 0.
    #[inline]
    pub(super) fn hides(&self, set: u16) -> u16 {
        // A set that is not there hides: it cannot happen, and must not leak if it does.
        self.rule_of_set.get(usize::from(set)).copied().unwrap_or(u16::MAX)
    }

    /// Of these sets the one that hides most, with the number of its rule; nothing where none of them hides.
    pub(super) fn strongest(&self, sets: impl Iterator<Item = u16>) -> Option<(u16, u16)> {
        let mask = |set: u16| {
            // A set that is not there hides.
            let classes = self.shape.sets.get(usize::from(set));
            let masks = classes.map(|classes| self.hidden().filter(|(class, _)| classes.contains(*class)));
            masks.map_or(Some(&Mask::Drop), |masks| masks.map(|(_, mask)| mask).max())
        };
        let hiding = sets.map(|set| (self.hides(set), set)).filter(|(rule, _)| *rule != 0);
        hiding.reduce(|most, next| if mask(next.1) > mask(most.1) { next } else { most })
    }

    /// The rule of that number.
    pub(super) fn rule(&self, number: u16) -> &Rule {
        usize::from(number).checked_sub(1).and_then(|at| self.rules.get(at)).unwrap_or(&Rule::Drop)
    }
}

/// How many values were hidden, by class.
#[derive(Debug, Default)]
pub struct Hidden {
    counts: Vec<(ClassIx, Mask, u64)>,
}

impl Hidden {
    /// Sums up, from how often a value of each set of classes was hidden.
    pub(super) fn new(plan: &Plan, by_set: &[u64]) -> Self {
        let mut counts = Vec::new();
        for (class, mask) in plan.hidden() {
            let with = plan.shape.sets.iter().zip(by_set).filter(|(set, _)| set.contains(class));
            let count: u64 = with.map(|(_, count)| *count).sum();
            if count > 0 {
                counts.push((class, mask.clone(), count));
            }
        }
        Self { counts }
    }

    /// One more value of a class was hidden.
    pub fn add(&mut self, class: ClassIx, mask: &Mask) {
        match self.counts.iter_mut().find(|(known, by, _)| *known == class && by == mask) {
            Some((_, _, count)) => *count += 1,
            None => self.counts.push((class, mask.clone(), 1)),
        }
    }

    /// The classes of which a value was hidden, the mask that the plan has for each, and how many values.
    /// A value of several hidden classes counts for each; only the mask that hides most was applied to it.
    pub fn iter(&self) -> impl Iterator<Item = (ClassIx, &Mask, u64)> {
        self.counts.iter().map(|(class, mask, count)| (*class, mask, *count))
    }

    /// The classes of which a value was hidden, and how many values.
    pub fn counts(&self) -> impl Iterator<Item = (ClassIx, u64)> {
        self.counts.iter().map(|(class, _, count)| (*class, *count))
    }

    /// Was nothing hidden?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
