//! From the routes that files spell to the routes of a snapshot.
//!
//! Never: lets a route through that contradicts itself or another one.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use crate::ids::Action;
use crate::limits;
use crate::model::body_schema::BodySchema;
use crate::model::classes::Classes;
use crate::model::denied::Denied;
use crate::model::graphql;
use crate::model::graphql::GraphQl;
use crate::model::key_template::KeyTemplate;
use crate::model::messages;
use crate::model::openapi;
use crate::model::routes::Route;
use crate::model::routes::RouteIx;
use crate::model::routes::Routes;
use crate::model::routes_file;
use crate::model::rows::Rows;
use crate::model::template::Template;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::redact::Descriptors;
use crate::redact::Shape;

/// A route as a file spells it, each part with its place.
pub(in crate::model) struct Draft {
    pub(in crate::model) place: Place,
    pub(in crate::model) id: Option<String>,
    pub(in crate::model) method: Method,
    pub(in crate::model) template: String,
    pub(in crate::model) template_place: Place,
    pub(in crate::model) action: Action,
    pub(in crate::model) public: bool,
    pub(in crate::model) data_key: Option<(String, Place)>,
    pub(in crate::model) audiences: Vec<Box<str>>,
    pub(in crate::model) groups: Vec<Box<str>>,
    pub(in crate::model) request: Option<Arc<Shape>>,
    pub(in crate::model) response: Option<Arc<Shape>>,
    pub(in crate::model) denied: Denied,
    pub(in crate::model) schema: Option<Arc<BodySchema>>,
    pub(in crate::model) rows: Option<Rows>,
    pub(in crate::model) graphql: Option<graphql::Written>,
    pub(in crate::model) websocket: bool,
}

impl Draft {
    /// What it says that cannot both be.
    fn contradiction(&self) -> Option<&'static str> {
        // What asks for a WebSocket is a `GET`; of messages of GraphQL nobody says which document they answer.
        if self.websocket && (self.method != Method::GET || self.graphql.is_some()) {
            return Some("a WebSocket is opened by `GET`, on a route that is none of GraphQL");
        }
        (self.public && !self.audiences.is_empty())
            .then_some("a public route has no audience: it asks for no credential")
    }
}

/// Collects routes, and what is wrong with them, from any number of files.
#[derive(Default)]
pub struct RoutesBuilder {
    routes: Vec<(Route, Template, Place)>,
    problems: Vec<Problem>,
    descriptors: Vec<Arc<Descriptors>>,
    /// The schemas of GraphQL by the names of their files; nothing for one that cannot be read.
    schemas: BTreeMap<Box<str>, Option<graphql::Schema>>,
}

impl std::fmt::Debug for RoutesBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RoutesBuilder({} routes, {} problems)", self.routes.len(), self.problems.len())
    }
}

impl RoutesBuilder {
    /// A builder without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the messages of a descriptor set, in base64: bodies of routes that are added later may be of them.
    pub fn add_descriptors(&mut self, file: &str, text: &str, classes: &Classes) {
        match messages::read(file, text, classes) {
            Ok(descriptors) => self.descriptors.push(Arc::new(descriptors)),
            Err(problems) => self.problems.extend(problems),
        }
    }

    /// Adds the routes of a `routes.yaml`.
    pub fn add_yaml(&mut self, file: &str, text: &str, classes: &Classes) {
        let descriptors = std::mem::take(&mut self.descriptors);
        self.add(file, text, classes, |reader, root| routes_file::read(reader, root, classes, &descriptors));
        self.descriptors = descriptors;
    }

    /// Adds the operations of an OpenAPI 3.0 or 3.1 document, in YAML or JSON.
    pub fn add_openapi(&mut self, file: &str, text: &str, classes: &Classes) {
        self.add(file, text, classes, |reader, root| openapi::read(reader, root, classes));
    }

    /// Adds a schema of GraphQL that routes may name. To be called before those are added.
    pub fn add_graphql(&mut self, name: &str, file: &str, text: &str, classes: &Classes) {
        let schema = graphql::Schema::read(file, text, classes);
        let schema = schema.map_err(|problems| self.problems.extend(problems)).ok();
        self.schemas.insert(name.into(), schema);
    }

    fn add(
        &mut self,
        file: &str,
        text: &str,
        classes: &Classes,
        read: impl FnOnce(&mut Reader, &Node) -> Vec<Draft>,
    ) {
        let mut reader = Reader::new(file);
        let drafts = reader.parse(text).map(|root| read(&mut reader, &root)).unwrap_or_default();
        self.problems.extend(reader.into_problems());
        for draft in drafts {
            self.add_draft(draft, classes);
        }
    }

