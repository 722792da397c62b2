//! Follows the frames of one direction, and puts together what is to be read.
//!
//! Never: holds more than one message and one control frame, or hands on a part of a message that is held.

use bytes::Buf;
use bytes::Bytes;

use crate::limits;
use crate::redact::Beginning;
use crate::redact::Redacted;
use crate::redact::websocket::Bad;
use crate::redact::websocket::Control;
use crate::redact::websocket::Event;
use crate::redact::websocket::Reading;
use crate::redact::websocket::Sender;
use crate::redact::websocket::Text;
use crate::redact::websocket::wire::CONTROL_BYTES_MAX;
use crate::redact::websocket::wire::Head;
use crate::redact::websocket::wire::Opcode;
use crate::redact::websocket::wire::closing;
use crate::redact::websocket::wire::head;
use crate::redact::websocket::wire::mask;

/// Where in the bytes we are.
#[derive(Debug, Clone, Copy)]
enum State {
    /// In a head, of which a part may be held.
    Head,
    /// In a payload that passes; so much is left.
    Passing(Head, u64),
    /// In a payload that is held; so much is left.
    Holding(Head, u64),
}

/// A message that has begun.
#[derive(Debug)]
struct Begun {
    is_held: bool,
    /// How it begins, where it passes unread because its client calls it binary.
    unread: Option<Beginning>,
    text: Vec<u8>,
    /// Of its first frame.
    key: [u8; 4],
}

/// Reads the frames of one direction.
#[derive(Debug)]
pub struct Frames {
    sender: Sender,
    reading: Reading,
    state: State,
    /// The start of a head, or what a control frame carries.
    held: Vec<u8>,
    begun: Option<Begun>,
    messages: u64,
    bad: Option<Bad>,
    is_over: bool,
}

impl Frames {
    /// The direction in which `sender` sends, at its start.
    #[must_use]
    pub const fn new(sender: Sender, reading: Reading) -> Self {
        Self {
            sender,
            reading,
            state: State::Head,
            held: Vec::new(),
            begun: None,
            messages: 0,
            bad: None,
            is_over: false,
        }
    }

