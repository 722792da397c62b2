//! What a shape says of one place in a body, step by step: for whoever asks why a field is hidden.
//!
//! Never: looks at a body.

use crate::redact::automaton::Shape;
use crate::redact::path;
use crate::redact::path::PathError;
use crate::redact::path::Step;
use crate::redact::shape::ClassIx;

/// A value on the way to a place, and which classes it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands, as a path.
    pub path: String,
    /// Its own classes, without those of the values around it.
    pub classes: Vec<ClassIx>,
}

impl Shape {
    /// The values from the whole body to the one at a path, of which the last is taken to be neither object nor array.
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
        all.push(Standing { path, classes: self.classes_of(self.state(here).scalar) });
        Ok(all)
    }

    fn classes_of(&self, set: u16) -> Vec<ClassIx> {
        self.sets.get(usize::from(set)).map_or(Vec::new(), |set| set.iter().collect())
    }
}
