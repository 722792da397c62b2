//! Laws of the archive: nothing is lost on the way into it, whatever stops it.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::audit::frame;
use crate::evidence::Folder;
use crate::ids::DecisionId;
use crate::limits;

/// A field of a record, with the key's code.
#[derive(Debug, Clone)]
enum Field {
    Text(u8, String, bool),
    Bytes(u8, Vec<u8>),
    Number(u8, u64),
    Id(u8, [u8; 16]),
    Hex(u8, Vec<u8>),
    Time(u8, u64),
    Ip(u8, std::net::IpAddr),
    Object(u8, Vec<Self>),
    List(u8, Vec<Self>, bool),
}

/// Mostly keys that have a column, and among them mostly those that hold others.
fn keys() -> impl Strategy<Value = u8> {
    let named = [
        "principal",
        "id",
        "type",
        "tenant",
        "roles",
        "reasons",
        "policy_id",
        "policies",
        "classes",
        "revealed",
        "hidden",
        "class",
        "redactions",
        "count",
        "latency_us",
        "total",
        "http",
        "status",
        "path",
        "now",
        "decision_id",
        "trace_id",
        "source_ip",
        "request_id",
        "snapshot",
    ];
    let codes: Vec<u8> =
        named.iter().map(|name| 1 + entry::KEYS.iter().position(|key| key == name).unwrap() as u8).collect();
    prop_oneof![6 => prop::sample::select(codes), 1 => 1..=entry::KEYS.len() as u8]
}

fn fields() -> impl Strategy<Value = Field> {
    let leaf = prop_oneof![
        (keys(), any::<String>(), any::<bool>()).prop_map(|(key, text, cut)| Field::Text(key, text, cut)),
        (keys(), vec(any::<u8>(), 0..40)).prop_map(|(key, bytes)| Field::Bytes(key, bytes)),
        (keys(), any::<u64>()).prop_map(|(key, number)| Field::Number(key, number)),
        (keys(), any::<[u8; 16]>()).prop_map(|(key, id)| Field::Id(key, id)),
        (keys(), prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 16), vec(any::<u8>(), 32)])
            .prop_map(|(key, bytes)| Field::Hex(key, bytes)),
        (keys(), prop_oneof![any::<u64>(), Just(1_700_000_000_100), Just(0)])
            .prop_map(|(key, time)| Field::Time(key, time)),
        (keys(), any::<std::net::IpAddr>()).prop_map(|(key, ip)| Field::Ip(key, ip)),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            (keys(), vec(inner.clone(), 0..5)).prop_map(|(key, all)| Field::Object(key, all)),
            (keys(), vec(inner, 0..5), any::<bool>()).prop_map(|(key, all, cut)| Field::List(key, all, cut)),
        ]
    })
}

fn write(out: &mut Vec<u8>, field: &Field, in_list: bool) {
    let mut put = |key: u8, value: Value<'_>| entry::append(out, if in_list { 0 } else { key }, &value);
    match field {
        Field::Text(key, text, cut) => put(*key, Value::Text(text, *cut)),
        Field::Bytes(key, bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => put(*key, Value::Text(text, false)),
            Err(_) => put(*key, Value::Bytes(bytes, false)),
        },
        Field::Number(key, number) => put(*key, Value::Number(*number)),
        Field::Id(key, id) => put(*key, Value::Id(DecisionId::from_bytes(*id))),
        Field::Hex(key, bytes) => put(*key, Value::Hex(bytes)),
        Field::Time(key, time) => put(*key, Value::Time(*time)),
        Field::Ip(key, ip) => put(*key, Value::Ip(*ip)),
        Field::Object(key, inner) => {
            put(*key, Value::Object);
            inner.iter().for_each(|field| write(out, field, false));
            entry::append(out, 0, &Value::ObjectEnd);
        }
        Field::List(key, inner, cut) => {
            put(*key, Value::List);
            inner.iter().for_each(|field| write(out, field, true));
            entry::append(out, 0, &Value::ListEnd(*cut));
        }
    }
}

