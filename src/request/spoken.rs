//! What a request to a route of GraphQL asks for: its documents, read before it is decided whether they may be answered.
//!
//! The body is held, and what the app gets later is what was read here. Every place in which an app may look for a document
//! is looked at: two of them, or one that only some apps know, are two readings.
//! Never: decides, or lets a document pass that was not compiled.

mod places;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::header;
use http_body::Body;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::ids::Digest;
use crate::limits;
use crate::model::Found;
use crate::model::Route;
use crate::model::RouteIx;
use crate::model::graphql::Asked;
use crate::model::graphql::Does;
use crate::model::graphql::Flaw;
use crate::model::graphql::GraphQl;
use crate::model::graphql::Operation;
use crate::model::graphql::Set;
use crate::redact;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Mask;
use crate::redact::held;
use crate::request::Worker;
use crate::request::forwarded::Sent;
use crate::request::forwarded::read_whole;
use crate::request::identified::Identified;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::question::Judgement;
use crate::request::question::Shown;
use crate::request::received::Head;
use crate::request::refusal::Refusal;
use crate::snapshot::Snapshot;

use places::One;
use places::in_body;
use places::in_url;

/// Why a request to a route of GraphQL is none that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unspoken {
    /// It has no document, or it is not in a form that is known.
    Request,
    /// It names a document in place of sending it.
    Persisted,
    /// A mutation is sent by another method than `POST`.
    Method,
    /// The document itself.
    Document(Flaw),
}

impl From<Unspoken> for Refusal {
    fn from(why: Unspoken) -> Self {
        Self::GraphQl(why)
    }
}

const UNCLEAR: Unspoken = Unspoken::Document(Flaw::Unclear);

/// What a request asks for.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// Its documents, compiled.
    pub(super) operation: Arc<Operation>,
    /// Its body, where it came in one.
    pub(super) held: Option<Held>,
}

/// A body that was read.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// What is sent on.
    pub(super) body: Bytes,
    pub(super) is_json: bool,
    /// Is each byte as the client sent it?
    pub(super) is_as_sent: bool,
    /// How many bytes it sent.
    pub(super) bytes: u64,
}

/// Compiled documents take this much.
#[derive(Debug, Clone)]
struct Weight;

impl Weighter<(RouteIx, Digest), Arc<Operation>> for Weight {
    fn weight(&self, _: &(RouteIx, Digest), operation: &Arc<Operation>) -> u64 {
        operation.weight.saturating_add(1 << 10)
    }
}

/// The documents that one worker has compiled. Not shared between threads.
pub(super) struct Compiled {
    generation: u64,
    kept: Cache<(RouteIx, Digest), Arc<Operation>, Weight>,
}

impl Default for Compiled {
    fn default() -> Self {
        let bytes = limits::GRAPHQL_KEPT_BYTES_MAX;
        let items = usize::try_from(bytes >> 13).unwrap_or(1);
        Self { generation: 0, kept: Cache::with_weighter(items, bytes, Weight) }
    }
}

