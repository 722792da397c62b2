//! A client's body that is held whole, because something must be known of all of it before its first byte may be sent.
//!
//! Never: holds more than its bound, or lets a byte of it go before it is judged.

use std::pin::Pin;

use bytes::Bytes;
use bytes::BytesMut;
use http_body::Body;

use crate::limits;
use crate::redact::Content;
use crate::request;
use crate::request::inbound::Inbound;
use crate::request::inbound::Whole;
use crate::request::refusal::Refusal;

use super::outbound::Sent;

/// Reads a body to its end and judges it. Nothing where there is none.
pub(super) async fn take<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    content: Content,
    inbound: &Inbound,
    bytes_max: u64,
    sent: &Sent,
) -> Result<Option<Whole>, Refusal> {
    let all = read(body, bytes_max.min(limits::HELD_REQUEST_BYTES_MAX), sent).await?;
    if all.is_empty() {
        return Ok(None);
    }
    inbound.judge(content, &all).map(Some)
}

/// Reads a body to its end.
pub(in crate::request) async fn read<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    bytes_max: u64,
    sent: &Sent,
) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > bytes_max {
        return Err(Refusal::BodyTooLarge);
    }
    let mut all = BytesMut::new();
    loop {
        let frame = match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(all.freeze()),
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(Refusal::BodyBroken),
        };
        // Trailers could add what the head was refused for; none is forwarded.
        let Ok(data) = frame.into_data() else { continue };
        all.extend_from_slice(&data);
        sent.saw(request::Body::Request, &data);
        sent.count(all.len() as u64);
        if all.len() as u64 > bytes_max {
            return Err(Refusal::BodyTooLarge);
        }
    }
}
