//! The app's routes: a method and a path template each, with what a call to it attempts and what its bodies carry.
//!
//! Never: guesses a route. A path that no template meets is answered by [`Found::None`].

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use crate::ids::Action;
use crate::limits;
use crate::model::body_schema::BodySchema;
use crate::model::classes::Classes;
use crate::model::denied::Denied;
use crate::model::key_template::KeyTemplate;
use crate::model::messages;
use crate::model::openapi;
use crate::model::params::Params;
use crate::model::routes_file;
use crate::model::rows::Rows;
use crate::model::template::Template;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::ClassIx;
use crate::redact::Descriptors;
use crate::redact::Shape;

static HEAD: Method = Method::HEAD;

/// The index of a route in one snapshot's [`Routes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIx(pub u32);

/// A method and a path template of the app.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its index.
    pub ix: RouteIx,
    /// Its `operationId`, or `GET /patients/{id}`.
    pub id: Box<str>,
    /// Its method.
    pub method: Method,
    /// Its path template.
    pub template: Box<str>,
    /// What a call to it attempts.
    pub action: Action,
    /// Anybody may call it, without a credential and without a decision of policy. It carries no classified data.
    pub public: bool,
    /// Where a request says which slice of data is meant.
    pub data_key: KeyTemplate,
    /// The groups of routes that it belongs to.
    pub groups: Vec<Box<str>>,
    /// Which classes stand where in its request bodies; `None` where none do.
    pub request: Option<Arc<Shape>>,
    /// Which classes stand where in its response bodies; `None` where none do.
    pub response: Option<Arc<Shape>>,
    /// All that its bodies may carry, sorted.
    pub classes: Vec<ClassIx>,
    /// What its response bodies may carry, sorted.
    pub response_classes: Vec<ClassIx>,
    /// What its request bodies may carry, sorted.
    pub request_classes: Vec<ClassIx>,
    /// The highest level of those classes; 0 where there is none.
    pub level: u8,
    /// What becomes of a request whose body sets what its caller may not set.
    pub denied: Denied,
    /// What its request bodies are validated against; `None` where they are not.
    pub schema: Option<Arc<BodySchema>>,
    /// How the rows of its answers say whose they are; `None` where they do not.
    pub rows: Option<Rows>,
}

/// What a method and a path meet.
#[derive(Debug)]
pub enum Found<'a> {
    /// A route.
    Route(&'a Route, Params<'a>),
    /// Routes of other methods only: what to answer in `Allow`.
    OtherMethod(Vec<&'a Method>),
    /// No route.
    None,
}

/// The app's routes.
#[derive(Default)]
pub struct Routes {
    all: Vec<Route>,
    names: Vec<Box<[Box<str>]>>,
    router: matchit::Router<Vec<RouteIx>>,
    any_public: bool,
    /// The templates that end in `{*rest}`: met only where no other template is.
    rest: matchit::Router<Vec<RouteIx>>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|route| &route.id)).finish()
    }
}

impl Routes {
    /// The route of a method and a canonical path without its query. A HEAD request meets a GET route where there is
    /// none for HEAD.
    #[must_use]
    pub fn find<'a>(&'a self, method: &Method, path: &'a str) -> Found<'a> {
        let Ok(matched) = self.router.at(path).or_else(|_| self.rest.at(path)) else { return Found::None };
        let here = || matched.value.iter().filter_map(|at| Some((*at, self.get(*at)?)));
        let of = |method: &Method| here().find(|(_, route)| route.method == *method);
        let found = of(method).or_else(|| if *method == Method::HEAD { of(&Method::GET) } else { None });
        if let Some((at, route)) = found {
            let names =
                usize::try_from(at.0).ok().and_then(|at| self.names.get(at)).map_or(&[][..], |names| names);
            return Found::Route(route, Params { names, values: Some(matched.params) });
        }
        let mut methods: Vec<_> = here().map(|(_, route)| &route.method).collect();
        if methods.contains(&&Method::GET) && !methods.contains(&&Method::HEAD) {
            methods.push(&HEAD);
        }
        Found::OtherMethod(methods)
    }

    /// Is any route public?
    #[must_use]
    pub fn any_public(&self) -> bool {
        self.any_public
    }

    /// A route by its index.
    #[must_use]
    pub fn get(&self, route: RouteIx) -> Option<&Route> {
        usize::try_from(route.0).ok().and_then(|at| self.all.get(at))
    }

    /// All routes, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RouteIx, &Route)> {
        self.all.iter().enumerate().map(|(at, route)| (RouteIx(u32::try_from(at).unwrap_or(u32::MAX)), route))
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Is there no route at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// A route as a file spells it, each part with its place.
pub(super) struct Draft {
    pub(super) place: Place,
    pub(super) id: Option<String>,
    pub(super) method: Method,
    pub(super) template: String,
    pub(super) template_place: Place,
    pub(super) action: Action,
    pub(super) public: bool,
    pub(super) data_key: Option<(String, Place)>,
    pub(super) groups: Vec<Box<str>>,
    pub(super) request: Option<Arc<Shape>>,
    pub(super) response: Option<Arc<Shape>>,
    pub(super) denied: Denied,
    pub(super) schema: Option<Arc<BodySchema>>,
    pub(super) rows: Option<Rows>,
}

/// Collects routes, and what is wrong with them, from any number of files.
#[derive(Default)]
pub struct RoutesBuilder {
    routes: Vec<(Route, Template, Place)>,
    problems: Vec<Problem>,
    descriptors: Vec<Arc<Descriptors>>,
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

    fn add_draft(&mut self, draft: Draft, classes: &Classes) {
        let template = match Template::parse(&draft.template) {
            Ok(template) => template,
            Err(message) => {
                let message = format!("`{}` is no path of a route: {message}", draft.template.escape_debug());
                self.problems.push(Problem::error("bad-path", draft.template_place, message));
                return;
            }
        };
        let data_key = self.data_key(draft.data_key, &template);
        let id = draft.id.unwrap_or_else(|| format!("{} {}", draft.method, draft.template));
        if id.is_empty() || id.len() > limits::ROUTE_NAME_BYTES_MAX || id.chars().any(char::is_control) {
            let message =
                format!("an id has 1 to {} bytes, no control characters", limits::ROUTE_NAME_BYTES_MAX);
            self.problems.push(Problem::error("bad-name", draft.place, message));
            return;
        }
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
        };
        self.routes.push((route, template, draft.place));
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
        if self.problems.is_empty() {
            return Ok(routes);
        }
        self.problems.sort_by(|a, b| a.place.cmp(&b.place));
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

#[cfg(test)]
mod tests;