    fn add_draft(&mut self, mut draft: Draft, classes: &Classes) {
        let template = match Template::parse(&draft.template) {
            Ok(template) => template,
            Err(message) => {
                let message = format!("`{}` is no path of a route: {message}", draft.template.escape_debug());
                self.problems.push(Problem::error("bad-path", draft.template_place, message));
                return;
            }
        };
        let data_key = self.data_key(draft.data_key.clone(), &template);
        let id = draft.id.clone().unwrap_or_else(|| format!("{} {}", draft.method, draft.template));
        if id.is_empty() || id.len() > limits::ROUTE_NAME_BYTES_MAX || id.chars().any(char::is_control) {
            let message =
                format!("an id has 1 to {} bytes, no control characters", limits::ROUTE_NAME_BYTES_MAX);
            self.problems.push(Problem::error("bad-name", draft.place, message));
            return;
        }
        if let Some(message) = draft.contradiction() {
            self.problems.push(Problem::error("contradiction", draft.place, message));
            return;
        }
        let graphql = match draft.graphql.take() {
            Some(written) => {
                let Some(made) = self.graphql(&written, classes) else { return };
                draft.rows = written.rows.map(|rows| rows.rows);
                (draft.request, draft.response) = (made.request.clone(), Some(Arc::clone(&made.response)));
                Some(Arc::new(made))
            }
            None => None,
        };
        let carried = |shape: &Option<Arc<Shape>>| {
            let mut carried = shape.as_ref().map_or(Vec::new(), |shape| shape.classes().to_vec());
            carried.sort_unstable();
            carried.dedup();
            carried
        };
        let (request_classes, response_classes) = (carried(&draft.request), carried(&draft.response));
        let mut all = [request_classes.clone(), response_classes.clone()].concat();
        all.sort_unstable();
        all.dedup();
        let level =
            all.iter().filter_map(|class| classes.get(*class)).map(|class| class.level).max().unwrap_or(0);
        if draft.public && (!all.is_empty() || draft.rows.is_some()) {
            let message =
                "a public route cannot carry classified data: nobody is known to whom it could be shown";
            self.problems.push(Problem::error("public-classes", draft.place, message));
            return;
        }
        let route = Route {
            ix: RouteIx(0),
            id: id.into(),
            method: draft.method,
            template: draft.template.into(),
            action: draft.action,
            public: draft.public,
            data_key,
            audiences: draft.audiences,
            groups: draft.groups,
            request: draft.request,
            response: draft.response,
            classes: all,
            response_classes,
            request_classes,
            level,
            denied: draft.denied,
            schema: draft.schema,
            rows: draft.rows,
            graphql,
            websocket: draft.websocket,
        };
        self.routes.push((route, template, draft.place));
    }

    /// The schema that a route names, with what the route adds to it.
    fn graphql(&mut self, written: &graphql::Written, classes: &Classes) -> Option<GraphQl> {
        let (named, place) = &written.schema;
        let ends = |file: &str| file.strip_suffix(&**named).is_some_and(|before| before.ends_with('/'));
        let exact = self.schemas.get(&**named);
        let mut like = self.schemas.iter().filter(|(file, _)| ends(file)).map(|(_, schema)| schema);
        let schema = match (exact, like.next(), like.next()) {
            (Some(schema), ..) | (None, Some(schema), None) => schema.clone()?,
            (None, first, _) => {
                let how = if first.is_some() { "several schemas" } else { "no schema" };
                let message = format!("there is {how} of GraphQL of the name `{}`", named.escape_debug());
                let problem = Problem::error("unknown-graphql-schema", place.clone(), message);
                self.problems.push(problem.hint("list the file in `model.graphql` of the configuration"));
                return None;
            }
        };
        let (mut schema, mut is_sound) = (schema, true);
        for (path, place, class) in &written.classes {
            if let Err((message, near)) = schema.classify(path, *class) {
                let problem = Problem::error("unknown-graphql-field", place.clone(), message);
                self.problems.push(match near {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem,
                });
                is_sound = false;
            }
        }
        for (of, at, path, place) in written.rows.iter().flat_map(|rows| &rows.owners) {
            if let Err((is_type, message, near)) = schema.row(of, path) {
                let place = if is_type { at } else { place };
                let problem = Problem::error("unknown-graphql-field", place.clone(), message);
                self.problems.push(match near {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("name a type of objects, and below it one text or number"),
                });
                is_sound = false;
            }
        }
        match GraphQl::new(schema, written, classes) {
            Ok(made) => Some(made).filter(|_| is_sound),
            Err(error) => {
                self.problems.push(Problem::error("shape-too-large", place.clone(), error.to_string()));
                None
            }
        }
    }

