//! A request that the app has answered: the fourth state.
//!
//! Only this file makes what an [`Origin`] takes, and it needs a permit whose record is written. What is sent is what
//! was judged: the method, the path and the headers of the head in its normal form, ours set last.
//! Never: sends a byte before the record is written, or copies a framing header.

mod deadline;
mod outbound;
mod socket;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;
use http_body::Body;

use crate::audit::Receipt;
use crate::model::BodySchema;
use crate::redact;
use crate::redact::Accepts;
use crate::redact::Beginning;
use crate::redact::Content;
use crate::redact::Format;
use crate::redact::Redactor;
use crate::request;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::authorized::Authorized;
use crate::request::authorized::Parties;
use crate::request::authorized::Permit;
use crate::request::inbound::Whole;
use crate::request::known::Refused;
use crate::request::received::Head;
use crate::request::refusal::Refusal;
use crate::request::released::grpc;
use crate::request::target::Unclear;
use crate::snapshot::Snapshot;

pub use outbound::Flawed;
pub use outbound::Outbound;
pub use outbound::Read;
pub(super) use outbound::Sent;
pub(super) use whole::read as read_whole;

/// What stands behind Palisade: the app over the network, or a simulation of one.
pub trait Origin {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error = Broken> + Unpin + 'static;
    /// The body of the requests that it takes.
    type Client: Body<Data = Bytes> + Unpin + 'static;
    /// A connection on which it has switched to another protocol.
    type Socket;

    /// Sends one permitted request and gives the head of the answer. The request is in a box because it goes through many
    /// hands, and is large.
    fn call(
        &self,
        request: Box<http::Request<Outbound<Self::Client>>>,
    ) -> impl Future<Output = Result<http::Response<Self::Body>, Failure>>;

    /// Sends one permitted request that asks for another protocol, on a connection of its own, and gives the head of the answer;
    /// with the connection if that is a 101.
    fn open(
        &self,
        request: Box<http::Request<Outbound<Self::Client>>>,
    ) -> impl Future<Output = Result<(http::response::Parts, Option<Self::Socket>), Failure>>;
}

/// Why an origin gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or it broke before a head arrived.
    Unreachable,
    /// Whoever listens there could not prove to be the app. Nothing was sent.
    Untrusted,
    /// What arrived is not sound HTTP.
    Invalid,
    /// Nothing arrived in time.
    Timeout,
    /// The caller's own time is over, which says nothing of the app.
    Deadline,
    /// It fails, and is left alone for a while.
    Open,
    /// Too many connections are in use.
    Overloaded,
    /// The request's own body could not be read; the app saw an unfinished request.
    Request,
}

/// An answer broke off after its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The connection ended or the framing was wrong.
    Cut,
    /// Nothing arrived in time.
    Idle,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cut => "the answer broke off",
            Self::Idle => "the answer stalled",
        })
    }
}

impl std::error::Error for Broken {}

/// The app's answer, with what the permit says must be hidden in it.
#[derive(Debug)]
pub struct Forwarded<U> {
    pub(super) response: http::Response<U>,
    pub(super) permit: Permit,
    pub(super) head_only: bool,
    /// Microseconds from sending to the head of the answer.
    pub(super) upstream_us: u64,
    /// The content codings that the client takes; `None` where nothing is hidden.
    pub(super) accepts: Option<Box<Accepts>>,
}

impl<B: Body<Data = Bytes> + Unpin + 'static> Authorized<B> {
    /// Waits until the decision is on record, then sends the request.
    ///
    /// # Errors
    /// The record could not be written; the app could not be reached, was too slow, or spoke nonsense; the client's
    /// body could not be read.
    pub async fn forward<O: Origin<Client = B>>(
        self,
        snapshot: &Snapshot,
        worker: &Worker<O>,
        moment: &Moment,
    ) -> Result<Forwarded<O::Body>, Refused> {
        let Self { head, mut body, parties, mut permit } = self;
        let receipt = match (&mut permit.written).await {
            Ok(receipt) => receipt,
            Err(_) => return Err(permit.ending.refused(Refusal::AuditUnavailable)),
        };
        let head_only = head.method == http::Method::HEAD;
        let sent = permit.ending.body();
        sent.head(request::Body::Request, &head.headers);
        let mut head = head;
        identity_headers(&mut head, parties.as_ref(), worker, snapshot, moment);
        permit.ending.left_ms = left_ms(&mut head, worker, moment);
        let plan = &permit.plans.response;
        let accepts = (!plan.hides_nothing())
            .then(|| Box::new(Accepts::of(&head.headers, plan, &worker.settings.encode)));
        let taken = taken(&head, &mut body, &permit, worker, &sent).await;
        let outbound = taken.and_then(|taken| outbound(head, body, taken, &permit, &receipt, worker, &sent));
        let outbound = match outbound {
            Ok(outbound) => outbound,
            Err(refusal) => return Err(permit.ending.refused(refusal)),
        };
        let started = worker.clock.micros();
        match worker.origin.call(outbound).await {
            Ok(response) => {
                let upstream_us = worker.clock.micros().saturating_sub(started);
                Ok(Forwarded { response, permit, head_only, upstream_us, accepts })
            }
            Err(failure) => Err(permit.ending.refused(failed(failure, &sent))),
        }
    }
}

