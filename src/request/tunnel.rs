//! An open WebSocket, the last state of a request that asked for one: what each side may get of what the other one says.
//!
//! Only this file makes a [`Tunnel`], of a permit and of an answer that agrees to the handshake. Each message is a body: an app's
//! is redacted by the plan for answers, a client's judged as the body of a request.
//! Never: hands on a byte of a message that is refused, or anything of one that has not been judged whole.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;

use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Gathered;
use crate::redact::Hidden;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redacted;
use crate::redact::websocket;
use crate::redact::websocket::Bad;
use crate::redact::websocket::Control;
use crate::redact::websocket::Event;
use crate::redact::websocket::Frames;
use crate::redact::websocket::Reading;
use crate::redact::websocket::Sender;
use crate::request::Peer;
use crate::request::Worker;
use crate::request::authorized::Permit;
use crate::request::authorized::Told;
use crate::request::ending::Ended;
use crate::request::ending::Ending;
use crate::request::forwarded::DECISION_ID;
use crate::request::forwarded::Sent;
use crate::request::handshake::Agreed;
use crate::request::inbound::Inbound;
use crate::request::received::Head;
use crate::request::received::Received;
use crate::snapshot::Snapshot;

/// Why a WebSocket is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Both sides said so, or one did and the other hung up or took too long.
    Closed,
    /// The client left without a word.
    Aborted,
    /// The app did.
    UpstreamBroken,
    /// What the client sent cannot be read.
    Client(Bad),
    /// What the app sent cannot be read.
    App(Bad),
    /// A message of the client is refused, by this code.
    Refused(&'static str),
    /// A message of the app cannot be redacted.
    Unredactable,
    /// A message of the app holds a row of somebody else that could not be taken out.
    ForeignRows,
    /// Nothing moved for too long.
    Idle,
    /// It lasted as long as one may.
    Outlived,
    /// The credential expired.
    Expired,
    /// What it was judged by is no longer in force, and what is may hide more or forbid it.
    Reloaded,
    /// Palisade stops.
    Stopped,
}

impl Over {
    /// What its outcome says.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => Ended::Complete.as_str(),
            Self::Aborted => Ended::Aborted.as_str(),
            Self::UpstreamBroken => Ended::UpstreamBroken.as_str(),
            Self::Client(Bad::Frame | Bad::Text) => "bad_message",
            Self::Client(Bad::Binary) => "unreadable_body",
            Self::Client(Bad::TooLong) => "body_too_large",
            Self::App(Bad::Frame | Bad::Text) => "bad_upstream",
            Self::App(Bad::Binary | Bad::TooLong) | Self::Unredactable => Ended::Unredactable.as_str(),
            Self::Refused(code) => code,
            Self::ForeignRows => Ended::ForeignRows.as_str(),
            Self::Idle => "idle",
            Self::Outlived => "outlived",
            Self::Expired => "expired",
            Self::Reloaded => "reloaded",
            Self::Stopped => "stopped",
        }
    }

    /// The code of the close frame that says it to both sides (RFC 6455 section 7.4.1); nothing where they know.
    #[must_use]
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::Closed | Self::Aborted | Self::UpstreamBroken => None,
            Self::Client(bad) | Self::App(bad) => Some(bad.code()),
            Self::Refused(_) | Self::Unredactable | Self::ForeignRows | Self::Expired => Some(1008),
            Self::Idle | Self::Outlived | Self::Reloaded | Self::Stopped => Some(1001),
        }
    }
}

/// A request for a WebSocket as it was judged.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) head: Box<Head>,
    /// Who asked for it, as it was told then.
    pub(super) peer: Peer,
    /// What the app was told; nothing on a public route.
    pub(super) told: Option<Told>,
}

