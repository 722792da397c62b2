//! The frames of a WebSocket (RFC 6455), one direction of it: bytes cut anywhere come in, what they say comes out.
//!
//! Where something is hidden, a text message is put together, for it is one document, and pings and pongs pass between its
//! fragments. Where nothing is, frames pass as they came; they are followed all the same, so that what is no frame does not
//! pass, and a close frame can be put between two of them.
//! Never: passes a frame of an extension, or anything behind a close frame.

mod frames;
mod wire;

use std::fmt;
use std::sync::Arc;

use bytes::Buf;
use bytes::Bytes;

pub use frames::Frames;
use wire::Opcode;
use wire::frame;

use crate::redact::Nobody;
use crate::redact::Redacted;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Hidden;
use crate::redact::plan::Plan;
use crate::redact::walk::Owns;
use crate::redact::walk::Walk;

/// Who sends the frames of a direction. Those of a client are masked (section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// The app.
    App,
}

/// Why nothing more can be read of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// The bytes are no frame, or none that may stand there.
    Frame,
    /// A text is not UTF-8.
    Text,
    /// A binary message, in which it cannot be told what stands.
    Binary,
    /// A message longer than [`crate::limits::WEBSOCKET_MESSAGE_BYTES_MAX`].
    TooLong,
}

impl Bad {
    /// The code of section 7.4.1 that a close frame says it by.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Frame => 1002,
            Self::Binary => 1003,
            Self::Text => 1007,
            Self::TooLong => 1009,
        }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frame => "the bytes are no frame that may stand there",
            Self::Text => "a text message is not UTF-8",
            Self::Binary => "a binary message cannot be read",
            Self::TooLong => "a message is too long",
        })
    }
}

impl std::error::Error for Bad {}

/// How the messages of a direction are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Not at all: nothing may be hidden in them.
    Unread,
    /// Text is put together.
    Texts {
        /// Binary messages pass unread, for the route says so; else there may be none.
        binary_passes: bool,
    },
}

impl Reading {
    /// How messages are read of which this plan says what is hidden. A binary one is of the type `application/octet-stream`.
    #[must_use]
    pub fn by(plan: &Plan) -> Self {
        if plan.hides_nothing() {
            return Self::Unread;
        }
        Self::Texts { binary_passes: !plan.has_rows() && plan.shape.lets_pass("application/octet-stream") }
    }
}

/// What a direction says next.
#[derive(Debug)]
pub enum Event {
    /// Bytes of a message that passes unread, as they came.
    Pass(Redacted),
    /// A text message, whole.
    Text(Text),
    /// A ping.
    Ping(Control),
    /// A pong.
    Pong(Control),
    /// The last frame.
    Close(Control),
}

/// A text message that was put together.
#[derive(Debug)]
pub struct Text {
    sender: Sender,
    key: [u8; 4],
    text: Bytes,
}

impl Text {
    /// What it says. It is UTF-8.
    #[must_use]
    pub const fn text(&self) -> &Bytes {
        &self.text
    }

    /// The frame of what may leave of it.
    #[must_use]
    pub fn framed(&self, seen: &Redacted) -> Redacted {
        frame(self.sender, self.key, Opcode::Text, seen.chunk())
    }
}

/// A control frame.
#[derive(Debug, Clone)]
pub struct Control {
    sender: Sender,
    key: [u8; 4],
    opcode: Opcode,
    payload: Vec<u8>,
}

impl Control {
    /// The same frame, byte for byte.
    #[must_use]
    pub fn passed(&self) -> Redacted {
        frame(self.sender, self.key, self.opcode, &self.payload)
    }

    /// The same without what could say anything: of a close frame the code stays.
    #[must_use]
    pub fn emptied(&self) -> Redacted {
        let code = self.payload.get(..2).filter(|_| self.opcode == Opcode::Close);
        frame(self.sender, self.key, self.opcode, code.unwrap_or_default())
    }

    /// Does it carry what the other one does?
    #[must_use]
    pub fn carries_what(&self, other: &Self) -> bool {
        self.payload == other.payload
    }

    /// The same frame with what the other one carries.
    #[must_use]
    pub fn carrying(&self, other: &Self) -> Redacted {
        frame(self.sender, self.key, self.opcode, &other.payload)
    }
}

/// A close frame of our own to whom `sender`'s frames go.
#[must_use]
pub fn close(sender: Sender, code: u16) -> Redacted {
    frame(sender, [0; 4], Opcode::Close, &code.to_be_bytes())
}

/// What a client may see of one text message, and what was hidden of it; nothing where it was one row of somebody else.
///
/// # Errors
/// When it is not JSON, or cannot be judged.
pub fn message(
    plan: &Plan,
    owner: Option<&Arc<dyn Owns>>,
    text: &Bytes,
) -> Result<(Option<Redacted>, Hidden), Malformed> {
    let nobody = || Arc::new(Nobody) as Arc<dyn Owns>;
    let owner = plan.has_rows().then(|| owner.map_or_else(nobody, Arc::clone));
    let mut walk = Walk::spare(plan, owner.as_ref());
    let start = walk.feed(plan, text)?;
    let end = walk.finish(plan)?;
    let hidden = Hidden::new(plan, &walk.counts, walk.foreign);
    let is_gone = walk.is_gone;
    walk.give_back();
    if is_gone {
        return Ok((None, hidden));
    }
    let all = if end.is_empty() { start } else { [start, end].concat().into() };
    Ok((Some(Redacted(all)), hidden))
}
