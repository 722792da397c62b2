//! The tree of data classes: which kinds of data there are, how sensitive each is, and what hides it.
//!
//! Never: invents a level. A class that names none has its parent's; a class at the top must name one.

use std::collections::BTreeMap;

use crate::ids::ClassName;
use crate::limits;
use crate::model::forest;
use crate::model::forest::Entry;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::redact::detect::Kind;

const KIND: forest::Kind = forest::Kind {
    noun: "data class",
    children: "classes",
    beside: &[],
    separator: '.',
    known: &["level", "mask", "detect", "unclassified", "description", "classes"],
    check: |path| ClassName::parse(path).map(drop),
    duplicate: "duplicate-class",
};

/// A kind of data.
#[derive(Debug, Clone)]
pub struct DataClass {
    /// The class's name: `pii.contact.email`.
    pub name: ClassName,
    /// The enclosing class.
    pub parent: Option<ClassIx>,
    /// How sensitive it is, from 0 to [`limits::LEVEL_MAX`].
    pub level: u8,
    /// What replaces a hidden value of it, where no policy says otherwise.
    pub mask: Mask,
    /// Where it is written.
    pub place: Place,
}

/// The tree of data classes.
#[derive(Debug, Default)]
pub struct Classes {
    /// In the order of their segments, so that a class's subtree is one run.
    all: Vec<DataClass>,
    /// One past the last class below each.
    ends: Vec<u16>,
    unclassified: Option<ClassIx>,
    /// The class of each kind of value that is found by its form.
    detected: BTreeMap<Kind, ClassIx>,
}

impl Classes {
    /// Reads `classes.yaml`.
    ///
    /// # Errors
    /// All problems of the file at once.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(file);
        let Some(root) = reader.parse(text) else { return Err(reader.into_problems()) };
        let entries = forest::read(&mut reader, &root, &KIND);
        if entries.len() > limits::CLASSES_MAX {
            let message =
                format!("{} data classes are too many: at most {}", entries.len(), limits::CLASSES_MAX);
            reader.error("too-many", root.at, message);
            return Err(reader.into_problems());
        }
        let mut classes = Self::default();
        for entry in &entries {
            classes.add(&mut reader, entry);
        }
        if reader.has_errors() { Err(reader.into_problems()) } else { Ok(classes) }
    }

    fn add(&mut self, reader: &mut Reader, entry: &Entry<'_>) {
        let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let parent = entry.parent.map(|parent| ClassIx(number(parent)));
        let above = parent.and_then(|parent| self.get(parent));
        let level = match entry.field("level") {
            Some(node) => reader.whole(node, "a level", limits::LEVEL_MAX),
            None => above.map(|above| above.level),
        };
        let mask = match entry.field("mask") {
            // YAML reads the mask `null` as nothing.
            Some(node) if node.is_written_null() => Mask::parse("null").ok(),
            Some(node) => reader.text(node, "a mask").and_then(|text| parse_mask(reader, node.at, text)),
            None => above.map(|above| above.mask.clone()).or_else(|| Mask::parse("fixed").ok()),
        };
        if level.is_none() && entry.field("level").is_none() && !entry.path.contains('.') {
            let message = format!("the data class `{}` needs a `level`", entry.path);
            reader.add(entry.at, |place| {
                let hint = format!("`level: 3`, from 0 (public) to {}", limits::LEVEL_MAX);
                Problem::error("missing-key", place, message).hint(hint)
            });
        }
        if let Some(node) = entry.field("description") {
            reader.text(node, "a description");
        }
        if let Some(node) = entry.field("detect") {
            self.detect(reader, node, ClassIx(number(self.all.len())));
        }
        if entry.field("unclassified").is_some_and(|node| reader.flag(node, "`unclassified`")) {
            let ix = ClassIx(number(self.all.len()));
            if let Some(other) = self.unclassified.replace(ix).and_then(|other| self.get(other)) {
                let message = format!("`{}` is already what no class names", other.name);
                reader.error("duplicate-unclassified", entry.at, message);
            }
        }
        // An entry with a problem keeps its index, so that what follows still finds its parent; the whole is refused.
        let level = level.unwrap_or(limits::LEVEL_MAX);
        let (Ok(name), mask) = (ClassName::parse(&entry.path), mask.unwrap_or(Mask::Drop)) else { return };
        self.all.push(DataClass { name, parent, level, mask, place: reader.place(entry.at) });
        self.ends.push(number(entry.end));
    }

    /// What is found of these kinds is of this class.
    fn detect(&mut self, reader: &mut Reader, node: &Node, class: ClassIx) {
        for (word, at) in reader.texts(node, "a kind of value that is found by its form") {
            let Some(kind) = Kind::parse(word) else {
                let kinds = Kind::ALL.into_iter().map(Kind::word);
                reader.unknown("unknown-kind", at, "a kind of value", word, kinds);
                continue;
            };
            if let Some(other) = self.detected.insert(kind, class).and_then(|other| self.get(other)) {
                let message = format!("`{kind}` is already of the data class `{}`", other.name);
                reader.error("duplicate-kind", at, message);
            }
        }
    }

    /// The kinds of values that are found by their form, each with its class, where the body's mode asks for them.
    pub fn detected(&self) -> impl Iterator<Item = (Kind, ClassIx)> {
        self.detected.iter().map(|(kind, class)| (*kind, *class))
    }

    /// The class of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ClassIx> {
        let at =
            self.all.binary_search_by(|class| forest::by_segments(class.name.as_str(), name, '.')).ok()?;
        u16::try_from(at).ok().map(ClassIx)
    }

    /// A class by its index.
    #[must_use]
    pub fn get(&self, class: ClassIx) -> Option<&DataClass> {
        self.all.get(usize::from(class.0))
    }

    /// The class of what no class names, in bodies of which the route says so.
    #[must_use]
    pub const fn unclassified(&self) -> Option<ClassIx> {
        self.unclassified
    }

    /// All classes, each after those that enclose it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ClassIx, &DataClass)> {
        self.all.iter().enumerate().map(|(at, class)| (ClassIx(u16::try_from(at).unwrap_or(u16::MAX)), class))
    }

    /// How many classes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Is there no class at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Is `inner` the class `outer`, or below it?
    #[must_use]
    pub fn is_within(&self, inner: ClassIx, outer: ClassIx) -> bool {
        self.ends.get(usize::from(outer.0)).is_some_and(|end| (outer.0..*end).contains(&inner.0))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|class| class.name.as_str())
    }
}

