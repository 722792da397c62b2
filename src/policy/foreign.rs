//! Questions that come as Cedar writes them, with entities of their own: the tests of Cedar's own tools.
//!
//! They are asked of the policies as they are compiled here, guards and all, and an error denies as everywhere.
//! Never: takes what does not fit the schema, or mixes an entity of the model into a question that brings its own.

use std::str::FromStr as _;

use cedar_policy::Context;
use cedar_policy::Entities;
use cedar_policy::EntityUid;
use cedar_policy::Request;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::entities::Dereference;
use serde_json::Value as Json;

use super::Policies;
use super::Verdict;
use super::ask;
use super::engine;

/// A question in Cedar's own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreign {
    /// Who asks: `User::"alice"`.
    pub principal: String,
    /// What is attempted: `Action::"read"`.
    pub action: String,
    /// On what: `Resource::"…"`.
    pub resource: String,
    /// The context, as Cedar's JSON has it.
    pub context: Json,
    /// All entities that it can reach, as Cedar's JSON has them.
    pub entities: Json,
}

impl Policies {
    /// Answers a question that brings its own entities.
    ///
    /// # Errors
    /// Why it does not fit the schema.
    pub fn ask_foreign(&self, question: &Foreign) -> Result<Verdict, String> {
        let uid = |what: &str, text: &str| {
            EntityUid::from_str(text)
                .map_err(|_| format!("the {what} `{text}` is not an entity: write `Type::\"id\"`"))
        };
        let (principal, action) = (uid("principal", &question.principal)?, uid("action", &question.action)?);
        let resource = uid("resource", &question.resource)?;
        let schema = &self.checker.schema;
        let context = Context::from_json_value(question.context.clone(), Some((schema, &action)))
            .map_err(|why| said("the context", &why))?;
        let request = Request::new(principal, action, resource, context, Some(schema))
            .map_err(|why| said("the request", &why))?;
        let entities = Entities::from_json_value(question.entities.clone(), Some(schema))
            .map_err(|why| said("the entities", &why))?;
        let request: &cedar_policy_core::ast::Request = request.as_ref();
        let action: &EntityUID = request.action().uid().ok_or("the action is not known")?;
        let Dereference::Data(action) = entities.as_ref().entity(action) else {
            return Err(format!("the schema has no action `{}`", question.action));
        };
        let numbered = (0..).zip(&self.compiled);
        let rules =
            numbered.map(|(number, one)| (number, &one.rule)).filter(|(_, rule)| rule.applies_to(action));
        let outcome = engine::evaluate(request.clone(), entities.as_ref(), rules);
        Ok(ask::conclude(self, outcome))
    }
}

/// An error of Cedar with its causes, in one line.
fn said(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what} does not fit the schema: {error}");
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
