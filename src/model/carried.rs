//! What the bodies of one request may carry: as its route says, or its document where that says it more closely.
//!
//! Never: decides who may see what.

use std::sync::Arc;

use crate::ids::Action;
use crate::ids::Digest;
use crate::model::denied::Denied;
use crate::model::graphql::Operation;
use crate::model::routes::Route;
use crate::redact::ClassIx;
use crate::redact::Shape;

impl Route {
    /// The same route, as if the bodies of these documents were all that it has: for who explains one request.
    #[must_use]
    pub fn speaking(&self, operation: &Operation) -> Self {
        let Carried { action, request, response, denied, .. } = Carried::asked(self, Some(operation));
        let (request, response) = (request.cloned(), response.cloned());
        Self { action, request, response, denied, ..self.clone() }
    }
}

/// What the bodies of one request may carry.
#[derive(Debug, Clone, Copy)]
pub struct Carried<'a> {
    /// What is attempted.
    pub action: Action,
    /// All that either body may carry, sorted.
    pub classes: &'a [ClassIx],
    /// What the request's body may carry, sorted.
    pub request_classes: &'a [ClassIx],
    /// Which classes stand where in the request's body.
    pub request: Option<&'a Arc<Shape>>,
    /// Which classes stand where in the answer.
    pub response: Option<&'a Arc<Shape>>,
    /// What becomes of a request that sets what its caller may not set.
    pub denied: Denied,
    /// The documents that say so, where they do.
    pub documents: Option<Digest>,
}

impl<'a> Carried<'a> {
    /// What any request to a route may carry.
    #[must_use]
    pub fn by(route: &'a Route) -> Self {
        Self {
            action: route.action,
            classes: &route.classes,
            request_classes: &route.request_classes,
            request: route.request.as_ref(),
            response: route.response.as_ref(),
            denied: route.denied,
            documents: None,
        }
    }

    /// What a request to a route may carry that asks for this.
    #[must_use]
    pub fn asked(route: &'a Route, operation: Option<&'a Operation>) -> Self {
        let (Some(graphql), Some(operation)) = (&route.graphql, operation) else { return Self::by(route) };
        Self {
            action: graphql.action(operation.does).unwrap_or(route.action),
            classes: &operation.classes,
            request_classes: &operation.request_classes,
            request: operation.request.as_ref(),
            response: Some(&operation.response),
            // What is taken out of a document makes another one.
            denied: Denied::Refuse,
            documents: Some(operation.digest),
        }
    }
}
