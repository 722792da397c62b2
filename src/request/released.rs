//! An answer as the client may see it: the last state.
//!
//! Only this file makes a [`Released`], and the bodies in it are [`crate::redact::Redacted`] bytes: hyper can be handed nothing else.
//! Never: passes on a body that cannot be read while its plan hides something, or ends a broken one cleanly.

mod answer;
pub(super) mod grpc;
mod opened;

use std::pin::Pin;
use std::sync::Arc;

pub use answer::Answer;
use answer::Flow;
pub use answer::Trailers;
pub(super) use opened::opened;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use http_body::Body;

use crate::limits;
use crate::redact;
use crate::redact::Accepts;
use crate::redact::Content;
use crate::redact::Encoder;
use crate::redact::Encoding;
use crate::redact::Gathered;
use crate::redact::NotEncoded;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redacted;
use crate::redact::Redactor;
use crate::request::ending::Ended;
use crate::request::ending::Ending;
use crate::request::forwarded::Broken;
use crate::request::forwarded::DECISION_ID;
use crate::request::forwarded::Forwarded;
use crate::request::forwarded::remove;
use crate::request::known::Refused;
use crate::request::received::OURS;
use crate::request::received::is_of_the_hop;
use crate::request::refusal::Refusal;
use crate::request::throttle;

/// A response that may leave.
#[derive(Debug)]
pub struct Released<U> {
    response: http::Response<Answer<U>>,
}

impl<U> Released<U> {
    /// The response for the connection. Where trailers are sure to arrive, a call of gRPC that ends badly ends by them.
    #[must_use]
    pub fn into_response(mut self, has_trailers: bool) -> http::Response<Answer<U>> {
        if let Answer::Stream { status: status @ Trailers::Passes, .. } = self.response.body_mut()
            && has_trailers
        {
            *status = Trailers::Tells;
        }
        self.response
    }
}

/// A body that ends other than well, so that the connection does too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The app broke off.
    Upstream(Broken),
    /// What arrived cannot be read.
    Unredactable,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Upstream(broken) => broken.fmt(f),
            Self::Unredactable => f.write_str("the answer cannot be redacted"),
        }
    }
}

impl std::error::Error for Cut {}

impl<U: Body<Data = Bytes, Error = Broken> + Unpin> Forwarded<U> {
    /// Takes the answer through the redactor.
    ///
    /// A body that fits [`limits::WHOLE_BODY_BYTES_MAX`] leaves whole, with its exact length; a larger one is streamed.
    ///
    /// # Errors
    /// The answer's head is not sound; its body cannot be read although something in it must be hidden.
    pub async fn release(self) -> Result<Released<U>, Refused> {
        let Self { response, permit, head_only, upstream_us, accepts } = self;
        let mut ending = permit.ending;
        ending.answered(response.status().as_u16(), upstream_us);
        let (mut parts, body) = response.into_parts();
        ending.head(&parts);
        let head_length = match sound(&parts, head_only) {
            Ok(length) => length,
            Err(refusal) => return Err(ending.refused(refusal)),
        };
        clean(&mut parts.headers);
        parts.headers.insert(DECISION_ID, ending.id_line());
        ending.tell_left(&mut parts.headers);
        if permit.plans.by_caller {
            redact::http::for_this_caller_only(&mut parts.headers);
        }
        let plan = permit.plans.response;
        let bodiless = head_only
            || body.is_end_stream()
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if plan.hides_nothing() {
            if let Some(length) = head_length {
                parts.headers.insert(header::CONTENT_LENGTH, length);
            }
            if bodiless {
                ending.end(Ended::Complete);
            }
            let redactor = Redactor::new(plan, Encoding::Identity);
            let answer = Answer::stream(body, redactor, Flow::PASSES, ending);
            return Ok(Released { response: http::Response::from_parts(parts, answer) });
        }
        let content = if bodiless { None } else { readable(&parts, &plan, false).ok() };
        if let Some(content) = content.filter(|content| content.is_opaque() || content.is_grpc()) {
            let answer = if content.is_opaque() {
                redact::http::opaque_headers(&mut parts.headers, &plan);
                Answer::stream(body, Redactor::new(plan, content), Flow::PASSES, ending)
            } else {
                redact::http::response_headers(&mut parts.headers, &plan);
                let redactor = redactor(plan, content, permit.owner.as_ref());
                Answer::stream(body, redactor, Flow::CALL, ending)
            };
            return Ok(Released { response: http::Response::from_parts(parts, answer) });
        }
        let mut body = body;
        // A body without a byte hides nothing, whatever it is called; some apps tell only by ending it.
        let first = if bodiless { Ok(None) } else { next(&mut body).await };
        let (content, first) =
            match first.and_then(|first| Ok((readable(&parts, &plan, first.is_none())?, first))) {
                Ok(found) => found,
                Err(refusal) => return Err(ending.refused(refusal)),
            };
        let accepts = accepts.unwrap_or_default();
        let Some(first) = first else {
            bodiless_headers(&mut parts, &plan, &accepts, head_only, head_length.as_ref());
            ending.end(Ended::Complete);
            let answer = Answer::Whole { body: None };
            return Ok(Released { response: http::Response::from_parts(parts, answer) });
        };
        redact::http::response_headers(&mut parts.headers, &plan);
        let redactor = redactor(plan, content, permit.owner.as_ref());
        let way = Way { accepts: &accepts, headers: &parts.headers, content };
        let (answer, leaves) = redacted(first, body, redactor, way, ending).await?;
        accepts.response_headers(&mut parts.headers, content.encoding, leaves);
        Ok(Released { response: http::Response::from_parts(parts, answer) })
    }
}

