//! The frames of WebSockets, and the messages in them.

use std::sync::Arc;

use bytes::Buf;
use bytes::Bytes;
use proptest::prelude::*;

use super::laws::body;
use super::pieces;
use super::plan;
use crate::limits;
use crate::redact::ClassIx;
use crate::redact::Foreign;
use crate::redact::Malformed;
use crate::redact::MediaRange;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::websocket::Bad;
use crate::redact::websocket::Event;
use crate::redact::websocket::Frames;
use crate::redact::websocket::Reading;
use crate::redact::websocket::Sender;
use crate::redact::websocket::close;
use crate::redact::websocket::message;

/// A frame as one writes it by hand: `first` is its first byte.
fn frame(sender: Sender, first: u8, payload: &[u8]) -> Vec<u8> {
    let masked = if sender == Sender::Client { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        length @ ..126 => out.push(masked | u8::try_from(length).unwrap()),
        length @ ..65536 => {
            out.push(masked | 126);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            out.push(masked | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    if sender == Sender::Client {
        let key = [0x12, 0x34, 0x56, 0x78];
        out.extend(key);
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        out.extend(payload);
    }
    out
}

/// What leaves of a direction, and why it ended, if it did.
fn passed(plan: &Plan, sender: Sender, pieces: &[&[u8]]) -> (Vec<u8>, Option<Bad>) {
    let mut frames = Frames::new(sender, Reading::by(plan));
    let mut out = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            let event = match frames.next(&mut input) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(bad) => return (out, Some(bad)),
            };
            let mut leaves = match event {
                Event::Pass(bytes) => bytes,
                Event::Text(text) => {
                    let Ok((Some(seen), _)) = message(plan, None, text.text()) else { return (out, None) };
                    text.framed(&seen)
                }
                Event::Ping(control) | Event::Pong(control) => control.passed(),
                Event::Close(control) => control.emptied(),
            };
            out.extend_from_slice(&leaves.copy_to_bytes(leaves.remaining()));
        }
    }
    (out, None)
}

fn bytes(mut redacted: crate::redact::Redacted) -> Bytes {
    redacted.copy_to_bytes(redacted.len())
}

const BOTH: [Sender; 2] = [Sender::Client, Sender::App];
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;

#[test]
fn a_greeting_is_the_same_bare_masked_and_in_two_fragments() {
    // Five letters: as an app sends them, as a client does with a key, and in a piece of three and one of two.
    let bare = [&[0x81, 0x05][..], b"Hello"].concat();
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let pieces = [&[0x01, 0x03][..], b"Hel", &[0x80, 0x02], b"lo"].concat();
    for (sender, sent) in [(Sender::App, &bare[..]), (Sender::Client, &masked), (Sender::App, &pieces)] {
        let mut frames = Frames::new(sender, Reading::Texts { binary_passes: false });
        let mut input = Bytes::copy_from_slice(sent);
        let Ok(Some(Event::Text(text))) = frames.next(&mut input) else { panic!("{sent:02x?}") };
        assert_eq!((&text.text()[..], frames.messages()), (&b"Hello"[..], 1));
    }
    // A ping and its pong with the same five letters; binary messages of 256 bytes and of 64 KiB.
    let ping = [&[0x89, 0x05][..], b"Hello"].concat();
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let mut input = Bytes::from(ping);
    let mut frames = Frames::new(Sender::App, Reading::Unread);
    let Ok(Some(Event::Ping(ping))) = frames.next(&mut input) else { panic!() };
    let mut input = Bytes::copy_from_slice(&pong);
    let mut frames = Frames::new(Sender::Client, Reading::Unread);
    let Ok(Some(Event::Pong(pong))) = frames.next(&mut input) else { panic!() };
    assert!(ping.carries_what(&pong));
    for head in [&[0x82, 0x7e, 0x01, 0x00][..], &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]] {
        let length = if head.len() == 4 { 256 } else { 65_536 };
        let sent = [head, &vec![7; length]].concat();
        assert_eq!(passed(&Plan::nothing(), Sender::App, &[&sent]), (sent.clone(), None));
    }
}