fn record(head: &Entry<'_>, fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    entry::append_head(&mut out, head);
    fields.iter().for_each(|field| write(&mut out, field, false));
    out
}

/// A log of these segments, each of records; all but the last `open` ones are sealed.
pub(crate) fn log(at: &Path, segments: &[Vec<Vec<u8>>], open: usize) -> Folder {
    fs::create_dir_all(at.join("segments")).unwrap();
    let id = "00112233445566778899aabbccddeeff";
    let described = format!(r#"{{"version":1,"log_id":"{id}","origin":"palisade.example/log"}}"#);
    fs::write(at.join("log.json"), described).unwrap();
    let mut seq = 0;
    for (place, records) in segments.iter().enumerate() {
        let mut bytes = [&frame::MAGIC[..], &u128::from_str_radix(id, 16).unwrap().to_be_bytes()].concat();
        let (first, begin) = (seq, bytes.len());
        for record in records {
            bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(record);
        }
        seq += frame::number(&mut bytes[begin..], seq);
        let name = format!("segments/{first:020}.seg");
        drop(fs::remove_file(at.join(&name)));
        if place + open < segments.len() {
            fs::write(at.join(name + ".zst"), zstd::stream::encode_all(&*bytes, 3).unwrap()).unwrap();
        } else {
            fs::write(at.join(name), bytes).unwrap();
        }
    }
    Folder::open(at).unwrap()
}

/// All records of the log as its segments hold them, and as the archive does, each by number.
fn both(log: &Folder, archive: &Path) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut of_log = Vec::new();
    for segment in log.segments().unwrap() {
        let mut records = crate::evidence::Records::open(log, &segment).unwrap().unwrap();
        while let Some(crate::evidence::Read::Record(record)) = records.read().unwrap() {
            of_log.push(record.to_vec());
        }
    }
    let manifest = Manifest::read(archive, log.log_id()).unwrap();
    let mut of_archive: Vec<(u64, Vec<u8>)> = Vec::new();
    for kept in &manifest.files {
        let batch = file::read(&archive.join(&kept.path)).unwrap();
        assert_eq!(batch.num_rows() as u64, kept.rows);
        let mut times = Vec::new();
        for at in 0..batch.num_rows() {
            let row = columns::row(&batch, at).unwrap();
            assert!((kept.since_us..=kept.until_us).contains(&row.time_us) && row.book == kept.book);
            times.push(row.time_us);
            let mut out = Vec::new();
            row.record(&mut out).unwrap();
            of_archive.push((row.seq, out));
        }
        assert!(times.chunks(limits::ARCHIVE_GROUP_ROWS).all(<[i64]>::is_sorted), "{}", kept.path);
        assert_eq!((times.iter().min(), times.iter().max()), (Some(&kept.since_us), Some(&kept.until_us)));
    }
    of_archive.sort();
    (of_log, of_archive.into_iter().map(|(_, record)| record).collect())
}

fn simple(book: &str, time_ms: u64) -> Vec<u8> {
    record(&Entry::head(Kind::Decision, false, (0, time_ms), book), &[])
}

const DAY: u64 = 24 * 60 * 60 * 1_000;