fn parse_mask(reader: &mut Reader, at: crate::model::tree::At, text: &str) -> Option<Mask> {
    match Mask::parse(text) {
        Ok(mask) => Some(mask),
        Err(message) => {
            let near = crate::problem::nearest(text, Mask::WRITTEN);
            reader.add(at, |place| {
                let problem = Problem::error("bad-mask", place, message);
                match near {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem,
                }
            });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLINIC: &str = "
classes:
  pii:
    level: 3
    mask: drop
    classes:
      contact:
        mask: keep-last(4)
        classes:
          email: {level: 4}
      name: {}
  pii.national-id: {level: 5, mask: pseudonym}
  pii2: {level: 1}
  pii3: {level: 1, mask: null}
";

    #[test]
    fn level_and_mask_come_from_the_enclosing_class_where_absent() {
        let classes = Classes::parse("classes.yaml", CLINIC).unwrap();
        let facts: Vec<_> = classes.iter().map(|(_, c)| (c.name.as_str(), c.level, c.mask.clone())).collect();
        assert_eq!(
            facts,
            [
                ("pii", 3, Mask::Drop),
                ("pii.contact", 3, Mask::parse("keep-last(4)").unwrap()),
                ("pii.contact.email", 4, Mask::parse("keep-last(4)").unwrap()),
                ("pii.name", 3, Mask::Drop),
                ("pii.national-id", 5, Mask::Pseudonym),
                ("pii2", 1, Mask::parse("fixed").unwrap()),
                ("pii3", 1, Mask::Null),
            ]
        );
    }

    #[test]
    fn within_follows_the_tree_for_every_pair() {
        let classes = Classes::parse("classes.yaml", CLINIC).unwrap();
        for (inner, a) in classes.iter() {
            assert_eq!(classes.find(a.name.as_str()), Some(inner));
            for (outer, b) in classes.iter() {
                assert_eq!(classes.is_within(inner, outer), a.name.is_within(&b.name), "{a:?} in {b:?}");
            }
        }
        assert!(!classes.is_within(ClassIx(0), ClassIx(99)));
        assert_eq!(classes.find("pii.nam"), None);
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let text = "classes:\n  pii: {levle: 3}\n  a.b: {level: 12}\n  Bad: {level: 1}\n  x: {level: 1, mask: dorp}\n  y: {level: 1, mask: }\n";
        let problems = Classes::parse("c.yaml", text).unwrap_err();
        let said: Vec<_> =
            problems.iter().map(|p| (p.code, p.place.line, p.place.column, p.hint.as_deref())).collect();
        assert_eq!(
            said,
            [
                ("missing-key", 2, 3, Some("`level: 3`, from 0 (public) to 9")),
                ("unknown-key", 2, 9, Some("did you mean `level`?")),
                ("unknown-parent", 3, 3, Some("did you mean `x`, or is `a` missing?")),
                ("out-of-range", 3, 16, None),
                ("bad-name", 4, 3, None),
                ("bad-mask", 5, 23, Some("did you mean `drop`?")),
                ("wrong-type", 6, 21, None),
            ]
        );
    }

    #[test]
    fn each_kind_that_is_found_by_its_form_is_of_one_class() {
        let text = "classes:\n  a: {level: 1, detect: [email, phone]}\n  b: {level: 1, detect: [ip]}\n";
        let classes = Classes::parse("c.yaml", text).unwrap();
        let detected: Vec<_> = classes.detected().map(|(kind, class)| (kind.word(), class.0)).collect();
        assert_eq!(detected, [("email", 0), ("phone", 0), ("ip", 1)]);
        let text = "classes:\n  a: {level: 1, detect: [emial, ip]}\n  b: {level: 1, detect: [ip]}\n";
        let problems = Classes::parse("c.yaml", text).unwrap_err();
        let said: Vec<_> =
            problems.iter().map(|p| (p.code, p.place.line, p.place.column, p.hint.as_deref())).collect();
        assert_eq!(
            said,
            [("unknown-kind", 2, 26, Some("did you mean `email`?")), ("duplicate-kind", 3, 26, None)]
        );
    }
}