/// The redactor of an answer of which only this owner's rows may stay.
fn redactor(plan: Arc<Plan>, content: Content, owner: Option<&Arc<dyn Owns>>) -> Redactor {
    match owner {
        Some(owner) => Redactor::of_owner(plan, content, owner),
        None => Redactor::new(plan, content),
    }
}

/// Makes the headers of an answer without a body fit what the same request would get with one.
fn bodiless_headers(
    parts: &mut http::response::Parts,
    plan: &Plan,
    accepts: &Accepts,
    head_only: bool,
    length: Option<&HeaderValue>,
) {
    let headers = &mut parts.headers;
    let tag = headers.get(header::ETAG).cloned();
    let arrived = redact::http::described_encoding(headers);
    redact::http::response_headers(headers, plan);
    if parts.status == StatusCode::NOT_MODIFIED {
        accepts.unmodified_headers(headers, tag.as_ref());
    } else if head_only {
        let bytes = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let bytes = bytes.filter(|_| arrived == Encoding::Identity);
        let leaves = accepts.coding(headers, arrived, bytes);
        accepts.response_headers(headers, arrived, leaves);
    }
}

/// An answer of our own to a request that is refused, to a call of gRPC or another.
pub(super) fn refused<U>(
    refusal: &Refusal,
    id: crate::ids::DecisionId,
    plan: Arc<Plan>,
    is_call: bool,
) -> Released<U> {
    let row = refusal.row();
    let id = id.to_string();
    let errors = refusal.errors().map_or(String::new(), |errors| format!(",\"errors\":{errors}"));
    let text = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{}\",\"status\":{},\"code\":\"{}\",\"decision_id\":\"{id}\"{errors}}}\n",
        row.title, row.status, row.code
    );
    let body = Redactor::new(plan, Encoding::Identity).feed(Bytes::from(text)).ok();
    let mut response = http::Response::new(Answer::Whole { body });
    *response.status_mut() = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(DECISION_ID, id);
    }
    if row.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"palisade\""));
    }
    if let Some(seconds) = refusal.retry_after_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Refusal::Limited(limited) = refusal {
        throttle::tell(headers, &limited.left);
    }
    if let Some(allow) = refusal.allow().and_then(|methods| HeaderValue::from_str(methods).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    if refusal.closes() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if is_call {
        grpc::refused(&mut response, &row);
    }
    Released { response }
}

/// An answer to the request that was sent, with exactly one framing, or none; gives the length that a `HEAD`'s answer
/// may repeat.
fn sound(parts: &http::response::Parts, head_only: bool) -> Result<Option<HeaderValue>, Refusal> {
    // Nobody was asked to switch protocols, and nothing else in 1xx is an answer.
    if parts.status.is_informational() {
        return Err(Refusal::BadUpstream);
    }
    let headers = &parts.headers;
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() || (length.is_some() && headers.contains_key(header::TRANSFER_ENCODING)) {
        return Err(Refusal::BadUpstream);
    }
    match length {
        Some(length) if length.is_empty() || !length.as_bytes().iter().all(u8::is_ascii_digit) => {
            Err(Refusal::BadUpstream)
        }
        Some(length) if head_only => Ok(Some(length.clone())),
        Some(_) | None => Ok(None),
    }
}

/// Removes hop-by-hop and framing headers, and whatever speaks in our name.
fn clean(headers: &mut HeaderMap) {
    let connection = headers.contains_key(header::CONNECTION).then(|| headers.get_all(header::CONNECTION));
    let named: Vec<HeaderName> = connection
        .iter()
        .flatten()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    remove(headers, |name| is_of_the_hop(name.as_str()) || named.contains(name) || is_ours(name));
}