impl Compiled {
    fn operation(
        &mut self,
        snapshot: &Snapshot,
        route: RouteIx,
        graphql: &GraphQl,
        all: &[Asked<'_>],
    ) -> Result<Arc<Operation>, Flaw> {
        if self.generation != snapshot.generation() {
            self.generation = snapshot.generation();
            self.kept.clear();
        }
        let key = (route, Asked::digest(all));
        if let Some(known) = self.kept.get(&key) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(graphql.operation(all)?);
        self.kept.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Identified<B> {
    /// Reads what a request to a route of GraphQL asks for. Any other is left as it is.
    ///
    /// # Errors
    /// The request sends no document that has one reading; its body is too large, or broke off.
    pub async fn hear<O>(mut self, snapshot: &Snapshot, worker: &Worker<O>) -> Result<Self, Refused> {
        let routes = &snapshot.model().routes;
        if !routes.any_graphql() {
            return Ok(self);
        }
        let Found::Route(route, _) = routes.find(&self.head.method, self.head.path()) else {
            return Ok(self);
        };
        let Some(graphql) = &route.graphql else { return Ok(self) };
        let ix = route.ix;
        match heard(&self.head, &mut self.body, snapshot, worker, (route, graphql)).await {
            Ok(spoken) => {
                self.spoken = Some(Box::new(spoken));
                Ok(self)
            }
            Err(refusal) => Err(self.refuse(refusal, Known { route: Some(ix), ..Known::default() })),
        }
    }
}

async fn heard<B: Body<Data = Bytes> + Unpin, O>(
    head: &Head,
    body: &mut B,
    snapshot: &Snapshot,
    worker: &Worker<O>,
    (route, graphql): (&Route, &GraphQl),
) -> Result<Spoken, Refusal> {
    let compile = |all: &[One<'_>]| {
        let all: Vec<Asked<'_>> = all.iter().map(One::asked).collect();
        let made = worker.compiled.borrow_mut().operation(snapshot, route.ix, graphql, &all);
        made.map_err(|flaw| Refusal::from(Unspoken::Document(flaw)))
    };
    let in_url = in_url(head.query().unwrap_or_default());
    if matches!(head.method, Method::GET | Method::HEAD) {
        // A body would be another place to look at.
        if !body.is_end_stream() {
            return Err(UNCLEAR.into());
        }
        let sent = in_url?.ok_or(Unspoken::Request)?;
        let operation = compile(&[sent])?;
        if operation.does == Does::Mutation {
            return Err(Unspoken::Method.into());
        }
        return Ok(Spoken { operation, held: None });
    }
    if head.method != Method::POST {
        return Err(Unspoken::Method.into());
    }
    if in_url?.is_some() {
        return Err(UNCLEAR.into());
    }
    let sent = Sent::default();
    let most = worker.settings.bounds.body_bytes.min(limits::HELD_REQUEST_BYTES_MAX);
    let held = hold(&head.headers, read_whole(body, most, &sent).await?)?;
    let operation = if held.is_json {
        compile(&in_body(&held.body)?)?
    } else {
        let document = std::str::from_utf8(&held.body).map_err(|_| Unspoken::Document(Flaw::Syntax))?;
        compile(&[One { document: Cow::Borrowed(document), operation: None }])?
    };
    Ok(Spoken { operation, held: Some(held) })
}

/// The body as it is judged and sent on: decoded, without a byte order mark, and JSON that has one reading.
fn hold(headers: &HeaderMap, all: Bytes) -> Result<Held, Refusal> {
    let bytes = all.len() as u64;
    let not_known = || Refusal::from(Unspoken::Request);
    if is_document(headers) {
        return Ok(Held { body: all, is_json: false, is_as_sent: true, bytes });
    }
    let content = redact::http::readable_body(headers).map_err(|_| not_known())?;
    if content.format != Format::Json || all.is_empty() {
        return Err(Unspoken::Request.into());
    }
    let text = held::decoded(content.encoding, &all).map_err(|_| not_known())?;
    let body = held::strict(&text).map_err(|_| not_known())?;
    let is_as_sent = content.encoding == Encoding::Identity && body.len() == all.len();
    Ok(Held { body, is_json: true, is_as_sent, bytes })
}

/// Is the body the document itself?
fn is_document(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let line = lines.next().filter(|_| lines.next().is_none()).and_then(|line| line.to_str().ok());
    let (kind, rest) = line.map_or(("", ""), |line| line.split_once(';').unwrap_or((line, "")));
    let rest = rest.trim().to_ascii_lowercase();
    let is_utf8 = matches!(&*rest, "" | "charset=utf-8" | "charset=\"utf-8\"");
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
    kind.trim().eq_ignore_ascii_case("application/graphql") && is_utf8 && is_plain
}

impl Judgement {
    /// Why a document is not sent to the app that this allows, where it is not.
    #[must_use]
    pub fn unanswered(&self, route: &Route, operation: &Operation) -> Option<Refusal> {
        let masked = |shown: &Shown| Some((shown.class, shown.mask.clone()?));
        let hidden: Vec<(ClassIx, Mask)> = self.classes.iter().filter_map(masked).collect();
        let denied = |shown: &&Shown| shown.set.as_ref().is_some_and(|set| !set.may);
        let denied: Vec<ClassIx> = self.classes.iter().filter(denied).map(|shown| shown.class).collect();
        unanswered(route, Some(operation), &hidden, &denied)
    }
}

/// Why a document is not sent to the app that policy allows: it cannot be said what of its answer is hidden, or it sets by
/// itself what its caller may not set, or sees only by a mask that it repeats.
pub(super) fn unanswered(
    route: &Route,
    operation: Option<&Operation>,
    hidden: &[(ClassIx, Mask)],
    unsettable: &[ClassIx],
) -> Option<Refusal> {
    let Some(operation) = operation else {
        // Nobody has read what it asks for.
        return route.graphql.as_ref().map(|_| Refusal::GraphQl(Unspoken::Request));
    };
    let is_bound = !hidden.is_empty() || !unsettable.is_empty() || route.rows.is_some();
    if let Some(flaw) = operation.flaw.filter(|_| is_bound) {
        return Some(Refusal::GraphQl(Unspoken::Document(flaw)));
    }
    let repeats = |set: &Set| {
        let mask = hidden.iter().find(|(class, _)| *class == set.class).map(|(_, mask)| mask);
        let value = set.value.as_deref().unwrap_or_default();
        mask.is_some_and(|mask| mask.may_have_made(value.as_bytes()))
    };
    let denied = operation.sets.iter().filter(|set| unsettable.contains(&set.class) || repeats(set));
    let mut places: Vec<Box<str>> = denied.map(|set| set.pointer.clone()).collect();
    places.dedup();
    places.truncate(limits::TOLD_PLACES_MAX);
    (!places.is_empty()).then(|| Refusal::FieldDenied(places.into()))
}

#[cfg(test)]
mod tests;
