//! The schema: read, and checked to be one that the guard and Palisade's entities fit into.
//!
//! An operator may extend the schema that ships. One that asks for what Palisade does not give would make every
//! policy that reads it err at the first request, so it is refused here.
//! Never: changes a schema.

use std::sync::Arc;

use cedar_policy::Schema;
use cedar_policy::Validator;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::EntityUIDEntry;
use cedar_policy_core::ast::Request;
use cedar_policy_core::ast::RequestSchema;
use cedar_policy_core::entities::Dereference;
use cedar_policy_core::entities::Entities;
use cedar_policy_core::entities::TCComputation;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::CoreSchema;
use cedar_policy_core::validator::ValidatorSchema;
use miette::Diagnostic;

use crate::identity::Actor;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::BadName;
use crate::ids::ClassName;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::Isolation;
use crate::model::Status;
use crate::model::Tenant;
use crate::model::TenantIx;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::REVEAL;
use super::Source;
use super::WRITE;
use super::engine::context::Functions;
use super::engine::context::Parts;
use super::engine::entities::Caller;
use super::engine::entities::RouteFacts;
use super::engine::entities::Types;
use super::engine::entities::uid;
use super::parse;
use super::problems;
use super::scan;

/// A schema that Palisade fits into, and what checks policies against it.
pub(super) struct Checker {
    pub(super) source: Source,
    pub(super) schema: Schema,
    pub(super) validator: Validator,
    /// The entities of the actions that Palisade asks for, in the order of [`Action::ALL`], then `reveal` and `write`.
    pub(super) actions: Vec<Arc<Entity>>,
    pub(super) warnings: Vec<Problem>,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("source", &self.source.file).finish_non_exhaustive()
    }
}

impl Checker {
    /// Reads a schema.
    ///
    /// # Errors
    /// Why it cannot be read or Palisade does not fit into it, warnings among that.
    pub(super) fn read(source: &Source, types: &Types, functions: &Functions) -> Result<Self, Vec<Problem>> {
        if let Some(problem) = parse::measure(source, scan::Kind::Schema) {
            return Err(vec![problem]);
        }
        let told =
            |severity, said: &dyn Diagnostic| problems::from_cedar("schema", severity, source, None, said);
        let (schema, warnings) =
            Schema::from_cedarschema_str(&source.text).map_err(|said| vec![told(Severity::Error, &said)])?;
        let mut warnings: Vec<Problem> = warnings.map(|said| told(Severity::Warning, &said)).collect();
        let misfits = misfits(schema.as_ref(), types, functions);
        if !misfits.is_empty() {
            warnings.extend(misfits.into_iter().map(|message| {
                Problem::error("schema-misfit", Place::file(source.file.clone()), message)
                    .hint("compare it with `schemas/palisade.cedarschema`, which it must contain")
            }));
            return Err(warnings);
        }
        let actions = match actions(schema.as_ref(), types) {
            Ok(actions) => actions,
            Err(message) => {
                let place = Place::file(source.file.clone());
                warnings.push(Problem::error("schema-misfit", place, message));
                return Err(warnings);
            }
        };
        let validator = Validator::new(schema.clone());
        Ok(Self { source: source.clone(), validator, schema, actions, warnings })
    }
}

/// The actions that Palisade asks for, each with its groups.
fn actions(schema: &ValidatorSchema, types: &Types) -> Result<Vec<Arc<Entity>>, String> {
    let all = schema.action_entities().map_err(|error| error.to_string())?;
    let of = |name| match all.entity(&uid(&types.action, name)) {
        Dereference::Data(entity) => Ok(Arc::new(entity.clone())),
        Dereference::NoSuchEntity | Dereference::Residual(_) => {
            Err(format!("the schema has no action `{name}`"))
        }
    };
    Action::ALL.map(Action::as_str).into_iter().chain([REVEAL, WRITE]).map(of).collect()
}

