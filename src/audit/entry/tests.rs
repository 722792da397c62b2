//! Laws of the canonical record and of its frames.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::audit::entry::key;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::ids::DecisionId;
use crate::limits;

/// A value to be written, and what is to be read of it.
#[derive(Debug, Clone)]
enum Written {
    Text(String),
    Bytes(Vec<u8>),
    Number(u64),
    Id([u8; 16]),
    Hex([u8; 8]),
    Time(u64),
    Ip(std::net::IpAddr),
    Object(Vec<Self>),
    List(Vec<String>),
}

fn values() -> impl Strategy<Value = Written> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Written::Text),
        vec(any::<u8>(), 0..40).prop_map(Written::Bytes),
        any::<u64>().prop_map(Written::Number),
        (0..300_u64).prop_map(Written::Number),
        any::<[u8; 16]>().prop_map(Written::Id),
        any::<[u8; 8]>().prop_map(Written::Hex),
        any::<u64>().prop_map(Written::Time),
        any::<std::net::IpAddr>().prop_map(Written::Ip),
        vec(any::<String>(), 0..4).prop_map(Written::List),
    ];
    leaf.prop_recursive(4, 20, 5, |inner| vec(inner, 0..5).prop_map(Written::Object))
}

const KEY: u8 = key!("id");

fn write(pen: &mut Pen<'_>, value: &Written) {
    match value {
        Written::Text(text) => pen.text(KEY, text),
        Written::Bytes(bytes) => pen.bytes(KEY, bytes),
        Written::Number(number) => pen.number(KEY, *number),
        Written::Id(id) => pen.id(KEY, DecisionId::from_bytes(*id)),
        Written::Hex(bytes) => pen.hex(KEY, bytes),
        Written::Time(time) => pen.time(KEY, *time),
        Written::Ip(ip) => pen.ip(KEY, *ip),
        Written::Object(inner) => pen.object(KEY, |pen| inner.iter().for_each(|value| write(pen, value))),
        Written::List(items) => pen.list(KEY, usize::MAX, items, |pen, item| pen.text_value(item)),
    }
}

fn expect(value: &Written, all: &mut Vec<String>) {
    let mut one = |value: Value<'_>| all.push(format!("{KEY} {value:?}"));
    match value {
        Written::Text(text) => one(Value::Text(text, false)),
        Written::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => one(Value::Text(text, false)),
            Err(_) => one(Value::Bytes(bytes, false)),
        },
        Written::Number(number) => one(Value::Number(*number)),
        Written::Id(id) => one(Value::Id(DecisionId::from_bytes(*id))),
        Written::Hex(bytes) => one(Value::Hex(bytes)),
        Written::Time(time) => one(Value::Time(*time)),
        Written::Ip(ip) => one(Value::Ip(*ip)),
        Written::Object(inner) => {
            one(Value::Object);
            inner.iter().for_each(|value| expect(value, all));
            all.push(format!("0 {:?}", Value::ObjectEnd));
        }
        Written::List(items) => {
            one(Value::List);
            all.extend(items.iter().map(|item| format!("0 {:?}", Value::Text(item, false))));
            all.push(format!("0 {:?}", Value::ListEnd(false)));
        }
    }
}

fn record(values: &[Written], book: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut pen = Pen::open(&mut frame, Kind::Outcome, true, 1_700_000_000_123, book);
    values.iter().for_each(|value| write(&mut pen, value));
    pen.close();
    frame
}

