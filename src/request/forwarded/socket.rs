//! A request for a WebSocket on its way to the app, and the app's answer to it.
//!
//! Never: takes anything for a WebSocket but the answer to this very handshake, or sends a byte of the client's before that answer.

use bytes::Bytes;
use http_body::Body;

use crate::audit::Receipt;
use crate::request::Moment;
use crate::request::Peer;
use crate::request::Worker;
use crate::request::authorized::Authorized;
use crate::request::authorized::Told;
use crate::request::known::Refused;
use crate::request::refusal::Refusal;
use crate::request::tunnel::Judged;
use crate::request::tunnel::Tunnel;
use crate::snapshot::Snapshot;

use super::Origin;
use super::failed;
use super::identity_headers;
use super::outbound;

impl<B: Body<Data = Bytes> + Unpin + 'static> Authorized<B> {
    /// Does the request ask for a WebSocket? Its route takes them then, or it would have been refused.
    #[must_use]
    pub fn asks_for_socket(&self) -> bool {
        self.head.handshake.is_some()
    }

    /// Waits until the decision is on record, then asks the app for the WebSocket.
    ///
    /// # Errors
    /// The record could not be written; the app could not be reached, was too slow, or answered anything but that.
    pub async fn open<O: Origin<Client = B>>(
        self,
        snapshot: &Snapshot,
        worker: &Worker<O>,
        moment: &Moment,
    ) -> Result<(Box<Tunnel>, O::Socket), Refused> {
        let Self { head, body, parties, mut permit } = self;
        let receipt: Receipt = match (&mut permit.written).await {
            Ok(receipt) => receipt,
            Err(_) => return Err(permit.ending.refused(Refusal::AuditUnavailable)),
        };
        let sent = permit.ending.body();
        // Nothing is learned of messages: nobody says what is a body's beginning and what its end.
        drop(sent.unwatch());
        let told = parties.as_ref().map(|parties| Told::of(parties, snapshot));
        let judged = Judged { head: head.clone(), peer: Peer::of(moment), told };
        let mut head = head;
        let Some(handshake) = head.handshake.take() else {
            return Err(permit.ending.refused(Refusal::NotAWebSocket));
        };
        identity_headers(&mut head, parties.as_ref(), worker, snapshot, moment);
        handshake.write(&mut head.headers);
        let asked = match outbound(head, body, None, &permit, &receipt, worker, &sent) {
            Ok(asked) => asked,
            Err(refusal) => return Err(permit.ending.refused(refusal)),
        };
        let started = worker.clock.micros();
        match worker.origin.open(asked).await {
            Ok((parts, socket)) => {
                let upstream_us = worker.clock.micros().saturating_sub(started);
                match (handshake.agreed(parts.status, &parts.headers), socket) {
                    (Some(agreed), Some(socket)) => {
                        let tunnel = Tunnel::new(permit, agreed, judged, snapshot, upstream_us);
                        Ok((tunnel, socket))
                    }
                    (Some(_) | None, _) => Err(permit.ending.refused(Refusal::NotAWebSocket)),
                }
            }
            Err(failure) => Err(permit.ending.refused(failed(failure, &sent))),
        }
    }
}
