//! Test files beside the policies: `*_test.yaml`, read whole with every problem, and what they expect held against what
//! is answered.
//!
//! A file names principals and requests once and says of pairs of them what must come out: a decision, the policies that
//! make it, which classes of data are shown and by which masks the others are hidden, or what a body becomes.
//! Never: opens a file, reads a clock (`now` comes in), or takes part in a decision: a snapshot does not know of tests.

mod as_if;
mod cedar;
mod coverage;
mod expect;
mod judge;
mod keys;
mod names;
mod offer;
mod read;
mod request;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::Model;
use crate::policy::Foreign;
use crate::policy::Policies;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::Mask;
use crate::request::Body;
use crate::request::question::Question;

pub use as_if::State;
pub use as_if::States;
pub use as_if::Worlds;
pub use coverage::Branch;
pub use coverage::Coverage;
pub use coverage::Covered;
pub use judge::Ran;
pub use keys::schema_json;
pub use offer::Offer;
pub use offer::offer;

/// How the name of a test file ends.
pub const ENDING: &str = "_test.yaml";
/// How the name of a file with tests in the form of Cedar's own tools ends.
pub const CEDAR_ENDING: &str = "_test.json";

/// A test file as it stands beside the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFile {
    /// Its name, as the operator would say it.
    pub file: Arc<str>,
    /// What it says.
    pub text: Arc<str>,
}

/// The tests of one file.
#[derive(Debug, Clone)]
pub struct Cases {
    /// In the order of the file; a table gives one for each of its cells.
    pub all: Vec<Case>,
    mentions: Vec<Mention>,
}

/// One test: a question, and what must come out.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name; that of a table's cell has the table's, the principal, the column and the row.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What is asked.
    pub asks: Asks,
    /// The tenants that are then in another state than their file says.
    pub states: States,
    /// What must come out.
    pub expect: Expect,
}

/// What a test asks.
#[derive(Debug, Clone)]
pub enum Asks {
    /// What would become of a request.
    Request(Box<Question>),
    /// What the policies say to a question in Cedar's own words, and how many of them fail.
    Cedar(Box<Foreign>, usize),
}

/// What must come out. What is not said may be anything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expect {
    /// Is it allowed?
    pub allowed: bool,
    /// The code of the refusal.
    pub code: Option<String>,
    /// Exactly the policies that decide: the permits of an allow, the forbids of a deny, or those that erred.
    pub policies: Option<Vec<String>>,
    /// The pathway that alone allows it.
    pub pathway: Option<String>,
    /// The classes that are shown.
    pub reveal: Wanted,
    /// Classes of the request's body that may be set.
    pub settable: Vec<String>,
    /// Classes of the request's body that may not be set.
    pub unsettable: Vec<String>,
    /// The classes that are hidden, each with its mask where that matters.
    pub hide: Wanted,
    /// What a body becomes.
    pub body: Option<Becomes>,
}

/// Classes of data. One stands for all that the bodies carry of it and of those below it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wanted {
    /// By name, each with the mask that hides it where the test says one.
    pub classes: Vec<(String, Option<Mask>)>,
    /// All others that the bodies carry too.
    pub others: bool,
    /// The mask that hides those.
    pub mask_of_others: Option<Mask>,
}

/// A body on its way through the redactor.
#[derive(Debug, Clone, PartialEq)]
pub struct Becomes {
    /// Which one.
    pub of: Body,
    /// As it is sent.
    pub given: serde_json::Value,
    /// As it arrives.
    pub wanted: serde_json::Value,
}

/// A name that stands in a test file and must exist in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mention {
    what: What,
    name: String,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Tenant,
    DataKey,
    Class,
    Route,
    Policy,
    Pathway,
}

impl Cases {
    /// Reads a test file. What has no `now` of its own happens at `now_ms`, in milliseconds since 1970.
    ///
    /// # Errors
    /// All problems of the file at once, but for names that do not exist: [`Self::check`] finds those.
    pub fn parse(file: &TestFile, now_ms: u64) -> Result<Self, Vec<Problem>> {
        if file.file.ends_with(CEDAR_ENDING) { cedar::file(file) } else { read::file(file, now_ms) }
    }

    /// Every name in the file that is not in the model or among the policies. Without policies (they did not compile)
    /// only what stands in the model is looked at.
    #[must_use]
    pub fn check(&self, model: &Model, policies: Option<&Policies>) -> Vec<Problem> {
        let mut problems = names::check(&self.mentions, model, policies);
        problems.extend(policies.into_iter().flat_map(|policies| cedar::check(&self.all, policies)));
        problems
    }
}

/// Reads and checks all test files: how many tests there are, and the problems of every file. Without a model (it is
/// broken) the names in the files are not looked at.
#[must_use]
pub fn check(
    files: &[TestFile],
    model: Option<&Model>,
    policies: Option<&Policies>,
    now_ms: u64,
) -> (usize, Vec<Problem>) {
    let (mut count, mut problems) = (0, Vec::new());
    for file in files {
        match Cases::parse(file, now_ms) {
            Ok(cases) => {
                count += cases.all.len();
                problems.extend(model.map(|model| cases.check(model, policies)).unwrap_or_default());
            }
            Err(more) => problems.extend(more),
        }
    }
    (count, problems)
}
