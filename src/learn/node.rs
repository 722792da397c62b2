//! The tree of paths, and what is counted at each.
//!
//! INVARIANT: of values it has counts and nothing else (`learn::tests::laws::nothing_of_a_value_is_kept_or_told`).
//! Never: grows beyond its bounds. What there is no room for is counted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::learn::Over;
use crate::learn::concepts::Concept;
use crate::learn::names;
use crate::learn::words::speaks;
use crate::limits;
use crate::redact::detect::Detectors;
use crate::redact::detect::Kind;

/// How many values there were of each type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Types {
    /// `null`, and empty texts of tables and forms.
    pub null: u64,
    /// `true` and `false`.
    pub boolean: u64,
    /// Numbers.
    pub number: u64,
    /// Texts.
    pub string: u64,
    /// Objects.
    pub object: u64,
    /// Arrays.
    pub array: u64,
}

impl Types {
    /// Texts and numbers: what detectors look at.
    #[must_use]
    pub const fn scalars(&self) -> u64 {
        self.number.saturating_add(self.string)
    }

    const fn each(&self) -> [u64; 6] {
        [self.null, self.boolean, self.number, self.string, self.object, self.array]
    }

    fn all(&self) -> u64 {
        self.each().into_iter().fold(0, u64::saturating_add)
    }

    fn add(&mut self, other: &Self) {
        let [null, boolean, number, string, object, array] = other.each();
        add(&mut self.null, null);
        add(&mut self.boolean, boolean);
        add(&mut self.number, number);
        add(&mut self.string, string);
        add(&mut self.object, object);
        add(&mut self.array, array);
    }
}

/// In how many values something was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Values in which it was found.
    pub values: u64,
    /// Of them, those that are nothing else.
    pub whole: u64,
}

/// The values at one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// How many bodies have a value here.
    pub bodies: u64,
    /// How many values there were, by type.
    pub types: Types,
    /// What detectors found.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub found: BTreeMap<Concept, Found>,
    /// Of members of any key, how many values had a key that speaks of this.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spoken: BTreeMap<Concept, u64>,
    /// Texts that hold a JSON document. What it holds is counted as if it stood here.
    #[serde(skip_serializing_if = "is_zero")]
    pub documents: u64,
    /// The members that have names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<Box<str>, Node>,
    /// All other members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<Box<Node>>,
    /// The items of arrays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Node>>,
    /// Are there too many keys to tell them apart? Then there are no named members.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_wide: bool,
    /// The body that was counted last.
    #[serde(skip)]
    last: u64,
}

