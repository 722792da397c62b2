//! Tests of the policy module, and the small world that they share.

mod baseline;
mod corpus;
mod deep;
mod examples;
mod formatting;
mod hits;
mod kept;
mod laws;
mod lint;
mod lint_laws;
mod loading;
mod modes;
mod mutations;
mod reloading;
mod setting;
mod speed;
mod tenants_apart;
mod tracing;
mod verdicts;

use std::sync::Arc;

use http::Method;

use super::*;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::model::Classes;
use crate::model::Model;
use crate::model::Route;
use crate::model::Routes;
use crate::model::RoutesBuilder;
use crate::model::Tenants;

/// Four companies, three levels.
pub(super) const TENANTS: &str = "
tenants:
  acme: {tenants: {west: {tenants: {sf1: {}, sf2: {}}}, east: {}}}
  globex: {tenants: {north: {tenants: {ott: {}}}}}
  initech: {tenants: {lab: {}}}
  acme-x: {tenants: {west: {}}}
";
pub(super) const CLASSES: &str = "
classes:
  pii: {level: 2, classes: {name: {level: 2}, contact: {level: 3, classes: {email: {level: 4}}}}}
  billing: {level: 1}
";
pub(super) const ROUTES: &str = "
routes:
  - {method: GET, path: '/patients/{id}', id: getPatient, groups: [clinical], request: {classes: {'$.email': pii.contact.email, '$.bill': billing}}, response: {classes: {'$.name': pii.name, '$.email': pii.contact.email, '$.contact': pii.contact, '$.person': pii, '$.bill': billing}}}
  - {method: GET, path: /health, id: getHealth, response: {classes: {'$.name': pii.name, '$.email': pii.contact.email, '$.contact': pii.contact, '$.person': pii, '$.bill': billing}}}
";

pub(super) fn model(tenants: &str) -> Model {
    let (tenants, _) = Tenants::parse("tenants.yaml", tenants).unwrap();
    let classes = classes(CLASSES);
    let routes = routes(ROUTES, &classes);
    Model::new(tenants, classes, routes)
}

fn classes(text: &str) -> Classes {
    Classes::parse("classes.yaml", text).unwrap()
}

fn routes(text: &str, classes: &Classes) -> Routes {
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("routes.yaml", text, classes);
    builder.finish().unwrap()
}

pub(super) fn route<'m>(model: &'m Model, id: &str) -> &'m Route {
    model.routes.iter().map(|(_, route)| route).find(|route| &*route.id == id).unwrap()
}

pub(super) fn source(file: &str, text: &str) -> Source {
    Source { file: file.into(), text: text.into(), confined_to: None }
}

pub(super) fn schema() -> Source {
    source("palisade.cedarschema", SCHEMA)
}

/// Policies from one platform file.
pub(super) fn policies(model: &Model, text: &str) -> Policies {
    compile(model, &[source("p.cedar", text)])
}

pub(super) fn compile(model: &Model, sources: &[Source]) -> Policies {
    match Policies::compile(&schema(), sources, model) {
        Ok((policies, _)) => policies,
        Err(problems) => panic!("{problems:#?}"),
    }
}

pub(super) fn problems(model: &Model, sources: &[Source]) -> Vec<Problem> {
    match Policies::compile(&schema(), sources, model) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}

pub(super) fn user(id: &str, tenant: &str, roles: &[&str]) -> Arc<Principal> {
    Arc::new(Principal {
        kind: Kind::User,
        id: id.into(),
        tenant: Some(TenantPath::parse(tenant).unwrap()),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        groups: Vec::new(),
        scopes: Vec::new(),
        auth: Auth::Jwt { issuer: "https://id.example".into() },
        actor: None,
    })
}

/// What a test asks: who, what, on whose data.
pub(super) struct Call<'a> {
    pub(super) principal: &'a Arc<Principal>,
    pub(super) action: Action,
    pub(super) key: &'a str,
    pub(super) purpose: Option<&'a str>,
    pub(super) now_ms: u64,
}

impl<'a> Call<'a> {
    pub(super) fn new(principal: &'a Arc<Principal>, action: Action, key: &'a str) -> Self {
        Self { principal, action, key, purpose: None, now_ms: 1_700_000_000_123 }
    }

    pub(super) fn ask<T>(&self, policies: &Policies, model: &Model, then: impl FnOnce(Asked<'_>) -> T) -> T {
        self.ask_with(policies, model, &mut Memory::new(), then)
    }

    pub(super) fn ask_with<T>(
        &self,
        policies: &Policies,
        model: &Model,
        memory: &mut Memory,
        then: impl FnOnce(Asked<'_>) -> T,
    ) -> T {
        let data_key = DataKey::parse(self.key).unwrap();
        let facts = Facts {
            principal: self.principal,
            caller: model.tenants.find(self.principal.tenant.as_ref().unwrap().as_str()).unwrap(),
            target: model.tenants.owner(&data_key).unwrap(),
            action: self.action,
            route: route(model, "getPatient"),
            data_key: &data_key,
            method: &Method::GET,
            path: "/patients/1",
            host: "api.example",
            purpose: self.purpose,
            source_ip: Some([10, 0, 0, 7].into()),
            now_ms: self.now_ms,
        };
        then(policies.ask(model, &facts, memory))
    }

    pub(super) fn decide(&self, policies: &Policies, model: &Model) -> Verdict {
        self.ask(policies, model, |asked| asked.decide())
    }

    pub(super) fn reveal(&self, policies: &Policies, model: &Model, class: &str) -> Verdict {
        let class = model.classes.find(class).unwrap();
        self.ask(policies, model, |asked| asked.reveal(class))
    }
}

/// The ids of some policies.
pub(super) fn ids(policies: &Policies, which: &[PolicyIx]) -> Vec<String> {
    which.iter().map(|ix| policies.id(*ix).to_owned()).collect()
}