/// How long a call of gRPC may still take by its caller's word, which the app is told too; `u32::MAX`: nobody says.
fn left_ms<O>(head: &mut Head, worker: &Worker<O>, moment: &Moment) -> u32 {
    let settings = &worker.settings;
    let is_call = grpc::is_call(&head.headers);
    if !is_call && settings.deadline_header.is_none() {
        return u32::MAX;
    }
    let spent = Duration::from_micros(worker.since(moment));
    let total = Some(settings.total).filter(|total| !total.is_zero());
    let of_call = if is_call { deadline::of_call(&mut head.headers, spent, total) } else { None };
    if let Some(name) = &settings.deadline_header {
        let left = of_call.or(total.map(|total| total.saturating_sub(spent)));
        deadline::tell(&mut head.headers, name, left);
    }
    of_call.map_or(u32::MAX, |left| u32::try_from(left.as_millis()).unwrap_or(u32::MAX))
}

fn failed(failure: Failure, sent: &Sent) -> Refusal {
    // A broken request body makes the upstream call fail: the cause is what the client is told.
    match (sent.flaw(), failure) {
        (Some(Flawed::TooLarge), _) => Refusal::BodyTooLarge,
        (Some(Flawed::Unreadable), _) => Refusal::UnreadableBody,
        (Some(Flawed::Broken), _) | (None, Failure::Request) => Refusal::BodyBroken,
        (None, Failure::Unreachable) => Refusal::Unreachable,
        (None, Failure::Untrusted) => Refusal::UpstreamUntrusted,
        (None, Failure::Invalid) => Refusal::BadUpstream,
        (None, Failure::Timeout | Failure::Deadline) => Refusal::UpstreamTimeout,
        (None, Failure::Open) => Refusal::CircuitOpen,
        (None, Failure::Overloaded) => Refusal::Overloaded,
    }
}

/// Holds the client's body whole and judges it, where something must be known of all of it before a byte is sent.
async fn taken<B: Body<Data = Bytes> + Unpin, O>(
    head: &Head,
    body: &mut B,
    permit: &Permit,
    worker: &Worker<O>,
    sent: &Sent,
) -> Result<Option<Whole>, Refusal> {
    let inbound = &permit.inbound;
    if let Some(held) = inbound.held() {
        sent.count(held.bytes);
        return inbound.judge_held(held).map(Some);
    }
    if inbound.is_free() {
        return Ok(None);
    }
    let missing = || {
        let faults = BodySchema::missing();
        if inbound.is_required() { Err(Refusal::InvalidBody(faults.into())) } else { Ok(None) }
    };
    if body.is_end_stream() {
        return missing();
    }
    let content = content(head, permit)?;
    if !inbound.is_whole(content.format) {
        return Ok(None);
    }
    match whole::take(body, content, inbound, worker.settings.bounds.body_bytes, sent).await? {
        Some(whole) => Ok(Some(whole)),
        None => missing(),
    }
}

/// How the client's body is written, which may be in a way that the route lets pass unread.
fn content(head: &Head, permit: &Permit) -> Result<Content, Refusal> {
    let plan = permit.inbound.plan(Format::Opaque);
    redact::http::readable_in(&head.headers, plan).map_err(|_| Refusal::UnreadableBody)
}