proptest! {
    #[test]
    fn any_record_as_a_row_gives_the_same_bytes(
        all in vec(fields(), 0..7), book in "[a-z/]{0,20}", seq: u64,
        time_ms in prop_oneof![Just(1_700_000_000_123_u64), any::<u64>()], mirror: bool,
    ) {
        let record = record(&Entry::head(Kind::Outcome, mirror, (seq, time_ms), &book), &all);
        let row = row::Row::of(&record).unwrap();
        let mut again = Vec::new();
        row.record(&mut again).unwrap();
        prop_assert_eq!(&again, &record);
        // And by way of columns.
        let mut side = columns::Columns::default();
        side.push(&row);
        side.push(&row);
        let batch = side.finish().unwrap();
        let read = columns::row(&batch, 1).unwrap();
        prop_assert_eq!(&read, &row);
        // What checks it finds nothing to keep whole.
        prop_assert_eq!(row::Row::checked(&record, &mut again).unwrap(), row);
    }

    #[test]
    fn any_rest_is_of_a_record_or_not_and_never_more(rest in vec(any::<u8>(), 0..60)) {
        let record = simple("acme", 5);
        let row = row::Row { rest, ..row::Row::of(&record).unwrap() };
        let mut out = b"before".to_vec();
        if row.record(&mut out).is_err() {
            prop_assert_eq!(&*out, b"before");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_in_the_archive_is_what_was_sealed(
        segments in vec(vec((prop::sample::select(vec!["", "acme", "acme/west", "globex"]), 0..70_u64, vec(fields(), 0..4)), 1..6), 1..5),
        open in 0..2_usize,
    ) {
        let at = tempfile::tempdir().unwrap();
        let archive = at.path().join("archive");
        let segments: Vec<Vec<Vec<u8>>> = segments.iter().map(|records| {
            records.iter().map(|(book, day, all)| record(&Entry::head(Kind::Decision, false, (0, 20_000 * DAY + day * DAY), book), all)).collect()
        }).collect();
        let open = open.min(segments.len());
        let log = log(at.path(), &segments, open);
        let sealed: usize = segments.iter().take(segments.len() - open).map(Vec::len).sum();
        let done = compact(&log, &archive, &mut |_| {}).unwrap();
        prop_assert_eq!((done.records, done.all_records), (sealed as u64, sealed as u64));
        let (of_log, of_archive) = both(&log, &archive);
        prop_assert_eq!(&of_archive, &of_log[..sealed]);
        // Once more does nothing.
        let again = compact(&log, &archive, &mut |_| {}).unwrap();
        prop_assert_eq!((again.records, again.segments, again.files), (0, 0, done.files));
    }
}

#[test]
fn what_was_begun_is_begun_anew_and_what_does_not_count_goes() {
    let at = tempfile::tempdir().unwrap();
    let archive = at.path().join("archive");
    let day: Vec<Vec<u8>> = (0..5).map(|at| simple("acme", 20_000 * DAY + at)).collect();
    let folder = log(at.path(), &[day.clone(), day.clone()], 1);
    compact(&folder, &archive, &mut |_| {}).unwrap();
    // It is stopped between the files and the manifest: the second segment's file is there and does not count.
    let before = fs::read(archive.join(MANIFEST)).unwrap();
    let folder = log(at.path(), &[day.clone(), day.clone(), day], 1);
    compact(&folder, &archive, &mut |_| {}).unwrap();
    fs::write(archive.join(MANIFEST), before).unwrap();
    let stray = archive.join("books/acme/2024-10/00000000000000000099-00000000000000000099.parquet");
    fs::write(&stray, "half").unwrap();
    let done = compact(&folder, &archive, &mut |_| {}).unwrap();
    assert_eq!((done.records, done.segments, done.all_records), (5, 1, 10));
    assert!(!stray.exists());
    let (of_log, of_archive) = both(&folder, &archive);
    assert_eq!(of_archive, of_log[..10]);
}

#[test]
fn of_many_files_few_are_left_and_the_old_ones_go_a_run_later() {
    let at = tempfile::tempdir().unwrap();
    let archive = at.path().join("archive");
    let mut segments: Vec<Vec<Vec<u8>>> = Vec::new();
    let there = || fs::read_dir(archive.join("books/acme/2024-10")).unwrap().count();
    let mut files = Vec::new();
    for round in 0..40_u64 {
        segments.push((0..3).map(|at| simple("acme", 20_000 * DAY + 500 - round * 7 + at)).collect());
        let done = compact(&log(at.path(), &segments, 0), &archive, &mut |_| {}).unwrap();
        files.push((done.files, there()));
    }
    assert_eq!(files[..4], [(1, 1), (1, 2), (1, 2), (2, 2)], "what was read a moment ago is still there");
    // Each has less than half the rows of the one before it.
    assert!(files.iter().all(|(files, _)| *files <= 6), "{files:?}");
    let folder = log(at.path(), &segments, 0);
    let (of_log, of_archive) = both(&folder, &archive);
    assert_eq!(of_archive, of_log);
    // The month is over once there is another.
    segments.push(vec![simple("acme", 20_031 * DAY)]);
    let done = compact(&log(at.path(), &segments, 0), &archive, &mut |_| {}).unwrap();
    assert_eq!(done.files, 2);
    let (of_log, of_archive) = both(&folder, &archive);
    assert_eq!(of_archive, of_log);
}

#[test]
fn more_records_than_are_in_memory_at_once_go_in_by_parts() {
    let at = tempfile::tempdir().unwrap();
    let archive = at.path().join("archive");
    let all = limits::ARCHIVE_ROWS as u64 * 2 + 77;
    // One book has most, so that its part has several groups; times are not in the order of numbers.
    let book = |at: u64| if at.is_multiple_of(5) { "globex" } else { "acme" };
    let records = (0..all).map(|at| simple(book(at), 20_000 * DAY + (at ^ 0x155))).collect();
    let folder = log(at.path(), &[records], 0);
    let done = compact(&folder, &archive, &mut |_| {}).unwrap();
    assert_eq!((done.records, done.files), (all, 3));
    let (of_log, of_archive) = both(&folder, &archive);
    assert!(of_archive == of_log, "a record is another one");
    // What never counted is gone at once.
    assert_eq!(fs::read_dir(archive.join("books/acme/2024-10")).unwrap().count(), 2);
}

#[test]
fn a_damaged_segment_is_named_and_nothing_of_it_counts() {
    let at = tempfile::tempdir().unwrap();
    let archive = at.path().join("archive");
    let folder = log(at.path(), &[vec![simple("acme", 1)], vec![simple("acme", 2)]], 0);
    let path = at.path().join("segments/00000000000000000001.seg.zst");
    let mut bytes = zstd::stream::decode_all(&*fs::read(&path).unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, zstd::stream::encode_all(&*bytes, 3).unwrap()).unwrap();
    let refused = compact(&folder, &archive, &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("00000000000000000001.seg.zst") && refused.contains("verify"), "{refused}");
    assert_eq!(Manifest::read(&archive, folder.log_id()).unwrap(), Manifest::empty(folder.log_id()));
}

#[test]
fn what_the_log_no_longer_had_is_told_and_the_rest_goes_in() {
    let at = tempfile::tempdir().unwrap();
    let archive = at.path().join("archive");
    let folder =
        log(at.path(), &[vec![simple("acme", 1)], vec![simple("acme", 2)], vec![simple("acme", 3)]], 0);
    fs::remove_file(at.path().join("segments/00000000000000000000.seg.zst")).unwrap();
    let done = compact(&folder, &archive, &mut |_| {}).unwrap();
    assert_eq!((done.records, done.missing), (2, 1));
}

#[test]
fn an_archive_of_another_log_or_with_names_that_lead_out_of_it_is_refused() {
    let at = tempfile::tempdir().unwrap();
    let archive = at.path().join("archive");
    let folder = log(at.path(), &[vec![simple("acme", 1)]], 0);
    compact(&folder, &archive, &mut |_| {}).unwrap();
    assert!(Manifest::read(&archive, &[7; 16]).unwrap_err().to_string().contains("another log"));
    let mut manifest = Manifest::read(&archive, folder.log_id()).unwrap();
    manifest.files[0].path = "books/../../secret.parquet".into();
    manifest.write(&archive).unwrap();
    assert!(Manifest::read(&archive, folder.log_id()).unwrap_err().to_string().contains("outside"));
}