    fn data_key(&mut self, written: Option<(String, Place)>, template: &Template) -> KeyTemplate {
        let Some((text, place)) = written else { return KeyTemplate::default() };
        let key = match KeyTemplate::parse(&text) {
            Ok(key) => key,
            Err(message) => {
                self.problems.push(Problem::error("bad-data-key", place, message));
                return KeyTemplate::default();
            }
        };
        for param in key.path_params() {
            if template.names.iter().any(|name| **name == *param) {
                continue;
            }
            let message = format!("the path has no parameter `{param}`");
            let near = crate::problem::nearest(param, template.names.iter().map(|name| &**name));
            let problem = Problem::error("unknown-parameter", place.clone(), message);
            self.problems.push(match near {
                Some(near) => problem.hint(format!("did you mean `{{path.{near}}}`?")),
                None => problem,
            });
        }
        key
    }

    /// The routes of all files.
    ///
    /// # Errors
    /// All problems of all files at once; among them two routes of one id, or of one method and template.
    pub fn finish(mut self) -> Result<Routes, Vec<Problem>> {
        // Which file came first must not show in an index.
        self.routes.sort_by(|a, b| a.0.id.cmp(&b.0.id).then_with(|| a.2.cmp(&b.2)));
        self.report_duplicates();
        let mut routes = Routes::default();
        let mut by_template: BTreeMap<String, (Vec<RouteIx>, Place)> = BTreeMap::new();
        for (at, (mut route, template, place)) in self.routes.into_iter().enumerate() {
            let at = RouteIx(u32::try_from(at).unwrap_or(u32::MAX));
            route.ix = at;
            routes.any_public |= route.public;
            routes.any_graphql |= route.graphql.is_some();
            by_template.entry(template.matched).or_insert_with(|| (Vec::new(), place)).0.push(at);
            routes.names.push(template.names);
            routes.all.push(route);
        }
        if routes.all.len() > limits::ROUTES_MAX {
            let message = format!("{} routes are too many: at most {}", routes.all.len(), limits::ROUTES_MAX);
            let place = by_template.values().next().map(|(_, place)| Place::file(Arc::clone(&place.file)));
            self.problems.extend(place.map(|place| Problem::error("too-many", place, message)));
        }
        let written: HashMap<String, RouteIx> = by_template
            .iter()
            .filter_map(|(matched, (here, _))| Some((matched.clone(), *here.first()?)))
            .collect();
        for (matched, (here, place)) in by_template {
            let router = if matched.contains("{*") { &mut routes.rest } else { &mut routes.router };
            if let Err(error) = router.insert(matched.clone(), here) {
                let text = |matched: &str| {
                    let route = written.get(matched).and_then(|at| routes.get(*at));
                    route.map_or_else(|| matched.to_owned(), |route| route.template.to_string())
                };
                let message = match &error {
                    matchit::InsertError::Conflict { with } => {
                        format!("`{}` cannot be told from `{}`", text(&matched), text(with))
                    }
                    matchit::InsertError::InvalidParamSegment
                    | matchit::InsertError::InvalidParam
                    | matchit::InsertError::InvalidCatchAll
                    | _ => format!("`{}` is not a path of a route", text(&matched)),
                };
                self.problems.push(Problem::error("conflicting-route", place, message));
            }
        }
        self.problems.sort_by(|a, b| a.place.cmp(&b.place));
        if self.problems.iter().all(|problem| problem.severity == Severity::Warning) {
            routes.warnings = self.problems;
            return Ok(routes);
        }
        Err(self.problems)
    }

    fn report_duplicates(&mut self) {
        let mut ids: HashMap<&str, &Place> = HashMap::new();
        let mut calls: HashMap<(&Method, &str), &Place> = HashMap::new();
        let mut in_order: Vec<_> = self.routes.iter().collect();
        in_order.sort_by(|a, b| a.2.cmp(&b.2));
        for (route, template, place) in in_order {
            if let Some(first) = calls.insert((&route.method, &template.matched), place) {
                let call = format!("{} {}", route.method, route.template);
                self.problems.push(duplicate("duplicate-route", &call, place, first));
            } else if let Some(first) = ids.insert(&route.id, place) {
                self.problems.push(duplicate("duplicate-route-id", &route.id, place, first));
            }
        }
    }
}

fn duplicate(code: &'static str, what: &str, place: &Place, first: &Place) -> Problem {
    let message = format!("`{what}` is written twice: first in `{}`, line {}", first.file, first.line);
    Problem::error(code, place.clone(), message)
}