fn is_ours(name: &HeaderName) -> bool {
    name.as_str().starts_with(OURS)
}

fn readable(parts: &http::response::Parts, plan: &Plan, bodiless: bool) -> Result<Content, Refusal> {
    // A part of a body cannot be judged: what hides a field may stand in the part that is missing.
    if parts.status == StatusCode::PARTIAL_CONTENT {
        return Err(Refusal::Unredactable);
    }
    if bodiless {
        return Ok(Encoding::Identity.into());
    }
    redact::http::readable_body_by(plan, &parts.headers).map_err(|_| Refusal::Unredactable)
}

/// The next bytes of an answer's body; `None` at its end.
async fn next<U: Body<Data = Bytes, Error = Broken> + Unpin>(body: &mut U) -> Result<Option<Bytes>, Refusal> {
    loop {
        match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                Ok(_) | Err(_) => {}
            },
            Some(Err(Broken::Idle)) => return Err(Refusal::UpstreamTimeout),
            Some(Err(Broken::Cut)) => return Err(Refusal::BadUpstream),
        }
    }
}

/// What decides how a body leaves.
struct Way<'a> {
    accepts: &'a Accepts,
    headers: &'a HeaderMap,
    content: Content,
}

impl Way<'_> {
    /// The encoder of a body of so many bytes, and its encoding.
    fn encoder(&self, bytes: Option<usize>) -> (Option<Encoder>, Encoding) {
        let encoding = self.accepts.coding(self.headers, self.content.encoding, bytes);
        match Encoder::new(encoding) {
            Some(encoder) => (Some(encoder), encoding),
            None => (None, Encoding::Identity),
        }
    }
}

/// Redacts up to a buffer's worth before the head leaves, so that a body that cannot be read still gets a clean 502. Of a
/// stream of records without a length it is the first piece: the next one may be long in coming. With the answer comes the
/// encoding that it is in.
async fn redacted<U: Body<Data = Bytes, Error = Broken> + Unpin>(
    first: Bytes,
    mut body: U,
    mut redactor: Redactor,
    way: Way<'_>,
    mut ending: Box<Ending>,
) -> Result<(Answer<U>, Encoding), Refused> {
    let mut whole = Gathered::default();
    let mut data = first;
    loop {
        ending.saw(&data);
        match ending.timed(|| redactor.feed(data)) {
            Ok(piece) => whole.push(piece),
            Err(why) => {
                let (refusal, _) = ending.broken(why);
                return Err(ending.refused(refusal));
            }
        }
        let length = body.size_hint().exact();
        let is_open = length.is_none() && way.content.is_a_stream();
        if is_open || whole.len() > limits::WHOLE_BODY_BYTES_MAX || !length.is_none_or(fits) {
            let (mut encoder, encoding) = way.encoder(None);
            let Ok(first) = ending.timed(|| encoded(encoder.as_mut(), whole.into_redacted())) else {
                return Err(ending.refused(Refusal::Unredactable));
            };
            let flow = Flow { first: Some(first), encoder, ..Flow::REDACTED };
            return Ok((Answer::stream(body, redactor, flow, ending), encoding));
        }
        data = match next(&mut body).await {
            Ok(Some(data)) => data,
            Err(refusal) => return Err(ending.refused(refusal)),
            Ok(None) => break,
        };
    }
    let (last, hidden) = match ending.timed(|| redactor.finish()) {
        Ok(finished) => finished,
        Err(why) => {
            let (refusal, _) = ending.broken(why);
            return Err(ending.refused(refusal));
        }
    };
    whole.push(last);
    let (encoder, encoding) = way.encoder(Some(whole.len()));
    let whole = whole.into_redacted();
    let whole = ending.timed(|| match encoder {
        Some(encoder) => encoder.finish(&whole),
        None => Ok(whole),
    });
    let Ok(whole) = whole else {
        return Err(ending.refused(Refusal::Unredactable));
    };
    ending.hid(hidden);
    ending.sent(whole.len());
    ending.end(Ended::Complete);
    Ok((Answer::Whole { body: Some(whole) }, encoding))
}

/// The piece as it leaves.
fn encoded(encoder: Option<&mut Encoder>, piece: Redacted) -> Result<Redacted, NotEncoded> {
    match encoder {
        Some(encoder) => encoder.feed(&piece),
        None => Ok(piece),
    }
}

fn fits(length: u64) -> bool {
    length <= limits::WHOLE_BODY_BYTES_MAX as u64
}
