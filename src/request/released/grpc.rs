//! What answers to calls of gRPC say otherwise than others: their status stands behind, or in place of, their messages.
//!
//! Never: tells more than the code of a refusal.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header;

use crate::redact;
use crate::redact::Plan;
use crate::request::refusal::Row;
use crate::request::released::Answer;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Is this a call of gRPC?
pub(in crate::request) fn is_call(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    kind.strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// A refusal, as one who calls by gRPC is told it: by the status that stands for it.
pub(super) fn refused<U>(response: &mut http::Response<Answer<U>>, row: &Row) {
    *response.body_mut() = Answer::Whole { body: None };
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.extend(told(row));
}

/// A refusal in trailers, which end a stream whose head has left.
pub(super) fn told(row: &Row) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static(code(row)));
    trailers.insert(MESSAGE, HeaderValue::from_static(row.code));
    trailers
}

/// The status of gRPC for a refusal. Where the app was not reached, its callers may try again elsewhere.
fn code(row: &Row) -> &'static str {
    if matches!(row.code, "unreachable" | "upstream_untrusted") {
        return "14";
    }
    match row.status {
        401 => "16",
        403 => "7",
        404 | 405 => "12",
        412 => "9",
        413 | 429 | 431 => "8",
        400..=499 => "3",
        503 => "14",
        504 => "4",
        _ => "13",
    }
}

/// Leaves of trailers the status, and its message as it may be seen: details could say anything.
pub(super) fn status_only(trailers: &mut HeaderMap, plan: &Plan) {
    let others: Vec<HeaderName> =
        trailers.keys().filter(|name| **name != STATUS && **name != MESSAGE).cloned().collect();
    for name in others {
        trailers.remove(name);
    }
    redact::http::call_status(trailers, plan);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_its_type() {
        let is = |kind: &'static str| {
            is_call(&[(header::CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect())
        };
        assert!(is("application/grpc") && is("application/grpc+proto") && is("application/grpc;x=y"));
        assert!(!is("application/grpc-web") && !is("application/json") && !is_call(&HeaderMap::new()));
    }
}
