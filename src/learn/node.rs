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
        self.number + self.string
    }

    const fn all(&self) -> u64 {
        self.null + self.boolean + self.number + self.string + self.object + self.array
    }

    fn add(&mut self, other: &Self) {
        self.null += other.null;
        self.boolean += other.boolean;
        self.number += other.number;
        self.string += other.string;
        self.object += other.object;
        self.array += other.array;
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
const ALIKE_MIN: usize = 12;

impl Node {
    /// How many paths there are from here on.
    #[must_use]
    pub fn count(&self) -> usize {
        let below = self.any.iter().chain(&self.items).map(|node| node.count()).sum::<usize>();
        1 + below + self.members.values().map(Self::count).sum::<usize>()
    }

    /// How many values there are here, `null` among them.
    #[must_use]
    pub const fn values(&self) -> u64 {
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

    /// Counts that this body has a value here.
    pub(super) const fn enter(&mut self, look: &Look) {
        if self.last != look.body {
            self.last = look.body;
            self.bodies += 1;
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
            *any.spoken.entry(concept).or_default() += 1;
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
            *self.spoken.entry(concept).or_default() += node.values();
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
            mine.values += found.values;
            mine.whole += found.whole;
        }
        for (concept, count) in other.spoken {
            *self.spoken.entry(concept).or_default() += count;
        }
        self.documents += other.documents;
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

    /// Are the members so many objects of one kind? Then their keys tell them apart, and are no names.
    fn is_map(&self) -> bool {
        if self.members.len() < ALIKE_MIN {
            return false;
        }
        let mut every: BTreeMap<&str, usize> = BTreeMap::new();
        for key in self.members.values().flat_map(|node| node.members.keys()) {
            *every.entry(key).or_default() += 1;
        }
        let fewest = self.members.values().map(|node| node.members.len()).min().unwrap_or_default();
        let is_object = |node: &Self| node.types.object == node.values() && node.types.object > 0;
        fewest > 0 && fewest * 2 >= every.len() && self.members.values().all(is_object)
    }

    /// Counts a text, and what detectors find in it below this key.
    pub(super) fn text(&mut self, text: &str, key: &str, look: &mut Look) {
        self.types.string += 1;
        self.find(text, key, look);
    }

    /// Counts a number; a long one is looked at like a text.
    pub(super) fn number(&mut self, text: Option<&str>, key: &str, look: &mut Look) {
        self.types.number += 1;
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
            let concept = Concept::of(one.kind);
            if before.contains(&concept) {
                continue;
            }
            before.push(concept);
            let around = [text.get(..one.from), text.get(one.to..)];
            let is_whole = around.into_iter().flatten().all(|rest| !rest.contains(char::is_alphanumeric));
            let found = self.found.entry(concept).or_default();
            found.values += 1;
            found.whole += u64::from(is_whole);
        }
    }
}

/// Fewest digits of a number that is looked at like a text.
const NUMBER_DIGITS_MIN: usize = 7;
