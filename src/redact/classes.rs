//! Sets of data classes, with what else is to be looked at where they stand; each kept once and named by a number.
//!
//! Never: forgets a class that does not fit. Too many is an error.

use std::collections::HashMap;

use crate::limits;
use crate::redact::shape::ClassIx;
use crate::redact::shape::TooLarge;

const WORDS: usize = limits::CLASSES_MAX / 64;

/// What is to be looked at in a value, whatever its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A string here holds a JSON document, which is read as if it stood here itself.
    Json = 1,
    /// A row of the leak guard.
    Row = 2,
    /// What says whose a row is.
    Owner = 4,
    /// A number of rows, which is corrected where some are taken out.
    Count = 8,
    /// A number of rows that cannot be corrected: where it stands none may be taken out.
    Total = 16,
    /// Where it is hidden, the fixed text stands in its place.
    Kept = 32,
    /// A row that may become `null`, and is none where it is.
    Nullable = 64,
}

/// A set of classes, and of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct ClassSet {
    words: [u64; WORDS],
    marks: u8,
}

impl ClassSet {
    /// This set with one more class.
    pub(super) fn with(mut self, class: ClassIx) -> Result<Self, TooLarge> {
        let (word, bit) = (usize::from(class.0) / 64, class.0 % 64);
        let word = self.words.get_mut(word).ok_or(TooLarge { what: "classes", max: limits::CLASSES_MAX })?;
        *word |= 1 << bit;
        Ok(self)
    }

    pub(super) fn union(mut self, other: Self) -> Self {
        for (mine, theirs) in self.words.iter_mut().zip(other.words) {
            *mine |= theirs;
        }
        self.marks |= other.marks;
        self
    }

    /// This set with these marks, each a bit.
    pub(super) const fn marked(mut self, marks: u8) -> Self {
        self.marks |= marks;
        self
    }

    pub(super) const fn has(&self, mark: Mark) -> bool {
        self.marks & mark as u8 != 0
    }

    /// Is this class the only one in it?
    pub(super) fn is_only(&self, class: ClassIx) -> bool {
        Self::default().with(class).is_ok_and(|only| only.words == self.words)
    }

    /// Is no class in it?
    pub(super) fn is_unclassified(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(super) fn contains(&self, class: ClassIx) -> bool {
        self.words.get(usize::from(class.0) / 64).is_some_and(|word| word >> (class.0 % 64) & 1 == 1)
    }

    /// The classes, ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = ClassIx> {
        (0..u16::MAX).take(limits::CLASSES_MAX).map(ClassIx).filter(move |class| self.contains(*class))
    }

    pub(super) fn to_bytes(self) -> impl Iterator<Item = u8> {
        self.words.into_iter().flat_map(u64::to_be_bytes).chain([self.marks])
    }
}

/// All sets of one shape. Number 0 is the empty one.
#[derive(Debug)]
pub(super) struct Sets {
    all: Vec<ClassSet>,
    ids: HashMap<ClassSet, u16>,
}

impl Default for Sets {
    fn default() -> Self {
        Self { all: vec![ClassSet::default()], ids: HashMap::from([(ClassSet::default(), 0)]) }
    }
}

impl Sets {
    /// The number of a set.
    pub(super) fn intern(&mut self, set: ClassSet) -> Result<u16, TooLarge> {
        if let Some(known) = self.ids.get(&set) {
            return Ok(*known);
        }
        let max = usize::from(u16::MAX);
        let id = u16::try_from(self.all.len()).map_err(|_| TooLarge { what: "sets of classes", max })?;
        self.all.push(set);
        self.ids.insert(set, id);
        Ok(id)
    }

    pub(super) fn get(&self, id: u16) -> ClassSet {
        self.all.get(usize::from(id)).copied().unwrap_or_default()
    }

    pub(super) fn into_all(self) -> Box<[ClassSet]> {
        self.all.into()
    }
}