    /// How many messages were whole so far.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Has a close frame come? Nothing behind it is looked at.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// May another frame stand behind what has passed? Else it would be read as a part of one.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        !matches!(self.state, State::Passing(_, 1..))
    }

    /// Takes bytes from the front of `input` until they say something; nothing when more are needed.
    ///
    /// # Errors
    /// When nothing more can be read; every later call says so too.
    pub fn next(&mut self, input: &mut Bytes) -> Result<Option<Event>, Bad> {
        if let Some(bad) = self.bad {
            return Err(bad);
        }
        self.step(input).inspect_err(|bad| self.bad = Some(*bad))
    }

    fn step(&mut self, input: &mut Bytes) -> Result<Option<Event>, Bad> {
        loop {
            if self.is_over {
                input.clear();
                return Ok(None);
            }
            match self.state {
                State::Head => match self.head(input)? {
                    None => return Ok(None),
                    Some(head) => {
                        if let Some(passes) = self.begin(head)? {
                            return Ok(Some(Event::Pass(passes)));
                        }
                    }
                },
                State::Passing(head, 0) => self.end(head),
                State::Passing(..) if input.is_empty() => return Ok(None),
                State::Passing(head, left) => {
                    let here = input.split_to(within(left, input.len()));
                    self.look(head, left, &here)?;
                    self.state = State::Passing(head, left - here.len() as u64);
                    return Ok(Some(Event::Pass(Redacted(here))));
                }
                State::Holding(head, 0) => {
                    self.end(head);
                    if let Some(event) = self.say(head)? {
                        return Ok(Some(event));
                    }
                }
                State::Holding(..) if input.is_empty() => return Ok(None),
                State::Holding(head, left) => {
                    let here = input.split_to(within(left, input.len()));
                    self.hold(head, left, &here);
                }
            }
        }
    }

    /// The next head, once it is whole.
    fn head(&mut self, input: &mut Bytes) -> Result<Option<Head>, Bad> {
        while input.has_remaining() {
            self.held.push(input.get_u8());
            if let Some(head) = head(&self.held, self.sender)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// A frame begins: gives its head, if it passes.
    fn begin(&mut self, head: Head) -> Result<Option<Redacted>, Bad> {
        let bytes = std::mem::take(&mut self.held);
        if head.opcode.is_control() {
            if !head.is_last || head.length > CONTROL_BYTES_MAX {
                return Err(Bad::Frame);
            }
            self.state = State::Holding(head, head.length);
            return Ok(None);
        }
        // A message goes on, or another one begins.
        if self.begun.is_some() != (head.opcode == Opcode::Continuation) {
            return Err(Bad::Frame);
        }
        let is_held = match (self.reading, head.opcode) {
            (Reading::Texts { binary_passes: false }, Opcode::Binary) => return Err(Bad::Binary),
            (Reading::Texts { .. }, opcode) => opcode == Opcode::Text,
            (Reading::Unread, _) => false,
        };
        let is_watched = self.sender == Sender::Client && self.reading != Reading::Unread && !is_held;
        let begun = self.begun.get_or_insert_with(|| Begun {
            is_held,
            unread: is_watched.then(Beginning::default),
            text: Vec::new(),
            key: head.key,
        });
        if !begun.is_held {
            self.state = State::Passing(head, head.length);
            return Ok(Some(Redacted(bytes.into())));
        }
        let room = limits::WEBSOCKET_MESSAGE_BYTES_MAX.saturating_sub(begun.text.len());
        if head.length > room as u64 {
            return Err(Bad::TooLong);
        }
        self.state = State::Holding(head, head.length);
        Ok(None)
    }

    /// That nobody can read a message is its client's own word: one that begins like JSON is none that passes unread.
    fn look(&mut self, head: Head, left: u64, here: &[u8]) -> Result<(), Bad> {
        let Some(unread) = self.begun.as_mut().and_then(|begun| begun.unread.as_mut()) else { return Ok(()) };
        let mut plain = here.to_vec();
        mask(&mut plain, turned(head, left));
        if unread.is_refused(&plain) { Err(Bad::Binary) } else { Ok(()) }
    }

    fn hold(&mut self, head: Head, left: u64, here: &[u8]) {
        let to = match &mut self.begun {
            Some(begun) if !head.opcode.is_control() => &mut begun.text,
            Some(_) | None => &mut self.held,
        };
        let start = to.len();
        to.extend_from_slice(here);
        mask(to.get_mut(start..).unwrap_or_default(), turned(head, left));
        self.state = State::Holding(head, left - here.len() as u64);
    }

    /// A frame has ended.
    fn end(&mut self, head: Head) {
        self.state = State::Head;
        if head.is_last && !head.opcode.is_control() {
            self.messages += 1;
            self.begun.take_if(|begun| !begun.is_held);
        }
    }

    /// What a frame that was held says.
    fn say(&mut self, head: Head) -> Result<Option<Event>, Bad> {
        if head.opcode.is_control() {
            let (sender, key, opcode) = (self.sender, head.key, head.opcode);
            let control = Control { sender, key, opcode, payload: std::mem::take(&mut self.held) };
            return Ok(Some(match opcode {
                Opcode::Ping => Event::Ping(control),
                Opcode::Pong => Event::Pong(control),
                Opcode::Close | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                    closing(&control.payload)?;
                    self.is_over = true;
                    Event::Close(control)
                }
            }));
        }
        let Some(Begun { text, key, .. }) = self.begun.take_if(|_| head.is_last) else { return Ok(None) };
        if std::str::from_utf8(&text).is_err() {
            return Err(Bad::Text);
        }
        Ok(Some(Event::Text(Text { sender: self.sender, key, text: text.into() })))
    }
}

/// The key of a payload, as it stands where so much of it is left.
fn turned(head: Head, left: u64) -> [u8; 4] {
    let mut key = head.key;
    key.rotate_left(usize::try_from((head.length - left) % 4).unwrap_or(0));
    key
}

fn within(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}
