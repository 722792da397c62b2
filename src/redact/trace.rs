//! What a shape says of one place in a body, step by step: for whoever asks why a field is hidden.
//!
//! Never: looks at a body.

use std::collections::VecDeque;

use crate::redact::automaton::DEAD;
use crate::redact::automaton::Shape;
use crate::redact::automaton::StateIx;
use crate::redact::path;
use crate::redact::path::PathError;
use crate::redact::path::Step;
use crate::redact::shape::ClassIx;
use crate::redact::shape::Mode;

/// A value on the way to a place, and which classes it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands, as a path.
    pub path: String,
    /// Its own classes, without those of the values around it.
    pub classes: Vec<ClassIx>,
}

/// A place in a body, as its shape knows it. Two places of which it says the same, here and below, are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot(StateIx);

/// A classified place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// The shortest path to it; `$..key` where the shape has such.
    pub path: String,
    /// The place.
    pub spot: Spot,
    /// Its classes.
    pub classes: Vec<ClassIx>,
}

impl Shape {
    /// The body itself.
    #[must_use]
    pub const fn body(&self) -> Spot {
        Spot(self.start)
    }

    /// The member of a key.
    #[must_use]
    pub fn spot_of_member(&self, of: Spot, key: &str) -> Spot {
        Spot(self.member(self.state(of.0).inside, key.as_bytes()))
    }

    /// The members of all keys that are not named.
    #[must_use]
    pub fn spot_of_others(&self, of: Spot) -> Spot {
        Spot(self.others(self.state(of.0).inside))
    }

    /// The items of an array.
    #[must_use]
    pub fn spot_of_items(&self, of: Spot) -> Spot {
        Spot(self.state(of.0).item)
    }

    /// The classes of a value there, of whatever type that belongs there. That of what no class names is not among them.
    #[must_use]
    pub fn classes_at(&self, spot: Spot) -> Vec<ClassIx> {
        let state = self.state(spot.0);
        let mut all: Vec<ClassIx> = [state.array, state.object, state.null]
            .into_iter()
            .flat_map(|set| self.classes_of(set))
            .collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|class| Some(*class) != self.unclassified);
        all
    }

    /// What becomes of what no class names.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self.unclassified {
            Some(class) => Mode::Closed(class),
            None if self.looks_into_strings => Mode::Guarded,
            None => Mode::Open,
        }
    }

    /// Every place that is classified, but for those within another one, each by its shortest path.
    #[must_use]
    pub fn classified(&self) -> Vec<Classified> {
        // Where any member leads back to, its members stand at any depth.
        let is_any_depth = |state: StateIx| state != DEAD && self.others(self.state(state).inside) == state;
        let (mut all, mut known) = (Vec::new(), vec![DEAD, self.start]);
        let mut waiting = VecDeque::from([(self.start, "$".to_owned())]);
        while let Some((here, path)) = waiting.pop_front() {
            let state = self.state(here);
            let classes = self.classes_at(Spot(here));
            if !classes.is_empty() {
                // What only its items are, an array is not.
                let (whole, items): (Vec<ClassIx>, Vec<ClassIx>) =
                    classes.into_iter().partition(|class| self.classes_of(state.array).contains(class));
                for (path, classes) in [(path.clone(), whole), (format!("{path}[*]"), items)] {
                    if !classes.is_empty() {
                        all.push(Classified { path, spot: Spot(here), classes });
                    }
                }
                continue;
            }
            let mut next = vec![(state.item, format!("{path}[*]"))];
            let others = self.others(state.inside);
            let around = Some(if path == "$" { others } else { here }).filter(|around| is_any_depth(*around));
            for (key, to) in self.named(state.inside) {
                let step = path::written(&key);
                let is_deep =
                    around.is_some_and(|around| self.member(self.state(around).inside, key.as_bytes()) == to);
                next.push((
                    to,
                    match (is_deep, step.starts_with('.')) {
                        (false, _) => format!("{path}{step}"),
                        (true, true) => format!("{}.{step}", path.trim_end_matches(".*")),
                        (true, false) => format!("{}..{step}", path.trim_end_matches(".*")),
                    },
                ));
            }
            next.push((others, format!("{path}.*")));
            for (to, path) in next {
                if !known.contains(&to) {
                    known.push(to);
                    waiting.push_back((to, path));
                }
            }
        }
        all
    }

    /// The values from the whole body to the one at a path, of which the last is taken to be neither object nor array, and
    /// to belong there.
    ///
    /// # Errors
    /// When the text is no path, or selects more than one place; says at which byte.
    pub fn trace(&self, text: &str) -> Result<Vec<Standing>, PathError> {
        let steps = path::parse(text)?;
        if steps.iter().any(|step| matches!(step, Step::Children | Step::Deeper)) {
            let at = text.find(['*', '.']).unwrap_or(0);
            return Err(PathError {
                at,
                message: "a field is one place: `.*` and `..` select many".to_owned(),
            });
        }
        let (mut here, mut path, mut all) = (self.start, "$".to_owned(), Vec::new());
        for step in &steps {
            let state = self.state(here);
            let (set, next) = match step {
                Step::Member(key) => (state.object, self.member(state.inside, key.as_bytes())),
                Step::Items | Step::Children | Step::Deeper => (state.array, state.item),
            };
            all.push(Standing { path: path.clone(), classes: self.classes_of(set) });
            match step {
                Step::Member(key) => path.push_str(&path::written(key)),
                Step::Items | Step::Children | Step::Deeper => path.push_str("[*]"),
            }
            here = next;
        }
        all.push(Standing { path, classes: self.classes_of(self.state(here).null) });
        Ok(all)
    }

    fn classes_of(&self, set: u16) -> Vec<ClassIx> {
        self.sets.get(usize::from(set)).map_or(Vec::new(), |set| set.iter().collect())
    }
}
