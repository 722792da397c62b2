//! What a request leaves behind for whoever learns from bodies: each piece, as it passes, before anything is hidden.
//!
//! Never: changes a byte, or waits. Whoever takes the pieces copies what it has room for, and drops the rest.

use http::HeaderMap;

use crate::ids::DecisionId;
use crate::model::Routes;
use crate::request::Body;
use crate::request::Worker;

/// Whoever learns from bodies, as one worker sees it.
pub trait Learner {
    /// What takes the bodies of this request of this route, if they are looked at.
    fn watch(&self, id: DecisionId, route: &str) -> Option<Box<dyn Watch>>;
}

/// Takes the bodies of one request. Dropped without an end it takes nothing.
pub trait Watch {
    /// How a body is described.
    fn head(&mut self, body: Body, headers: &HeaderMap);
    /// The next piece of it.
    fn piece(&mut self, body: Body, piece: &[u8]);
    /// The app answered, and that has ended; whole, as far as is known.
    fn end(self: Box<Self>, is_whole: bool);
}

/// What takes the bodies of a request, if they are looked at.
pub(super) fn watch<O>(
    worker: &Worker<O>,
    routes: &Routes,
    route: crate::model::RouteIx,
    id: DecisionId,
) -> Option<Box<dyn Watch>> {
    worker.learner.as_ref()?.watch(id, &routes.get(route)?.id)
}