#[test]
fn each_text_message_is_a_document_however_it_is_cut_and_fragmented() {
    let plan = plan(&[("$..ssn", "drop")]);
    for sender in BOTH {
        let sent = [
            frame(sender, TEXT, b"{\"ssn\":1,\"a\":2}"),
            frame(sender, 0x01, b"{\"s"),
            frame(sender, PING, b"p"),
            frame(sender, 0x00, b"sn\":\"SECRET\""),
            frame(sender, 0x00, b""),
            frame(sender, PONG, b""),
            frame(sender, 0x80, b"}"),
            frame(sender, CLOSE, &[&1000_u16.to_be_bytes()[..], b"bye SECRET"].concat()),
            frame(sender, TEXT, b"behind the end"),
        ]
        .concat();
        let wanted = [
            frame(sender, TEXT, b"{\"a\":2}"),
            frame(sender, PING, b"p"),
            frame(sender, PONG, b""),
            frame(sender, TEXT, b"{}"),
            frame(sender, CLOSE, &1000_u16.to_be_bytes()),
        ]
        .concat();
        for at in 0..=sent.len() {
            assert_eq!(passed(&plan, sender, &[&sent[..at], &sent[at..]]), (wanted.clone(), None), "{at}");
        }
        let single: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(passed(&plan, sender, &single), (wanted, None));
    }
}

#[test]
fn what_may_not_stand_there_ends_the_direction_and_nothing_of_it_leaves() {
    let plan = plan(&[("ssn", "drop")]);
    for sender in BOTH {
        let other = if sender == Sender::Client { Sender::App } else { Sender::Client };
        let json = b"{\"ssn\":1}";
        let begun = frame(sender, 0x01, b"{");
        for (sent, why) in [
            (frame(sender, BINARY, json), Bad::Binary),
            (frame(sender, 0x02, json), Bad::Binary),
            (frame(sender, 0xc1, json), Bad::Frame),
            (frame(sender, 0xa1, json), Bad::Frame),
            (frame(sender, 0x91, json), Bad::Frame),
            (frame(sender, 0x83, json), Bad::Frame),
            (frame(sender, 0x8b, json), Bad::Frame),
            (frame(other, TEXT, json), Bad::Frame),
            (frame(sender, 0x80, json), Bad::Frame),
            ([begun.clone(), frame(sender, TEXT, b"}")].concat(), Bad::Frame),
            ([begun, frame(sender, BINARY, b"}")].concat(), Bad::Frame),
            (frame(sender, 0x09, b""), Bad::Frame),
            (frame(sender, PING, &[0; 126]), Bad::Frame),
            (frame(sender, CLOSE, b"x"), Bad::Frame),
            (frame(sender, CLOSE, &999_u16.to_be_bytes()), Bad::Frame),
            (frame(sender, CLOSE, &1005_u16.to_be_bytes()), Bad::Frame),
            (frame(sender, CLOSE, &[0x03, 0xe8, 0xff]), Bad::Text),
            (frame(sender, TEXT, b"\"\xff\""), Bad::Text),
            (frame(sender, TEXT, &vec![b' '; limits::WEBSOCKET_MESSAGE_BYTES_MAX + 1]), Bad::TooLong),
        ] {
            assert_eq!(
                passed(&plan, sender, &[&sent]),
                (Vec::new(), Some(why)),
                "{:02x?}",
                &sent[..10.min(sent.len())]
            );
            let single: Vec<&[u8]> = sent.chunks(1).take(200).collect();
            assert_eq!(passed(&plan, sender, &single), (Vec::new(), Some(why)));
        }
        for no_json in [&b"ssn=1"[..], b"", b"{\"ssn\":1}{}", b"{\"ssn\":1"] {
            assert_eq!(passed(&plan, sender, &[&frame(sender, TEXT, no_json)]), (Vec::new(), None));
        }
        // A length that could be written shorter.
        let bit = if sender == Sender::Client { 0x80 } else { 0 };
        for long in [
            &[TEXT, bit | 126, 0, 125, 1, 2, 3, 4][..],
            &[TEXT, bit | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4],
            &[TEXT, bit | 127, 0x80, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4],
        ] {
            assert_eq!(passed(&plan, sender, &[long]), (Vec::new(), Some(Bad::Frame)));
        }
    }
}