/// What may leave of what was read, and whether that was the end.
#[derive(Debug)]
pub struct Flow {
    /// The bytes for the other side.
    pub out: Redacted,
    /// Nothing more is to be read.
    pub over: Option<Over>,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Tunnel {
    of_client: Frames,
    of_app: Frames,
    inbound: Inbound,
    plan: Arc<Plan>,
    owner: Option<Arc<dyn Owns>>,
    /// Is the app's side read?
    is_read: bool,
    /// The last ping of the app, which the client got without what it carries.
    pinged: Option<Control>,
    /// The last ping of the client.
    asked: Option<Control>,
    hidden: [Hidden; 2],
    read: u64,
    agreed: Option<Agreed>,
    /// The request, where nothing is hidden: another snapshot may say so too.
    judged: Option<Judged>,
    generation: u64,
    expires: u64,
    sent: Sent,
    ending: Box<Ending>,
    is_ended: bool,
}

impl Tunnel {
    /// The WebSocket of this permit, to which the app agreed.
    pub(super) fn new(
        permit: Permit,
        agreed: Agreed,
        judged: Judged,
        snapshot: &Snapshot,
        upstream_us: u64,
    ) -> Box<Self> {
        let Permit { plans, inbound, owner, mut ending, .. } = permit;
        ending.answered(StatusCode::SWITCHING_PROTOCOLS.as_u16(), upstream_us);
        ending.opened();
        let plan = plans.response;
        let (of_app, of_client) = (Reading::by(&plan), reading(&inbound));
        let is_free = of_app == Reading::Unread && of_client == Reading::Unread;
        Box::new(Self {
            of_client: Frames::new(Sender::Client, of_client),
            of_app: Frames::new(Sender::App, of_app),
            inbound,
            plan,
            owner,
            is_read: of_app != Reading::Unread,
            pinged: None,
            asked: None,
            hidden: [Hidden::default(), Hidden::default()],
            read: 0,
            agreed: Some(agreed),
            judged: is_free.then_some(judged),
            generation: snapshot.generation(),
            expires: ending.expires,
            sent: ending.body(),
            ending,
            is_ended: false,
        })
    }

    /// The headers of the answer that opens it towards the client. To be asked for once.
    pub(super) fn headers(&mut self) -> HeaderMap<HeaderValue> {
        let mut headers = HeaderMap::new();
        headers.insert(DECISION_ID, self.ending.id_line());
        self.ending.tell_left(&mut headers);
        if let Some(agreed) = self.agreed.take() {
            agreed.write(&mut headers);
        }
        headers
    }

    /// Reads what the client sent, cut anywhere.
    pub fn read_client(&mut self, piece: Bytes) -> Flow {
        self.read = self.read.saturating_add(piece.len() as u64);
        self.sent.count(self.read);
        self.ending.spend();
        let mut piece = piece;
        let mut out = Gathered::default();
        loop {
            let over = match self.of_client.next(&mut piece) {
                Ok(None) => return Flow { out: out.into_redacted(), over: None },
                Ok(Some(event)) => match self.client_says(event) {
                    Ok(leaves) => {
                        out.push(leaves);
                        continue;
                    }
                    Err(over) => over,
                },
                Err(bad) => Over::Client(bad),
            };
            return Flow { out: out.into_redacted(), over: Some(over) };
        }
    }

    /// Reads what the app sent, cut anywhere.
    pub fn read_app(&mut self, piece: Bytes) -> Flow {
        let mut piece = piece;
        let mut out = Gathered::default();
        let over = loop {
            match self.of_app.next(&mut piece) {
                Ok(None) => break None,
                Ok(Some(event)) => match self.app_says(event) {
                    Ok(Some(leaves)) => out.push(leaves),
                    Ok(None) => {}
                    Err(over) => break Some(over),
                },
                Err(bad) => break Some(Over::App(bad)),
            }
        };
        self.ending.sent(out.len());
        Flow { out: out.into_redacted(), over }
    }

    fn client_says(&mut self, event: Event) -> Result<Redacted, Over> {
        Ok(match event {
            Event::Pass(bytes) => bytes,
            Event::Text(text) => {
                let (inbound, content) = (&self.inbound, Encoding::Identity.into());
                let judged = self.ending.timed(|| inbound.judge(content, text.text()));
                let whole = judged.map_err(|refusal| Over::Refused(refusal.row().code))?;
                let [of_client, _] = &mut self.hidden;
                of_client.join(&whole.hidden);
                text.framed(&whole.body)
            }
            Event::Ping(ping) => {
                let passes = ping.passed();
                self.asked = self.is_read.then_some(ping);
                passes
            }
            Event::Pong(pong) => match self.pinged.take() {
                Some(ping) => pong.carrying(&ping),
                None => pong.passed(),
            },
            Event::Close(close) => close.passed(),
        })
    }