/// Sums of what was read back may be larger than any count.
pub(super) const fn add(to: &mut u64, more: u64) {
    *to = to.saturating_add(more);
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// One body being looked at.
pub(super) struct Look {
    body: u64,
    key_bodies_min: u64,
    /// Paths that there is room for.
    room: usize,
    pub(super) over: Over,
    /// How deep the value stands that is looked at.
    pub(super) depth: usize,
    /// Within how many texts.
    pub(super) nested: u8,
    detectors: Detectors,
    findings: Vec<crate::redact::detect::Found>,
}

impl Look {
    pub(super) fn new(body: u64, key_bodies_min: u64, room: usize, over: Over) -> Self {
        let detectors = Detectors::new(Kind::ALL.into_iter().collect());
        Self { body, key_bodies_min, room, over, depth: 0, nested: 0, detectors, findings: Vec::new() }
    }

    /// Is there room for one more path? Then it is taken.
    const fn take(&mut self) -> bool {
        let has = self.room > 0;
        if has {
            self.room -= 1;
        } else {
            self.over.paths += 1;
        }
        has
    }
}

/// Fewest keys that come once and again, and are told to be no names by that.
const PASSING_MIN: usize = 16;
/// Fewest members that are told to be no names because all are alike.
const ALIKE_MIN: u64 = 12;
/// Fewest members that are told to be no names because all are alike and most are missing from most objects.
const SPARSE_MIN: u64 = 6;

impl Node {
    /// How many paths there are from here on.
    #[must_use]
    pub fn count(&self) -> usize {
        let below = self.any.iter().chain(&self.items).map(|node| node.count()).sum::<usize>();
        1 + below + self.members.values().map(Self::count).sum::<usize>()
    }

    /// How many values there are here, `null` among them.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.types.all()
    }

    /// Are all members named by what is spelt like a name, and is nothing too deep?
    pub(super) fn is_sound(&self, depth: usize) -> bool {
        let named = |key: &str| names::is_name(key) || names::is_heading(key);
        depth <= limits::LEARNED_DEPTH_MAX + 1
            && self.members.len() <= limits::LEARNED_PATHS_MAX
            && self.members.iter().all(|(key, node)| named(key) && node.is_sound(depth + 1))
            && self.any.iter().chain(&self.items).all(|node| node.is_sound(depth + 1))
    }

    /// Can all counts be such?
    pub(super) fn is_counted(&self) -> bool {
        self.counts().all(|count| count <= limits::LEARNED_COUNT_MAX)
            && self.found.values().all(|found| found.whole <= found.values)
            && self.any.iter().chain(&self.items).all(|node| node.is_counted())
            && self.members.values().all(Self::is_counted)
    }

    fn counts(&self) -> impl Iterator<Item = u64> {
        let found = self.found.values().map(|found| found.values);
        let own = self.types.each().into_iter().chain([self.bodies, self.documents]);
        own.chain(found).chain(self.spoken.values().copied())
    }

    /// Counts that this body has a value here.
    pub(super) const fn enter(&mut self, look: &Look) {
        if self.last != look.body {
            self.last = look.body;
            add(&mut self.bodies, 1);
        }
    }

    /// The node of the items of an array here.
    pub(super) fn items(&mut self, look: &mut Look) -> Option<&mut Self> {
        if self.items.is_none() && !look.take() {
            return None;
        }
        Some(self.items.get_or_insert_default())
    }

    /// The node of a member. Only what `is_name` says is a name is kept as one.
    pub(super) fn member(&mut self, key: &str, is_name: bool, look: &mut Look) -> Option<&mut Self> {
        if is_name && !self.is_wide && !self.members.contains_key(key) {
            if self.has_many_keys(look) {
                look.over.keys += 1;
                self.widen();
            } else if !look.take() {
                return None;
            } else {
                self.members.insert(key.into(), Self::default());
            }
        }
        if is_name && !self.is_wide {
            return self.members.get_mut(key);
        }
        if self.any.is_none() && !look.take() {
            return None;
        }
        let any = self.any.get_or_insert_default();
        if let Some(concept) = speaks(key) {
            add(any.spoken.entry(concept).or_default(), 1);
        }
        Some(any)
    }

    /// Are there more keys than an object's fields have names, or do most of them come and go?
    fn has_many_keys(&self, look: &Look) -> bool {
        if self.members.len() >= limits::LEARNED_KEYS_MAX {
            return true;
        }
        let min = look.key_bodies_min;
        let passing = || self.members.values().filter(|node| node.bodies < min).count();
        min > 1
            && self.members.len() >= PASSING_MIN
            && self.bodies >= 2 * min
            && passing() >= PASSING_MIN
            && passing() * 2 > self.members.len()
    }

    fn widen(&mut self) {
        self.is_wide = true;
        let members = std::mem::take(&mut self.members);
        let any = self.any.get_or_insert_default();
        for (key, node) in members {
            any.absorb(&key, node);
        }
    }

    /// Adds what is known of a member of this key.
    fn absorb(&mut self, key: &str, node: Self) {
        if let Some(concept) = speaks(key) {
            add(self.spoken.entry(concept).or_default(), node.values());
        }
        self.merge(node);
    }

    fn merge(&mut self, other: Self) {
        // Which bodies both have is not known: the larger number is true of both together.
        self.bodies = self.bodies.max(other.bodies);
        self.last = self.last.max(other.last);
        self.types.add(&other.types);
        for (concept, found) in other.found {
            let mine = self.found.entry(concept).or_default();
            add(&mut mine.values, found.values);
            add(&mut mine.whole, found.whole);
        }
        for (concept, count) in other.spoken {
            add(self.spoken.entry(concept).or_default(), count);
        }
        add(&mut self.documents, other.documents);
        if let Some(items) = other.items {
            self.items.get_or_insert_default().merge(*items);
        }
        if other.is_wide && !self.is_wide {
            self.widen();
        }
        if let Some(any) = other.any {
            self.any.get_or_insert_default().merge(*any);
        }
        for (key, node) in other.members {
            if self.is_wide {
                self.any.get_or_insert_default().absorb(&key, node);
            } else {
                self.members.entry(key).or_default().merge(node);
            }
        }
    }

    /// The tree without the keys that fewer bodies have than that, which are added to `untold`, and without those of
    /// members that are all alike, which are keys of a map and not names.
    pub(super) fn told(&self, key_bodies_min: u64, untold: &mut u64) -> Self {
        let mut told = Self { members: BTreeMap::new(), any: None, items: None, ..self.clone_counts() };
        for (key, node) in &self.members {
            if node.bodies < key_bodies_min {
                *untold += 1;
            } else {
                told.members.insert(key.clone(), node.told(key_bodies_min, untold));
            }
        }
        told.any = self.any.as_ref().map(|any| Box::new(any.told(key_bodies_min, untold)));
        told.items = self.items.as_ref().map(|items| Box::new(items.told(key_bodies_min, untold)));
        if told.is_map() {
            told.widen();
        }
        told
    }

    fn clone_counts(&self) -> Self {
        Self {
            bodies: self.bodies,
            types: self.types,
            found: self.found.clone(),
            spoken: self.spoken.clone(),
            documents: self.documents,
            is_wide: self.is_wide,
            ..Self::default()
        }
    }

    /// Are the members so many objects of one kind? Then their keys tell them apart, and are no names. Of fewer, and of
    /// texts or numbers, it is so where most of them are missing from most objects.
    fn is_map(&self) -> bool {
        let (count, objects) = (self.members.len() as u64, self.types.object);
        let values = self.members.values().map(Self::values).fold(0, u64::saturating_add);
        let is_sparse = count >= SPARSE_MIN && values.saturating_mul(2) < count.saturating_mul(objects);
        let is_of = |of: fn(&Types) -> u64| {
            self.members.values().all(|node| of(&node.types) > 0 && of(&node.types) == node.values())
        };
        if is_sparse && (is_of(|types| types.number) || is_of(|types| types.string)) {
            return true;
        }
        if !is_sparse && count < ALIKE_MIN {
            return false;
        }
        let mut every: BTreeMap<&str, usize> = BTreeMap::new();
        for key in self.members.values().flat_map(|node| node.members.keys()) {
            *every.entry(key).or_default() += 1;
        }
        let fewest = self.members.values().map(|node| node.members.len()).min().unwrap_or_default();
        fewest > 0 && fewest * 2 >= every.len() && is_of(|types| types.object)
    }

    /// Counts a text, and what detectors find in it below this key.
    pub(super) fn text(&mut self, text: &str, key: &str, look: &mut Look) {
        add(&mut self.types.string, 1);
        self.find(text, key, look);
    }

    /// Counts a number; a long one is looked at like a text.
    pub(super) fn number(&mut self, text: Option<&str>, key: &str, look: &mut Look) {
        add(&mut self.types.number, 1);
        if let Some(text) = text.filter(|text| text.len() >= NUMBER_DIGITS_MIN) {
            self.find(text, key, look);
        }
    }

    fn find(&mut self, text: &str, key: &str, look: &mut Look) {
        let text = if text.len() > limits::MASKED_VALUE_BYTES_MAX {
            look.over.texts += 1;
            text.get(..text.floor_char_boundary(limits::MASKED_VALUE_BYTES_MAX)).unwrap_or_default()
        } else {
            text
        };
        look.findings.clear();
        look.detectors.find(text, key, &mut look.findings);
        let mut before: Vec<Concept> = Vec::new();
        for one in &look.findings {
            let concept = Concept::Found(one.kind);
            if before.contains(&concept) {
                continue;
            }
            before.push(concept);
            let around = [text.get(..one.from), text.get(one.to..)];
            let is_whole = around.into_iter().flatten().all(|rest| !rest.contains(char::is_alphanumeric));
            let found = self.found.entry(concept).or_default();
            add(&mut found.values, 1);
            add(&mut found.whole, u64::from(is_whole));
        }
    }
}

/// Fewest digits of a number that is looked at like a text.
const NUMBER_DIGITS_MIN: usize = 7;