#[test]
fn frames_are_followed_where_nothing_is_hidden_too_and_pass_as_they_came() {
    let plan = Plan::nothing();
    for sender in BOTH {
        let sent = [
            frame(sender, BINARY, b"\xff"),
            frame(sender, 0x01, b"\xc3"),
            frame(sender, PING, b"p"),
            frame(sender, 0x80, &vec![b'x'; limits::WEBSOCKET_MESSAGE_BYTES_MAX + 1]),
            frame(sender, TEXT, b""),
        ]
        .concat();
        assert_eq!(passed(&plan, sender, &[&sent]), (sent.clone(), None));
        let small: Vec<&[u8]> = sent.chunks(4_001).collect();
        assert_eq!(passed(&plan, sender, &small), (sent.clone(), None));
        assert_eq!(passed(&plan, sender, &[b"GET / HTTP/1.1\r\n\r\n"]).1, Some(Bad::Frame));
        // Within what passes no frame of our own may stand.
        let mut frames = Frames::new(sender, Reading::Unread);
        let whole = frame(sender, BINARY, b"1234");
        let mut between = Vec::new();
        for byte in &whole {
            assert!(frames.next(&mut Bytes::copy_from_slice(&[*byte])).is_ok());
            between.push(frames.is_between_frames());
        }
        let head = whole.len() - 4;
        assert_eq!(between.iter().filter(|is| **is).count(), head, "{between:?}");
        assert!(between[..head - 1].iter().all(|is| *is) && between[whole.len() - 1]);
        assert_eq!(frames.messages(), 0, "counted with the next look");
        assert!(matches!(frames.next(&mut Bytes::new()), Ok(None)));
        assert_eq!(frames.messages(), 1);
    }
}

#[test]
fn many_fragments_are_bounded_together_and_an_error_stays() {
    let mut frames = Frames::new(Sender::App, Reading::Texts { binary_passes: false });
    let part = vec![b' '; limits::WEBSOCKET_MESSAGE_BYTES_MAX / 4];
    for first in [0x01, 0x00, 0x00, 0x00] {
        assert!(matches!(frames.next(&mut frame(Sender::App, first, &part).into()), Ok(None)));
    }
    let mut more = Bytes::from(frame(Sender::App, 0x00, b" "));
    assert_eq!(frames.next(&mut more).map(drop), Err(Bad::TooLong));
    assert_eq!(frames.next(&mut frame(Sender::App, PING, b"").into()).map(drop), Err(Bad::TooLong));
    for bad in [Bad::Frame, Bad::Text, Bad::Binary, Bad::TooLong] {
        let wanted = frame(Sender::App, CLOSE, &bad.code().to_be_bytes());
        assert_eq!(bytes(close(Sender::App, bad.code())), wanted);
    }
    assert_eq!(bytes(close(Sender::Client, 1001))[..6], [CLOSE, 0x82, 0, 0, 0, 0]);
}

#[test]
fn a_control_frame_carries_nothing_or_what_another_one_did() {
    for sender in BOTH {
        let control = |first, payload: &[u8]| {
            let mut frames = Frames::new(sender, Reading::Unread);
            match frames.next(&mut frame(sender, first, payload).into()) {
                Ok(Some(Event::Ping(control) | Event::Pong(control) | Event::Close(control))) => control,
                other => panic!("{other:?}"),
            }
        };
        let (ping, pong) = (control(PING, b"SECRET"), control(PONG, b""));
        assert_eq!(bytes(ping.passed()), frame(sender, PING, b"SECRET"));
        assert_eq!(bytes(ping.emptied()), frame(sender, PING, b""));
        assert_eq!(bytes(pong.carrying(&ping)), frame(sender, PONG, b"SECRET"));
        assert!(!pong.carries_what(&ping) && ping.carries_what(&control(PONG, b"SECRET")));
        let end = control(CLOSE, b"\x03\xe8SECRET");
        assert_eq!(bytes(end.emptied()), frame(sender, CLOSE, b"\x03\xe8"));
        assert_eq!(bytes(control(CLOSE, b"").emptied()), frame(sender, CLOSE, b""));
    }
}

#[test]
fn binary_messages_pass_where_the_route_says_so_and_texts_are_read_beside_them() {
    let mut shape = ShapeBuilder::new();
    shape.path("ssn", ClassIx(0)).unwrap();
    let shape =
        shape.build().unwrap().with_opaque(vec![MediaRange::parse("application/octet-stream").unwrap()]);
    let plan = Plan::new(&Arc::new(shape), [(ClassIx(0), crate::redact::Mask::Drop)], None);
    let sent = [
        frame(Sender::App, 0x02, b"{\"ssn\""),
        frame(Sender::App, 0x80, b":1}"),
        frame(Sender::App, TEXT, b"{\"ssn\":1}"),
    ]
    .concat();
    let wanted = [&sent[..14], &frame(Sender::App, TEXT, b"{}")].concat();
    let (left, bad) = passed(&plan, Sender::App, &[&sent]);
    assert_eq!((bad, &left[..9]), (None, &sent[..9]));
    assert_eq!(left[left.len() - 4..], wanted[wanted.len() - 4..]);
    assert!(!left.ends_with(b"1}"));
}

