//! The answer that opens a WebSocket towards the client: all of it is written here.
//!
//! Never: passes a header of the app's answer but the subprotocol that it chose.

use http::StatusCode;

use crate::request::released::Answer;
use crate::request::released::Released;
use crate::request::tunnel::Tunnel;

/// The answer that opens this WebSocket.
pub(in crate::request) fn opened<U>(tunnel: &mut Tunnel) -> Released<U> {
    let mut response = http::Response::new(Answer::Whole { body: None });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = tunnel.headers();
    Released { response }
}
