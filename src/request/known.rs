//! What was known of a request when it was refused: what its record says.
//!
//! Never: decides anything. It is made on the way out only.

use std::sync::Arc;

use http::Method;

use crate::audit::record::DecisionLatency;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::model::RouteIx;
use crate::policy::Verdict;
use crate::request::received::Head;
use crate::request::refusal::Refusal;
use crate::tenancy::Named;
use crate::tenancy::Tenancy;

/// A refusal and what was known by then.
#[derive(Debug)]
pub struct Refused {
    /// The ending.
    pub refusal: Refusal,
    /// What the record will say beside it.
    pub known: Box<Known>,
}

impl Refused {
    pub(super) fn new(refusal: Refusal, known: Known) -> Self {
        Self { refusal, known: Box::new(known) }
    }
}

/// What is known of a request, step by step.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) method: Option<Method>,
    /// The path as received, where the head has no normal form.
    pub(super) unread_path: Option<Box<str>>,
    pub(super) head: Option<Box<Head>>,
    pub(super) principal: Option<Arc<Principal>>,
    pub(super) named: Vec<Named>,
    pub(super) tenancy: Option<Tenancy>,
    pub(super) route: Option<RouteIx>,
    /// What was attempted, where it is another action than the route's.
    pub(super) action: Option<Action>,
    pub(super) data_key: Option<DataKey>,
    pub(super) verdict: Option<Verdict>,
    pub(super) now_ms: Option<u64>,
    /// How long the steps took, where policies were asked.
    pub(super) latency: Option<DecisionLatency>,
    /// The decision is on record already: this ending belongs to its outcome.
    pub(super) recorded: bool,
}

impl Known {
    pub(super) fn unread(method: Method, uri: &http::Uri) -> Self {
        Self { method: Some(method), unread_path: Some(uri.path().into()), ..Self::default() }
    }

    pub(super) fn head(head: Box<Head>) -> Self {
        Self { method: Some(head.method.clone()), head: Some(head), ..Self::default() }
    }

    pub(super) fn path(&self) -> &str {
        self.head.as_deref().map(Head::path).or(self.unread_path.as_deref()).unwrap_or_default()
    }
}