/// One of everything that Palisade makes, with and without what is optional, held against the schema.
fn misfits(schema: &ValidatorSchema, types: &Types, functions: &Functions) -> Vec<String> {
    let Ok(sample) = Sample::new(types) else { return vec!["the sample names are not names".to_owned()] };
    let mut misfits = Vec::new();
    let extensions = Extensions::all_available();
    let core = CoreSchema::new(schema);
    for entity in sample.entities() {
        let checked = Entities::new().add_entities(
            [entity],
            Some(&core),
            TCComputation::AssumeAlreadyComputed,
            extensions,
        );
        misfits.extend(checked.err().map(|error| chain(&error)));
    }
    let audit = Action::Audit.as_str();
    // A schema from before there was this one may do without it.
    let audited = schema
        .action_entities()
        .is_ok_and(|all| matches!(all.entity(&uid(&types.action, audit)), Dereference::Data(_)));
    let actions = Action::ALL.map(Action::as_str).into_iter().chain([REVEAL, WRITE]);
    for action in actions.chain(audited.then_some(audit)) {
        let resource = if [REVEAL, WRITE].contains(&action) { &sample.field } else { &sample.resource };
        for caller in &sample.callers {
            for parts in [sample.least(functions), sample.most(functions, caller)] {
                let request = Request::new_unchecked(
                    entry(&caller.uid),
                    entry(&Arc::new(uid(&types.action, action))),
                    entry(&Arc::new(resource.uid().clone())),
                    Some(parts.context()),
                );
                misfits
                    .extend(schema.validate_request(&request, extensions).err().map(|error| chain(&error)));
            }
        }
    }
    misfits.sort();
    misfits.dedup();
    misfits
}

fn entry(uid: &Arc<EntityUID>) -> EntityUIDEntry {
    EntityUIDEntry::Known { euid: Arc::clone(uid), loc: None }
}

/// An error with its causes, for Cedar's topmost often names nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Sample {
    callers: Vec<Caller>,
    resource: Arc<Entity>,
    field: Arc<Entity>,
    others: Vec<Arc<Entity>>,
}

impl Sample {
    fn new(types: &Types) -> Result<Self, BadName> {
        let path = TenantPath::parse("outer/inner")?;
        let key = DataKey::parse("outer/inner/below")?;
        let class = ClassName::parse("outer.inner")?;
        let groups: [Box<str>; 1] = ["group".into()];
        let route = RouteFacts { id: "GET /", groups: &groups, classes: &[&class], level: 1 };
        let tenant = Tenant {
            path: path.clone(),
            parent: None,
            region: "region".into(),
            tier: "tier".into(),
            status: Status::Active,
            retry_after_s: None,
            isolation: Isolation::Strict,
            boundary: TenantIx(0),
            app_key: None,
            upstream: None,
        };
        let full = Principal {
            kind: Kind::User,
            id: "user".into(),
            tenant: Some(path.clone()),
            roles: groups.to_vec(),
            groups: groups.to_vec(),
            scopes: groups.to_vec(),
            auth: Auth::Jwt { issuer: "issuer".into() },
            actor: Some(Actor {
                kind: Kind::Service,
                id: "actor".into(),
                actor: Some(Box::new(Actor { kind: Kind::User, id: "before".into(), actor: None })),
            }),
        };
        let bare = Principal {
            kind: Kind::Service,
            roles: Vec::new(),
            groups: Vec::new(),
            scopes: Vec::new(),
            auth: Auth::ApiKey { id: "key".into() },
            actor: None,
            ..full.clone()
        };
        Ok(Self {
            callers: [full, bare].iter().map(|principal| types.caller(principal, &path)).collect(),
            resource: Arc::new(types.resource("resource", route, &key, &path)),
            field: Arc::new(types.field("field", (&class, 1), &key, &path)),
            others: vec![
                Arc::new(types.tenant(&tenant, &path)),
                Arc::new(types.data_key(&key, Some(&path))),
                Arc::new(types.data_class(&class, 1)),
                Arc::new(types.route("GET /", &groups)),
            ],
        })
    }

    fn entities(&self) -> impl Iterator<Item = Arc<Entity>> {
        let callers =
            self.callers.iter().flat_map(|caller| std::iter::once(&caller.entity).chain(&caller.actors));
        callers.chain([&self.resource, &self.field]).chain(&self.others).map(Arc::clone)
    }

    fn least<'a>(&self, functions: &Functions) -> Parts<'a> {
        let now = functions.datetime(0);
        Parts { now, source_ip: None, method: "GET", path: "/", host: "host", purpose: None, actor: None }
    }

    fn most<'a>(&self, functions: &Functions, caller: &'a Caller) -> Parts<'a> {
        Parts {
            source_ip: functions.address(std::net::IpAddr::from([127, 0, 0, 1])),
            purpose: Some("purpose"),
            actor: caller.actors.first().map(|actor| actor.uid()),
            ..self.least(functions)
        }
    }
}
