//! Problems as an editor shows them, and what it can do about those that say what was meant.
//!
//! Never: judges; what `check` and `lint` found is told, where they found it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::World;
use super::lines::Lines;
use super::protocol;
use super::protocol::Diagnostic;
use super::protocol::TextEdit;

const SOURCE: &str = "palisade";

impl World {
    /// The text of a file as it was when this world was looked at.
    pub(super) fn text(&self, file: &str) -> Option<&str> {
        let config = self.config.iter().find(|(name, _)| **name == *file).map(|(_, text)| &**text);
        let test = || self.tests.iter().find(|test| *test.file == *file).map(|test| &*test.text);
        let source = || self.sources.as_ref().and_then(|sources| sources.text(file));
        config.or_else(source).or_else(test)
    }

    /// The file that a problem is told at. What has no file of its own (the schema that ships) is told at the
    /// configuration, which may name one.
    fn told_at(&self, place: &Place) -> (Arc<str>, Place) {
        if place.file.starts_with('/') {
            return (Arc::clone(&place.file), place.clone());
        }
        let file = self.config.as_ref().map_or_else(|| Arc::clone(&place.file), |(file, _)| Arc::clone(file));
        (Arc::clone(&file), Place::file(file))
    }
}

/// All problems by file, each with its range in the text as it was looked at.
pub(super) fn diagnostics(world: &World) -> BTreeMap<Arc<str>, Vec<Diagnostic>> {
    let mut by_file: BTreeMap<Arc<str>, Vec<(&Problem, Place)>> = BTreeMap::new();
    for problem in &world.problems {
        let (file, place) = world.told_at(&problem.place);
        by_file.entry(file).or_default().push((problem, place));
    }
    let told = by_file.into_iter().map(|(file, problems)| {
        let lines = Lines::of(world.text(&file).unwrap_or(""));
        let one = |(problem, place): (&Problem, Place)| Diagnostic {
            range: lines.range(&lines.meant(&place)),
            severity: severity(problem),
            code: problem.code,
            source: SOURCE,
            message: match &problem.hint {
                Some(hint) => format!("{}\nhelp: {hint}", problem.message),
                None => problem.message.clone(),
            },
        };
        let most = limits::EDITOR_PROBLEMS_MAX;
        let severities: Vec<u8> = problems.iter().map(|(problem, _)| severity(problem)).collect();
        let shown = if problems.len() > most { most - 1 } else { most };
        let more = problems.len().saturating_sub(shown);
        let mut told: Vec<Diagnostic> = problems.into_iter().take(shown).map(one).collect();
        if let Some(severity) = severities.get(shown..).and_then(|rest| rest.iter().min()) {
            let message = format!("{more} more problems of this file: `palisade check` and `lint` say all");
            told.push(at_top(*severity, message));
        }
        (file, told)
    });
    told.collect()
}

/// As the protocol numbers them.
const fn severity(problem: &Problem) -> u8 {
    match problem.severity {
        Severity::Error => 1,
        Severity::Warning => 2,
    }
}

/// What is told of a whole document, and is no problem of one place in it.
pub(super) fn at_top(severity: u8, message: String) -> Diagnostic {
    Diagnostic { range: protocol::Range::default(), severity, code: "not-shown", source: SOURCE, message }
}

/// A change that mends a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mend {
    pub(super) title: String,
    pub(super) edit: TextEdit,
}

/// What would mend the problems that touch a range of a file: where one says what was meant, that word.
pub(super) fn mends(world: &World, file: &str, range: protocol::Range) -> Vec<Mend> {
    let Some(text) = world.text(file) else { return Vec::new() };
    let lines = Lines::of(text);
    let (from, to) = (lines.byte(range.start), lines.byte(range.end));
    let touches = |bytes: &Range<usize>| bytes.start <= to && from <= bytes.end;
    let mend = |problem: &Problem| {
        let bytes = Some(lines.meant(&problem.place)).filter(touches)?;
        let (wrong, right) = meant(problem, text.get(bytes.clone())?)?;
        let at = bytes.start + text.get(bytes)?.find(wrong)?;
        let edit = TextEdit { range: lines.range(&(at..at + wrong.len())), new_text: right.to_owned() };
        Some(Mend { title: format!("change `{wrong}` to `{right}`"), edit })
    };
    let here = world.problems.iter().filter(|problem| &*problem.place.file == file);
    // The same word is wrong for every type that it is looked for in.
    let mut mends: Vec<Mend> = here.filter_map(mend).collect();
    mends.dedup();
    mends
}

/// The word that is wrong and the one that was meant, where the problem says both and the wrong one stands once in the
/// text that it points at.
fn meant<'p>(problem: &'p Problem, pointed_at: &str) -> Option<(&'p str, &'p str)> {
    let (_, after) = problem.hint.as_deref()?.split_once("did you mean `")?;
    let (right, _) = after.split_once('`')?;
    let words = problem.message.split('`').skip(1).step_by(2);
    let mut wrong = words.flat_map(|word| [word, word.trim_start_matches('@')]);
    let wrong = wrong.find(|word| !word.is_empty() && pointed_at.matches(word).count() == 1)?;
    let right = right.trim_start_matches(|c| c == '@' && !wrong.starts_with('@'));
    (wrong != right).then_some((wrong, right))
}