/// What an origin is given. It takes a permit and the receipt of its record to make one.
fn outbound<B: Body<Data = Bytes> + Unpin, O>(
    mut head: Box<Head>,
    body: B,
    taken: Option<Whole>,
    permit: &Permit,
    _receipt: &Receipt,
    worker: &Worker<O>,
    sent: &Sent,
) -> Result<Box<http::Request<Outbound<B>>>, Refusal> {
    let size = body.size_hint();
    if size.lower() > worker.settings.bounds.body_bytes {
        return Err(Refusal::BodyTooLarge);
    }
    let has_body = taken.is_some() || !body.is_end_stream();
    let (mut redactor, mut length) = (None, None);
    let whole = match taken {
        Some(Whole { body, hidden, is_as_sent }) => {
            if !is_as_sent {
                redact::http::new_body_headers(&mut head.headers);
            }
            sent.hid(hidden);
            Some(Box::new(body))
        }
        None if has_body && permit.inbound.is_free() => {
            // What hides nothing passes bytes through, so the length that the client gave still holds.
            length = size.exact();
            let plan = Arc::clone(permit.inbound.plan(redact::Format::Json));
            redactor = Some(Redactor::new(plan, redact::Encoding::Identity));
            None
        }
        None if has_body => {
            let content = content(&head, permit)?;
            if content.is_opaque() {
                length = size.exact();
                // That nobody can read it is the client's own word.
                sent.passes_unread(Beginning::of(&head.headers).ok_or(Refusal::UnreadableBody)?);
            } else {
                redact::http::new_body_headers(&mut head.headers);
            }
            redactor = Some(Redactor::new(Arc::clone(permit.inbound.plan(content.format)), content));
            None
        }
        None => None,
    };
    redact::http::request_headers(&mut head.headers, &permit.plans.response)
        .map_err(|_| Refusal::ViewChanged)?;
    let body = Outbound {
        body: Some(body),
        whole,
        redactor,
        ended: !has_body,
        sent: sent.clone(),
        bytes_max: worker.settings.bounds.body_bytes,
        given: 0,
        length,
        shard: permit.ending.shard,
        left_ms: permit.ending.left_ms,
    };
    let mut request = Box::new(http::Request::new(body));
    let head = *head;
    *request.method_mut() = head.method;
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(head.target);
    *request.uri_mut() = http::Uri::from_parts(uri).map_err(|_| Refusal::Unclear(Unclear::Path))?;
    *request.headers_mut() = head.headers;
    Ok(request)
}

const TENANT: HeaderName = HeaderName::from_static("x-palisade-tenant");
const CALLER_TENANT: HeaderName = HeaderName::from_static("x-palisade-caller-tenant");
const DATA_KEY: HeaderName = HeaderName::from_static("x-palisade-data-key");
const PRINCIPAL: HeaderName = HeaderName::from_static("x-palisade-principal");
/// The header that names the decision, towards the app and towards the client.
pub(super) const DECISION_ID: HeaderName = HeaderName::from_static("x-palisade-decision-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Sets every header that only Palisade may set, over whatever stood there.
fn identity_headers<O>(
    head: &mut Head,
    parties: Option<&Parties>,
    worker: &Worker<O>,
    snapshot: &Snapshot,
    moment: &Moment,
) {
    let tenants = &snapshot.model().tenants;
    let headers = &mut head.headers;
    let named = snapshot.places().header.as_ref();
    let (keeps, key) = (worker.settings.forward_credential, &worker.settings.api_key_header);
    remove(headers, |name| {
        Some(name) == named || (!keeps && (*name == header::AUTHORIZATION || name == key))
    });
    if let Some(parties) = parties
        && let Some((name, line)) =
            worker.assertions.borrow_mut().header(snapshot, parties, moment.now_ms / 1_000)
    {
        // What a client says under this name was taken off with the protected headers.
        line.map(|line| headers.insert(name, line));
    }
    if let Some(Parties { principal, caller, target, data_key }) = parties {
        set(headers, TENANT, tenants.get(*target).path.as_str());
        set(headers, CALLER_TENANT, tenants.get(*caller).path.as_str());
        set(headers, DATA_KEY, &tenants.app_key(data_key));
        set(headers, PRINCIPAL, &principal_header(principal));
    }
    headers.insert(DECISION_ID, moment.id_line.clone());
    headers.entry(REQUEST_ID).or_insert_with(|| moment.id_line.clone());
    headers.insert(TRACEPARENT, moment.traceparent.clone());
    if let Some(peer) = &moment.peer_line {
        headers.insert(FORWARDED_FOR, peer.clone());
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if moment.is_tls { "https" } else { "http" }));
    headers.insert(FORWARDED_HOST, head.host_line.clone());
    headers.insert(header::HOST, head.host_line.clone());
}

/// Removes headers, found by one walk: for the few that are there it costs less than a look-up for each that may not be.
pub(super) fn remove(headers: &mut HeaderMap, which: impl Fn(&HeaderName) -> bool) {
    let removed: Vec<HeaderName> = headers.keys().filter(|name| which(name)).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => headers.insert(name, value),
        // What cannot be said must not be said by anyone else either.
        Err(_) => headers.remove(name),
    };
}

/// `User/alice`: the id percent-encoded but for visible ASCII without `%`.
fn principal_header(principal: &crate::identity::Principal) -> String {
    let mut text = String::with_capacity(principal.id.len() + 8);
    text.push_str(principal.kind.as_str());
    text.push('/');
    for byte in principal.id.bytes() {
        if matches!(byte, 0x21..=0x7e) && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push('%');
            for nibble in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(nibble), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    text
}