#[test]
fn a_binary_message_of_a_client_that_begins_like_json_does_not_pass_unread() {
    let mut shape = ShapeBuilder::new();
    shape.path("ssn", ClassIx(0)).unwrap();
    let shape =
        shape.build().unwrap().with_opaque(vec![MediaRange::parse("application/octet-stream").unwrap()]);
    let plan = Plan::new(&Arc::new(shape), [(ClassIx(0), crate::redact::Mask::Drop)], None);
    let client = Sender::Client;
    let json =
        [frame(client, 0x02, b" \n"), frame(client, 0x00, b" "), frame(client, 0x80, b"\n{\"ssn\":1}")];
    for pieces in [1, 3, 7, 100] {
        let sent = json.concat();
        let (left, bad) = passed(&plan, client, &sent.chunks(pieces).collect::<Vec<_>>());
        assert_eq!(bad, Some(Bad::Binary));
        assert!(
            left.len() <= json[0].len() + json[1].len() + 7,
            "no more than white space has left: {left:02x?}"
        );
    }
    let image = [frame(client, 0x02, b"\x89PNG"), frame(client, 0x80, b"{\"ssn\":1}")].concat();
    for pieces in [1, 3, 100] {
        assert_eq!(passed(&plan, client, &image.chunks(pieces).collect::<Vec<_>>()), (image.clone(), None));
    }
    assert_eq!(passed(&plan, Sender::App, &[&frame(Sender::App, BINARY, b"{}")]).1, None);
    let free = frame(client, BINARY, b"{}");
    assert_eq!(passed(&Plan::nothing(), client, &[&free]), (free.clone(), None));
}

#[derive(Debug)]
struct Acme;

impl Owns for Acme {
    fn owns(&self, text: &str) -> bool {
        text == "acme"
    }
}

#[test]
fn a_message_that_is_a_row_of_somebody_else_does_not_leave() {
    let mut shape = ShapeBuilder::new();
    shape.rows("$", "tenant", Foreign::Drop).unwrap();
    let plan = Plan::new(&Arc::new(shape.build().unwrap()), [], None);
    assert_eq!(Reading::by(&plan), Reading::Texts { binary_passes: false });
    let owner: Arc<dyn Owns> = Arc::new(Acme);
    let ours = Bytes::from_static(b"{\"tenant\":\"acme\",\"a\":1}");
    let theirs = Bytes::from_static(b"{\"tenant\":\"globex\",\"a\":1}");
    let (seen, hidden) = message(&plan, Some(&owner), &ours).unwrap();
    assert_eq!((bytes(seen.unwrap()), hidden.foreign_rows()), (ours.clone(), 0));
    let (seen, hidden) = message(&plan, Some(&owner), &theirs).unwrap();
    assert!(seen.is_none() && hidden.foreign_rows() == 1);
    let (seen, _) = message(&plan, None, &ours).unwrap();
    assert!(seen.is_none(), "without an owner no row may stay");
    let mut shape = ShapeBuilder::new();
    shape.rows("$", "tenant", Foreign::Refuse).unwrap();
    let plan = Plan::new(&Arc::new(shape.build().unwrap()), [], None);
    assert!(matches!(message(&plan, Some(&owner), &theirs), Err(Malformed::ForeignRow { .. })));
}

proptest! {
    #[test]
    fn each_message_leaves_as_its_document_would_alone_wherever_it_is_cut(
        documents in proptest::collection::vec((body(), any::<prop::sample::Index>()), 0..4),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let rules = [("$..a", "drop"), ("$..ssn", "keep-last(2)"), ("b", "pseudonym")];
        let plan = plan(&rules);
        for sender in BOTH {
            let (mut sent, mut wanted) = (Vec::new(), Vec::new());
            for (text, cut) in &documents {
                let (start, end) = text.as_bytes().split_at(cut.index(text.len() + 1));
                sent.extend([frame(sender, 0x01, start), frame(sender, PING, b"x"), frame(sender, 0x80, end)].concat());
                wanted.extend(frame(sender, PING, b"x"));
                wanted.extend(frame(sender, TEXT, super::seen(&rules, text).as_bytes()));
            }
            prop_assert_eq!(passed(&plan, sender, &pieces(&sent, &cuts)), (wanted, None));
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_nothing(
        bytes in proptest::collection::vec(prop_oneof![Just(0x81_u8), Just(0x01), Just(0x80), Just(2), Just(b'1'), any::<u8>()], 0..40),
        hides in any::<bool>(),
    ) {
        let plan = if hides { plan(&[("a", "drop")]) } else { Arc::new(Plan::nothing()) };
        for sender in BOTH {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(passed(&plan, sender, &[&bytes]), passed(&plan, sender, &single));
        }
    }
}
