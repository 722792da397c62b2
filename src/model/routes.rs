//! The app's routes: a method and a path template each, with what a call to it attempts and what its bodies carry.
//!
//! Never: guesses a route. A path that no template meets is answered by [`Found::None`].

mod build;

use std::sync::Arc;

use http::Method;

use crate::ids::Action;
use crate::model::body_schema::BodySchema;
use crate::model::denied::Denied;
use crate::model::graphql::GraphQl;
use crate::model::key_template::KeyTemplate;
use crate::model::params::Params;
use crate::model::rows::Rows;
use crate::problem::Problem;
use crate::redact::ClassIx;
use crate::redact::Shape;

pub(super) use build::Draft;
pub use build::RoutesBuilder;

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
    /// A credential must have been issued for one of these (`aud`); empty: any that is good here.
    pub audiences: Vec<Box<str>>,
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
    /// What it says of GraphQL, where it is a route of that. Then the classes above are all that its schema has.
    pub graphql: Option<Arc<GraphQl>>,
    /// May a request to it open a WebSocket? Then each message is a body.
    pub websocket: bool,
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
    any_graphql: bool,
    warnings: Vec<Problem>,
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

    /// What is worth a look in the files, although they are sound.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Is any route public?
    #[must_use]
    pub fn any_public(&self) -> bool {
        self.any_public
    }

    /// Is any route one of GraphQL?
    #[must_use]
    pub fn any_graphql(&self) -> bool {
        self.any_graphql
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

#[cfg(test)]
mod tests;