proptest! {
    #[test]
    fn any_record_reads_back_as_it_was_written(values in vec(values(), 0..6), book in "[a-z/]{0,20}", seq: u64) {
        let mut frame = record(&values, &book);
        prop_assert_eq!(frame::number(&mut frame, seq), 1);
        let read: Vec<_> = Frames::new(&frame).collect();
        prop_assert_eq!(read.len(), 1);
        let entry = Entry::read(read[0].unwrap()).unwrap();
        prop_assert_eq!((entry.kind, entry.mirror, entry.seq, entry.time_ms, entry.book), (Kind::Outcome, true, seq, 1_700_000_000_123, &*book));
        let read: Vec<_> = entry.tokens().map(|token| token.map(|(key, value)| format!("{key} {value:?}")).unwrap()).collect();
        let mut expected = Vec::new();
        values.iter().for_each(|value| expect(value, &mut expected));
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn tokens_written_again_are_the_bytes_they_were_read_from(values in vec(values(), 0..6), book in "[a-z/]{0,20}", seq: u64) {
        let mut frame = record(&values, &book);
        frame::number(&mut frame, seq);
        let record = Frames::new(&frame).next().unwrap().unwrap();
        let entry = Entry::read(record).unwrap();
        let mut again = Vec::new();
        append_head(&mut again, &entry);
        entry.tokens().for_each(|token| token.map(|(key, value)| append(&mut again, key, &value)).unwrap());
        prop_assert_eq!(again, record);
    }

    #[test]
    fn any_bytes_read_as_records_or_not_and_never_more(bytes in vec(any::<u8>(), 0..200), seq: u64) {
        // Bytes that begin like a record get further.
        let mut bytes = bytes;
        if let Some(head) = bytes.first_chunk_mut::<3>() {
            *head = [VERSION, head[1] % 6, head[2] % 3];
        }
        let mut out = b"before".to_vec();
        if line(&bytes, &mut out).is_err() {
            prop_assert_eq!(&*out, b"before");
        }
        let mut frames = bytes.clone();
        frame::number(&mut frames, seq);
        let read: usize = Frames::new(&bytes).flatten().map(|record| record.len() + frame::HEAD_BYTES).sum();
        prop_assert!(read <= bytes.len());
    }

    #[test]
    fn frames_that_are_cut_anywhere_give_exactly_those_before(values in vec(values(), 0..4), count in 1..5_usize, cut: prop::sample::Index) {
        let mut frames = record(&values, "acme").repeat(count);
        frame::number(&mut frames, 7);
        let each = frames.len() / count;
        let cut = cut.index(frames.len());
        let mut reader = Frames::new(&frames[..cut]);
        let whole = reader.by_ref().take_while(Result::is_ok).count();
        prop_assert_eq!(whole, cut / each);
        prop_assert_eq!(reader.at(), whole * each);
    }
}

#[test]
fn every_changed_bit_of_a_frame_is_told() {
    let mut frames = record(&[Written::Text("a value".into()), Written::Number(5)], "acme").repeat(2);
    frame::number(&mut frames, 0);
    for bit in 0..frames.len() * 8 {
        let mut changed = frames.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Frames::new(&changed).any(|read| read.is_err()), "bit {bit}");
    }
}

/// Or a request that crosses tenants would be lost twice and asked once.
#[test]
fn a_mirror_is_numbered_and_not_counted() {
    let mut frames = record(&[], "acme");
    Pen::open(&mut frames, Kind::Outcome, false, 1, "globex").close();
    assert_eq!(frame::count(&frames), 1);
    assert_eq!(frame::number(&mut frames, 0), 2);
}

#[test]
fn a_number_has_one_spelling() {
    let head = || {
        let mut bytes = vec![VERSION, 1, 0];
        bytes.extend([0; 16]);
        bytes.extend([0, key!("count"), tag::NUMBER]);
        bytes
    };
    let read = |number: &[u8]| {
        let bytes = [head(), number.to_vec()].concat();
        Entry::read(&bytes).unwrap().tokens().next().unwrap().map(|(_, value)| format!("{value:?}"))
    };
    assert_eq!(read(&[5]).unwrap(), "Number(5)");
    assert!(read(&[0x85, 0]).is_err(), "a longer spelling of 5");
    let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(read(&[&longest[..], &[1]].concat()).unwrap(), format!("Number({})", u64::MAX));
    assert!(read(&[&longest[..], &[2]].concat()).is_err(), "past 64 bits");
    assert!(read(&[&longest[..], &[0x81, 0]].concat()).is_err());
}

#[test]
fn what_is_longer_than_a_field_is_cut_between_characters_and_says_so() {
    let long = "é".repeat(limits::RECORD_FIELD_BYTES_MAX);
    let mut frame = record(&[Written::Text(long.clone()), Written::Bytes(vec![0xff; 9_000])], "");
    frame::number(&mut frame, 0);
    let entry = Entry::read(&frame[frame::HEAD_BYTES..]).unwrap();
    let values: Vec<_> = entry.tokens().map(|token| token.unwrap().1).collect();
    assert_eq!(values[0], Value::Text(long.get(..limits::RECORD_FIELD_BYTES_MAX).unwrap(), true));
    assert_eq!(values[1], Value::Bytes(&vec![0xff; limits::RECORD_FIELD_BYTES_MAX], true));
}

/// Records are kept for years: what a code means never changes. A new name goes to the end of the list, and to this one.
#[test]
fn no_key_of_the_log_changes_its_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/record-keys.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, KEYS.join("\n") + "\n").unwrap();
    }
    let known = std::fs::read_to_string(file).unwrap();
    assert!(
        known.lines().eq(KEYS.iter().copied()),
        "names may only be added, at the end: run with UPDATE_GOLDEN=1"
    );
    assert!((1..=KEYS.len()).all(|code| name(u8::try_from(code).unwrap()) == Some(KEYS[code - 1])));
    assert_eq!((name(0), name(255)), (None, None));
}
