//! Reads tests in the form of Cedar's own tools: a JSON array, each test with its request, its entities and the answer.

use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::policy::Foreign;
use crate::policy::Policies;
use crate::problem::Problem;

use super::Asks;
use super::Case;
use super::Cases;
use super::Expect;
use super::Mention;
use super::States;
use super::TestFile;
use super::What;
use super::keys;

const TEST: [&str; 6] = ["name", "request", "entities", "decision", "reason", "num_errors"];
const REQUEST: [&str; 4] = ["principal", "action", "resource", "context"];

pub(super) fn file(test: &TestFile) -> Result<Cases, Vec<Problem>> {
    let mut reader = Reader::new(&test.file);
    let Some(root) = reader.parse(&test.text) else { return Err(reader.into_problems()) };
    let mut cases = Cases { all: Vec::new(), mentions: Vec::new() };
    let items = reader.list(&root, "a file of Cedar tests");
    for (number, node) in (1..).zip(items) {
        let found = one(&mut reader, node, number, &mut cases.mentions);
        cases.all.extend(found);
    }
    if items.is_empty() && !reader.has_errors() {
        reader.error("missing-key", root.at, "the file has no test");
    }
    if reader.has_errors() { Err(reader.into_problems()) } else { Ok(cases) }
}

fn one(reader: &mut Reader, node: &Node, number: usize, mentions: &mut Vec<Mention>) -> Option<Case> {
    reader.fields(node, "a Cedar test", &TEST);
    let name = node.get("name").and_then(|node| reader.text(node, "`name`"));
    let name = name.map_or_else(|| format!("test {number}"), str::to_owned);
    let request = need(reader, node, "request")?;
    reader.fields(request, "a request", &REQUEST);
    let mut entity =
        |key| need(reader, request, key).and_then(|node| reader.text(node, key).map(str::to_owned));
    let (principal, action, resource) = (entity("principal"), entity("action"), entity("resource"));
    let nothing = || serde_json::Value::Object(serde_json::Map::new());
    let context = request.get("context").map_or_else(nothing, Node::to_json);
    let entities = need(reader, node, "entities")?;
    if entities.as_text().is_some() {
        reader.add(entities.at, |place| {
            Problem::error("wrong-type", place, "the entities must be a list, and this is a text")
                .hint("write the entities here: a test file names no other file")
        });
    }
    let decision = need(reader, node, "decision")?;
    let word = reader.text(decision, "`decision`")?;
    if !keys::DECISIONS.contains(&word) {
        reader.unknown("unknown-word", decision.at, "a decision", word, keys::DECISIONS.iter().copied());
    }
    let reasons = node.get("reason").map(|node| reader.texts(node, "a policy")).unwrap_or_default();
    for (id, at) in &reasons {
        let place = reader.place(*at);
        mentions.push(Mention { what: What::Policy, name: (*id).to_owned(), place });
    }
    let errors = node.get("num_errors").and_then(|node| reader.whole(node, "`num_errors`", u8::MAX));
    let question = Foreign {
        principal: principal?,
        action: action?,
        resource: resource?,
        context,
        entities: entities.to_json(),
    };
    let policies = Some(reasons.iter().map(|(id, _)| (*id).to_owned()).collect());
    Some(Case {
        name,
        place: reader.place(node.at),
        asks: Asks::Cedar(Box::new(question), usize::from(errors.unwrap_or(0))),
        states: States::new(),
        expect: Expect { allowed: word == "allow", policies, ..Expect::default() },
    })
}

fn need<'n>(reader: &mut Reader, node: &'n Node, key: &str) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        reader.error("missing-key", node.at, format!("a Cedar test needs a key `{key}`"));
    }
    found
}

/// The tests that speak of something else than the schema does: they could never say anything.
pub(super) fn check(cases: &[Case], policies: &Policies) -> Vec<Problem> {
    let misfit = |case: &Case| {
        let Asks::Cedar(question, _) = &case.asks else { return None };
        let why = policies.ask_foreign(question).err()?;
        Some(Problem::error("test-misfit", case.place.clone(), why))
    };
    cases.iter().filter_map(misfit).collect()
}
