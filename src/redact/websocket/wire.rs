//! Frames as bytes (RFC 6455, section 5.2): their heads, their masks, what a close frame carries.
//!
//! Never: takes for a frame what two readers could read differently.

use crate::redact::Redacted;
use crate::redact::websocket::Bad;
use crate::redact::websocket::Sender;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(super) const fn new(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Most bytes that a control frame carries (section 5.5).
pub(super) const CONTROL_BYTES_MAX: u64 = 125;

/// A frame's head: what follows has this length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) is_last: bool,
    pub(super) opcode: Opcode,
    pub(super) length: u64,
    pub(super) key: [u8; 4],
}

/// The head of a frame, if it is whole.
pub(super) fn head(bytes: &[u8], sender: Sender) -> Result<Option<Head>, Bad> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    // The bits of extensions, of which none was agreed on.
    if first & 0x70 != 0 {
        return Err(Bad::Frame);
    }
    let opcode = Opcode::new(first & 15).ok_or(Bad::Frame)?;
    let Some((second, rest)) = rest.split_first() else { return Ok(None) };
    if (second & 0x80 != 0) != (sender == Sender::Client) {
        return Err(Bad::Frame);
    }
    let (length, rest) = match second & 0x7f {
        126 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest),
            None => return Ok(None),
        },
        length => (u64::from(length), rest),
    };
    // A length is written as short as it can be, and its first bit is not set.
    let fits = match second & 0x7f {
        126 => length > CONTROL_BYTES_MAX,
        127 => length > u64::from(u16::MAX) && length <= i64::MAX.cast_unsigned(),
        _ => true,
    };
    if !fits {
        return Err(Bad::Frame);
    }
    let key = match (sender, rest.first_chunk()) {
        (Sender::App, _) => [0; 4],
        (Sender::Client, Some(key)) => *key,
        (Sender::Client, None) => return Ok(None),
    };
    Ok(Some(Head { is_last: first & 0x80 != 0, opcode, length, key }))
}

/// Is this what a close frame may carry (sections 7.4.1 and 7.4.2, and the registry of codes)?
pub(super) fn closing(payload: &[u8]) -> Result<(), Bad> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(()) } else { Err(Bad::Frame) };
    };
    if !matches!(u16::from_be_bytes(*code), 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Bad::Frame);
    }
    std::str::from_utf8(reason).map_or(Err(Bad::Text), |_| Ok(()))
}

/// Masks, or takes the mask off.
pub(super) fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (whole, rest) = bytes.as_chunks_mut::<8>();
    for piece in whole {
        *piece = (u64::from_ne_bytes(*piece) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// One whole frame.
pub(super) fn frame(sender: Sender, key: [u8; 4], opcode: Opcode, payload: &[u8]) -> Redacted {
    let masked = if sender == Sender::Client { 0x80 } else { 0 };
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(0x80 | opcode.number());
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => out.push(masked | length),
        (_, Ok(length)) => {
            out.push(masked | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(masked | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    if sender == Sender::Client {
        out.extend_from_slice(&key);
    }
    let start = out.len();
    out.extend_from_slice(payload);
    if sender == Sender::Client {
        mask(out.get_mut(start..).unwrap_or_default(), key);
    }
    Redacted(out.into())
}