    fn app_says(&mut self, event: Event) -> Result<Option<Redacted>, Over> {
        Ok(Some(match event {
            Event::Pass(bytes) => bytes,
            Event::Text(text) => {
                let (plan, owner) = (&self.plan, self.owner.as_ref());
                let judged = self.ending.timed(|| websocket::message(plan, owner, text.text()));
                let (seen, hidden) = match judged {
                    Ok(judged) => judged,
                    Err(why) => {
                        let is_row = self.ending.broken(why).1 == Ended::ForeignRows;
                        return Err(if is_row { Over::ForeignRows } else { Over::Unredactable });
                    }
                };
                let [_, of_app] = &mut self.hidden;
                of_app.join(&hidden);
                return Ok(seen.map(|seen| text.framed(&seen)));
            }
            Event::Ping(ping) | Event::Pong(ping) | Event::Close(ping) if !self.is_read => ping.passed(),
            // What control frames carry nobody reads: the client gets none of it but what it sent itself.
            Event::Ping(ping) => {
                let passes = ping.emptied();
                self.pinged = Some(ping);
                passes
            }
            Event::Pong(pong) => match self.asked.take_if(|ping| ping.carries_what(&pong)) {
                Some(_) => pong.passed(),
                None => pong.emptied(),
            },
            Event::Close(close) => close.emptied(),
        }))
    }

    /// Is nothing more to be read of the client?
    #[must_use]
    pub const fn client_is_over(&self) -> bool {
        self.of_client.is_over()
    }

    /// Is nothing more to be read of the app?
    #[must_use]
    pub const fn app_is_over(&self) -> bool {
        self.of_app.is_over()
    }

    /// What is said to the client and to the app, behind what they are still to get, when it is over. Nothing to whom has
    /// been told, or is in the middle of a frame: that connection just ends.
    #[must_use]
    pub fn last_words(&self, over: Over) -> [Option<Redacted>; 2] {
        [(Sender::App, &self.of_app), (Sender::Client, &self.of_client)].map(|(sender, frames)| {
            let code = over.code().filter(|_| frames.is_between_frames() && !frames.is_over());
            code.map(|code| websocket::close(sender, code))
        })
    }

    /// When the credential expires, in milliseconds since 1970.
    #[must_use]
    pub const fn expires_ms(&self) -> u64 {
        self.expires.saturating_mul(1_000)
    }

    /// The generation of the snapshot that it was judged by last.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Another snapshot is in force. May it go on? It may if the same request would be allowed now, nothing was hidden before
    /// and nothing would be. That is put on record nowhere: what was decided for the request stands.
    pub fn goes_on<O>(&mut self, worker: &Worker<O>) -> bool {
        let snapshot = worker.live.current();
        let Some(Judged { head, peer, told }) = &self.judged else { return false };
        let moment = worker.moment(peer, &head.headers);
        let received = Received { head: head.clone(), body: () };
        let route = match told {
            None => received.is_open(&snapshot),
            Some(told) => match received.identify(&snapshot, worker, &moment) {
                Ok(identified) => {
                    self.expires = identified.expires;
                    identified.stays_free(worker, &snapshot, &moment, told)
                }
                Err(_) => None,
            },
        };
        let Some(route) = route else { return false };
        self.generation = snapshot.generation();
        self.ending.stands_on(&snapshot, route);
        true
    }

    /// It is over. What is told first is kept.
    pub fn end(&mut self, over: Over) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        let [of_client, of_app] = std::mem::take(&mut self.hidden);
        self.sent.hid(of_client);
        self.ending.hid(of_app);
        self.ending.over(over.as_str(), [self.of_client.messages(), self.of_app.messages()]);
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.end(Over::Aborted);
    }
}

/// How a client's messages are read: as bodies of requests are.
fn reading(inbound: &Inbound) -> Reading {
    if inbound.is_free() {
        return Reading::Unread;
    }
    match Reading::by(inbound.plan(Format::Opaque)) {
        Reading::Texts { binary_passes } if !inbound.has_schema() => Reading::Texts { binary_passes },
        Reading::Texts { .. } | Reading::Unread => Reading::Texts { binary_passes: false },
    }
}
