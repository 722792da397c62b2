//! What an attacker does to a log, and what the auditor is told of it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]
#![expect(clippy::string_slice, reason = "a test stops at the first surprise")]
#![expect(clippy::panic, reason = "a test stops at the first surprise")]

#[path = "evidence/writer.rs"]
mod writer;

use std::fs;
use std::path::Path;

use palisade::audit::frame;
use palisade::audit::note;
use palisade::audit::note::Note;
use palisade::audit::note::Signer;
use palisade::disk::Disk;
use palisade::disk::Sinks;
use palisade::disk::StoreSettings;
use palisade::evidence;
use palisade::evidence::Asked;
use palisade::evidence::Class;
use palisade::evidence::Report;
use palisade::evidence::What;
use palisade::telemetry::Metrics;
use writer::Field;
use writer::Log;
use writer::framed;
use writer::segments;
use writer::tamper;

/// Records of the usual log.
const SIZE: u64 = 3_500;

fn verify_with(log: &Path, asked: &Asked<'_>) -> Report {
    evidence::verify(log, asked, &mut |_| {}).unwrap()
}

fn verify(log: &Path) -> Report {
    verify_with(log, &Asked { now_ms: writer::START_MS, unsigned_ms: 300_000, ..Asked::default() })
}

/// What was found, as short as a test can say it.
fn found(report: &Report) -> Vec<(What, u64, u64)> {
    report.findings.iter().map(|finding| (finding.what, finding.first, finding.last)).collect()
}

fn one(log: &Path) -> (What, u64, u64) {
    let report = verify(log);
    let [only] = found(&report)[..] else { panic!("{:#?}", report.findings) };
    only
}

fn anchor(text: &str) -> (String, Note) {
    ("anchor".to_owned(), Note::parse(text).unwrap())
}

fn anchored(log: &Path, anchors: &[(String, Note)]) -> Report {
    verify_with(log, &Asked { anchors, now_ms: writer::START_MS, unsigned_ms: 300_000, ..Asked::default() })
}

#[test]
fn a_log_that_nobody_touched_is_as_it_was_written() {
    let log = Log::usual(1);
    let report = verify(log.path());
    assert_eq!(found(&report), [], "{:#?}", report.findings);
    assert_eq!(
        (report.class(), report.size, report.signed, report.records),
        (Class::Sound, SIZE, SIZE, SIZE)
    );
    assert_eq!((report.segments, report.seals, report.checkpoints, report.unchecked), (4, 3, 11, 0));
    assert_eq!(report.key, Some(log.signer.verifier().to_string()));
    assert!(!report.key_trusted);
    let keys = [log.signer.verifier().clone()];
    assert!(verify_with(log.path(), &Asked { keys: &keys, ..Asked::default() }).key_trusted);
}

#[test]
fn a_changed_field_is_named_with_its_bundle() {
    let log = Log::usual(1);
    for (seq, first) in [(5, 0), (1_300, 1_280), (2_222, 2_048)] {
        tamper(log.path(), seq, |records, at| *records[at].last_mut().unwrap() ^= 1);
        let report = verify(log.path());
        assert!(found(&report).contains(&(What::Modified, first, first + 255)), "{:#?}", report.findings);
        assert_eq!(report.class(), Class::Integrity);
    }
    // Three places, three findings; the seals and their heads are what follows from them.
    let report = verify(log.path());
    assert_eq!(report.findings.len(), 3, "{:#?}", report.findings);
    assert!(report.findings[0].follow_ups >= 1);
    assert_eq!((report.checkpoints, report.signed), (11, SIZE));
}

#[test]
fn a_changed_field_in_a_bundle_that_is_not_complete_is_named_with_its_checkpoint() {
    let log = Log::usual(1);
    tamper(log.path(), 3_400, |records, at| *records[at].last_mut().unwrap() ^= 1);
    assert_eq!(one(log.path()), (What::Modified, 3_300, 3_499));
}

#[test]
fn a_field_changed_with_its_bundle_is_named_between_two_checkpoints() {
    let log = Log::usual(1);
    tamper(log.path(), 1_300, |records, at| *records[at].last_mut().unwrap() ^= 1);
    // Whoever changes the record changes the root of its bundle too.
    let mut tree = palisade::audit::tree::Frontier::new();
    let mut bundles = fs::read(log.path().join("bundles")).unwrap();
    tamper(log.path(), 1_300, |records, _| {
        let leaves = records[1_280 - 1_000..1_536 - 1_000].iter();
        let root = leaves.filter_map(|record| tree.append(palisade::audit::tree::leaf_hash(record))).last();
        bundles[5 * 32..6 * 32].copy_from_slice(&root.unwrap());
    });
    fs::write(log.path().join("bundles"), bundles).unwrap();
    let report = verify(log.path());
    assert_eq!(found(&report)[0], (What::Modified, 1_300, 1_599), "{:#?}", report.findings);
    assert_eq!(report.class(), Class::Integrity);
}

#[test]
fn a_changed_root_of_a_bundle_is_told_from_changed_records() {
    let log = Log::usual(1);
    let mut bundles = fs::read(log.path().join("bundles")).unwrap();
    bundles[70] ^= 1;
    fs::write(log.path().join("bundles"), bundles).unwrap();
    let report = verify(log.path());
    assert_eq!(found(&report), [(What::Modified, 512, 767)]);
    assert!(report.findings[0].detail.contains("as they were signed"), "{:?}", report.findings);
}

#[test]
fn a_flipped_byte_is_named_with_its_record_and_its_place() {
    let log = Log::usual(1);
    let path = &segments(log.path())[1];
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    fs::write(path, &bytes).unwrap();
    let report = verify(log.path());
    let [only] = &report.findings[..] else { panic!("{:#?}", report.findings) };
    assert_eq!((only.what, only.first, only.last), (What::Modified, only.first, only.first));
    assert!((1_000..2_000).contains(&only.first) && only.detail.contains("00001000.seg`, bytes "));
    assert_eq!((report.records, report.signed), (SIZE - 1, SIZE));
}

#[test]
fn a_deleted_record_is_missing() {
    let log = Log::usual(1);
    tamper(log.path(), 777, |records, at| drop(records.remove(at)));
    assert_eq!(one(log.path()), (What::Missing, 777, 777));
}

#[test]
fn a_deleted_record_whose_place_the_others_take_is_a_change_from_its_bundle_on() {
    let log = Log::usual(1);
    tamper(log.path(), 3_050, |records, at| {
        records.remove(at);
        for record in &mut records[at..] {
            let seq = u64::from_le_bytes(record[3..11].try_into().unwrap()) - 1;
            record[3..11].copy_from_slice(&seq.to_le_bytes());
        }
    });
    let report = verify(log.path());
    assert_eq!(found(&report)[0], (What::Modified, 2_816, 3_327), "{:#?}", report.findings);
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
}

#[test]
fn two_swapped_records_are_out_of_order() {
    let log = Log::usual(1);
    tamper(log.path(), 1_500, |records, at| records.swap(at, at + 1));
    assert_eq!(one(log.path()), (What::OutOfOrder, 1_500, 1_501));
}

#[test]
fn a_record_that_stands_twice_is_out_of_order() {
    let log = Log::usual(1);
    tamper(log.path(), 1_500, |records, at| records.insert(at, records[at].clone()));
    assert_eq!(one(log.path()), (What::OutOfOrder, 1_500, 1_500));
}

#[test]
fn an_inserted_record_is_a_change_from_its_bundle_on() {
    let log = Log::usual(1);
    tamper(log.path(), 3_100, |records, at| {
        let more = records[at].clone();
        records.insert(at, more);
        for record in &mut records[at + 1..] {
            let seq = u64::from_le_bytes(record[3..11].try_into().unwrap()) + 1;
            record[3..11].copy_from_slice(&seq.to_le_bytes());
        }
    });
    let report = verify(log.path());
    assert_eq!(found(&report)[0], (What::Modified, 3_072, 3_327), "{:#?}", report.findings);
    assert_eq!(report.class(), Class::Integrity);
}

#[test]
fn a_log_cut_at_its_end_is_truncated() {
    let log = Log::usual(1);
    tamper(log.path(), 3_400, |records, at| records.truncate(at));
    assert_eq!(one(log.path()), (What::Truncated, 3_400, 3_499));
    // In the middle of a frame that is where it was torn, and the checkpoint says that it was longer.
    let path = segments(log.path()).pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    assert_eq!(found(&verify(log.path())), [(What::Torn, 3_399, 3_399), (What::Truncated, 3_399, 3_499)]);
}

#[test]
fn a_removed_segment_is_named_with_its_records() {
    let log = Log::usual(1);
    let all = segments(log.path());
    fs::remove_file(&all[1]).unwrap();
    assert_eq!(one(log.path()), (What::MissingSegment, 1_000, 1_999));
    fs::remove_file(&all[0]).unwrap();
    assert_eq!(one(log.path()), (What::MissingSegment, 0, 1_999));
    fs::remove_file(&all[3]).unwrap();
    let report = verify(log.path());
    assert_eq!(found(&report), [(What::MissingSegment, 0, 1_999), (What::Truncated, 3_000, 3_499)]);
    assert_eq!(report.class(), Class::Incomplete);
}

#[test]
fn pruned_segments_are_no_error_where_a_signed_record_says_so() {
    let mut log = Log::new(1);
    log.decisions(999).seal(true).checkpoint();
    log.decisions(600);
    log.event(&[("event", Field::Text("prune")), ("first", Field::Number(0)), ("last", Field::Number(999))]);
    log.write();
    fs::remove_file(&segments(log.path())[0]).unwrap();
    // Not before a checkpoint covers that record: anybody can write one.
    let report = verify(log.path());
    assert_eq!(found(&report)[0], (What::MissingSegment, 0, 999), "{:#?}", report.findings);
    log.decisions(400).seal(true).checkpoint().write();
    let report = verify(log.path());
    assert_eq!(found(&report), [(What::Pruned, 0, 999)]);
    assert_eq!((report.class(), report.seals, report.signed), (Class::Sound, 1, 2_002));
    // A range that it does not name is missing all the same.
    fs::remove_file(&segments(log.path())[0]).unwrap();
    assert_eq!(found(&verify(log.path()))[0].0, What::MissingSegment);
}

#[test]
fn another_keys_checkpoint_is_none() {
    let mut log = Log::usual(1);
    let stranger = Signer::read("palisade.log/0102", &[8; 32]).unwrap();
    log.checkpoints.push(note::checkpoint("palisade.log/0102", SIZE, &log.trees.root(), &stranger));
    log.write_checkpoints();
    let report = verify(log.path());
    assert_eq!(found(&report)[0].0, What::BadCheckpoint);
    assert!(report.findings[0].detail.contains("no known key"), "{:?}", report.findings);
    // That its key lies beside the others changes nothing: no record announced it.
    let key = stranger.verifier();
    fs::write(log.path().join(format!("keys/{:08x}.vkey", key.id())), format!("{key}\n")).unwrap();
    let report = verify(log.path());
    assert_eq!(found(&report)[0].0, What::BadCheckpoint);
    assert!(report.findings[0].detail.contains("no record announced it"), "{:?}", report.findings);
}

#[test]
fn a_checkpoint_whose_text_was_edited_is_none() {
    let mut log = Log::usual(1);
    let newest = log.checkpoints.pop().unwrap();
    log.checkpoints.push(newest.replace("\n3500\n", "\n3300\n"));
    log.write_checkpoints();
    let report = verify(log.path());
    assert_eq!(found(&report)[0].0, What::BadCheckpoint, "{:#?}", report.findings);
    assert_eq!(report.class(), Class::Integrity);
}

#[test]
fn a_key_follows_another_where_a_record_that_it_signed_announces_it() {
    let mut log = Log::new(1);
    let first = log.signer.verifier().clone();
    log.decisions(300).checkpoint().decisions(50);
    log.rotate(Signer::read("palisade.log/0102", &[9; 32]).unwrap());
    log.decisions(100).checkpoint().write();
    let second = log.signer.verifier().clone();
    for keys in [&[][..], std::slice::from_ref(&first), std::slice::from_ref(&second)] {
        let report = verify_with(log.path(), &Asked { keys, ..Asked::default() });
        assert_eq!(found(&report), [], "{:#?}", report.findings);
        assert_eq!((report.key.clone(), report.key_trusted), (Some(second.to_string()), !keys.is_empty()));
    }
    // The key of somebody else does not vouch for it.
    let stranger = [Signer::read("palisade.log/0102", &[8; 32]).unwrap().verifier().clone()];
    let report = verify_with(log.path(), &Asked { keys: &stranger, ..Asked::default() });
    assert_eq!(found(&report)[0].0, What::BadCheckpoint);
}

#[test]
fn a_log_rolled_back_to_an_older_head_is_caught_by_an_anchor_only() {
    let log = Log::usual(1);
    let newest = anchor(log.checkpoints.last().unwrap());
    let mut old = Log::new(1);
    for _ in 0..3 {
        old.decisions(300).checkpoint();
    }
    old.write();
    assert_eq!(found(&verify(old.path())), []);
    let report = anchored(old.path(), std::slice::from_ref(&newest));
    assert_eq!(found(&report), [(What::RolledBack, 900, SIZE - 1)]);
    assert_eq!(report.class(), Class::Integrity);
    let report = anchored(log.path(), &[anchor(&log.checkpoints[2]), newest]);
    assert_eq!((found(&report), report.anchors), (Vec::new(), 2));
}

#[test]
fn a_log_rewritten_with_its_key_is_caught_by_an_anchor_only() {
    let (log, other) = (Log::usual(1), Log::usual(2));
    assert_eq!(found(&verify(other.path())), []);
    let report = anchored(other.path(), &[anchor(&log.checkpoints[4])]);
    let size = note::Checkpoint::parse(anchor(&log.checkpoints[4]).1.text()).unwrap().size;
    assert_eq!(found(&report), [(What::Forked, 0, size - 1)]);
}

#[test]
fn two_histories_in_the_checkpoints_are_a_fork() {
    let (mut log, other) = (Log::usual(1), Log::usual(2));
    log.checkpoints[5].clone_from(&other.checkpoints[5]);
    log.write_checkpoints();
    let report = verify(log.path());
    let [(What::Forked, first, last)] = found(&report)[..] else { panic!("{:#?}", report.findings) };
    let size = |index: usize| note::Checkpoint::parse(anchor(&log.checkpoints[index]).1.text()).unwrap().size;
    assert_eq!((first, last), (size(4), size(5) - 1));
}

#[test]
fn checkpoints_that_shrink_are_rolled_back() {
    let mut log = Log::usual(1);
    let older = log.checkpoints[8].clone();
    log.checkpoints.push(older);
    log.write_checkpoints();
    assert_eq!(one(log.path()).0, What::RolledBack);
}

#[test]
fn a_write_cut_off_by_a_crash_is_no_error() {
    let mut log = Log::new(1);
    log.decisions(300).checkpoint().decisions(36).write();
    let path = segments(log.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &framed(&[1; 50])[..20]].concat()).unwrap();
    let report = verify(log.path());
    assert_eq!(found(&report), [(What::Unsigned, 300, 335), (What::Torn, 336, 336)]);
    assert_eq!(report.class(), Class::Sound);
    fs::write(&path, [&whole[..], &[0; 4_096]].concat()).unwrap();
    assert_eq!(verify(log.path()).class(), Class::Sound);
    // What nobody signs for long is another thing.
    let asked = Asked { now_ms: writer::START_MS + 400_000, unsigned_ms: 300_000, ..Asked::default() };
    assert_eq!(verify_with(log.path(), &asked).class(), Class::Unsigned);
}

#[test]
fn a_changed_file_of_heads_is_named_with_its_seal() {
    let log = Log::usual(1);
    let path = log.path().join(format!("heads/{:020}.heads", 1_999));
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(one(log.path()), (What::Modified, 1_999, 1_999));
    fs::remove_file(&path).unwrap();
    assert_eq!(found(&verify(log.path())), []);
}

#[test]
fn a_segment_of_another_log_is_none_of_this() {
    let log = Log::usual(1);
    let path = &segments(log.path())[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[20] ^= 1;
    fs::write(path, bytes).unwrap();
    assert_eq!(one(log.path()), (What::Modified, 1_000, 1_999));
}

#[test]
fn gaps_that_are_on_record_are_told_and_no_error() {
    let mut log = Log::new(1);
    log.decisions(10);
    log.event(&[("event", Field::Text("records_lost")), ("count", Field::Number(17))]);
    log.checkpoint().write();
    let report = verify(log.path());
    assert_eq!((found(&report), report.class()), (vec![(What::Gap, 10, 10)], Class::Sound));
    assert!(report.findings[0].detail.starts_with("17 "));
}

#[test]
fn from_a_checkpoint_on_only_what_came_later_is_read() {
    let log = Log::usual(1);
    let since = |index: usize| anchor(&log.checkpoints[index]).1;
    for (index, from, records) in [(0, 0, 3_500), (3, 1_000, 2_500), (6, 2_000, 1_500), (10, 3_000, 500)] {
        let note = since(index);
        let report = verify_with(log.path(), &Asked { since: Some(&note), ..Asked::default() });
        assert_eq!(found(&report), [], "{index}: {:#?}", report.findings);
        assert_eq!(
            (report.from, report.records, report.signed, report.unchecked),
            (from, records, SIZE, 0),
            "{index}"
        );
    }
    // What was changed before it is not looked at; what was changed after it is found.
    tamper(log.path(), 10, |records, at| *records[at].last_mut().unwrap() ^= 1);
    let note = since(6);
    let asked = Asked { since: Some(&note), ..Asked::default() };
    assert_eq!(found(&verify_with(log.path(), &asked)), []);
    tamper(log.path(), 3_050, |records, at| *records[at].last_mut().unwrap() ^= 1);
    assert_eq!(found(&verify_with(log.path(), &asked))[0], (What::Modified, 2_816, 3_071));
    // A checkpoint of another history is not one to go on from, and neither is one that nobody signed.
    let (log, other) = (Log::usual(1), anchor(&Log::usual(2).checkpoints[6]).1);
    let report = verify_with(log.path(), &Asked { since: Some(&other), ..Asked::default() });
    let size = note::Checkpoint::parse(other.text()).unwrap().size;
    assert_eq!(found(&report), [(What::Forked, 0, size - 1)]);
    let stranger = Signer::read("palisade.log/0102", &[8; 32]).unwrap();
    let made = note::checkpoint("palisade.log/0102", 300, &[0; 32], &stranger);
    let made = Note::parse(&made).unwrap();
    let report = verify_with(log.path(), &Asked { since: Some(&made), ..Asked::default() });
    assert_eq!(found(&report)[0].0, What::BadCheckpoint);
}

#[test]
fn a_segment_cut_at_any_length_gives_the_exact_prefix() {
    let mut log = Log::new(1);
    log.decisions(20).write();
    let path = segments(log.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut borders = vec![frame::SEGMENT_HEAD_BYTES];
    for record in frame::Frames::new(&whole[frame::SEGMENT_HEAD_BYTES..]) {
        borders.push(borders.last().unwrap() + frame::HEAD_BYTES + record.unwrap().len());
    }
    for length in frame::SEGMENT_HEAD_BYTES..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let report = verify(log.path());
        let expected = borders.iter().filter(|border| **border <= length).count() as u64 - 1;
        assert_eq!(report.size, expected, "{length}");
        let torn = found(&report).contains(&(What::Torn, expected, expected));
        assert_eq!(torn, !borders.contains(&length), "{length}: {:#?}", report.findings);
    }
}

#[test]
fn every_flipped_bit_of_a_segment_is_found() {
    let mut log = Log::new(1);
    log.decisions(8).checkpoint().write();
    let path = segments(log.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let report = verify(log.path());
        assert_ne!(report.class(), Class::Sound, "bit {bit}: {:#?}", report.findings);
    }
    // Of a compressed one every bit that changes a record.
    log.seal(true).checkpoint().write();
    let path = segments(log.path()).remove(0);
    assert_eq!(found(&verify(log.path())), []);
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let same = zstd::decode_all(&bytes[..]).ok() == zstd::decode_all(&whole[..]).ok();
        fs::write(&path, &bytes).unwrap();
        let report = verify(log.path());
        assert_eq!(report.class() == Class::Sound, same, "bit {bit}: {:#?}", report.findings);
    }
}

#[test]
fn a_record_is_proven_to_who_has_only_the_key() {
    let log = Log::usual(1);
    let folder = evidence::Folder::open(log.path()).unwrap();
    for seq in [0, 1, 255, 256, 999, 1_000, 2_047, 3_327, 3_328, 3_499] {
        let proven = evidence::prove(&folder, seq).unwrap();
        let text = proven.proof.write();
        let proof = note::TlogProof::parse(&text).unwrap();
        assert_eq!((proof.index, proof.proves(&proven.record).unwrap().size), (seq, SIZE));
        assert_eq!(proof.note.signed_by(log.signer.verifier()), note::Signed::Yes { at: None });
        let mut other = proven.record;
        other[30] ^= 1;
        assert!(proof.proves(&other).is_none());
    }
    assert!(matches!(evidence::prove(&folder, SIZE), Err(evidence::NotProven::Unsigned)));
    // What is not as it was signed has no proof, and neither has what is gone.
    tamper(log.path(), 1_300, |records, at| *records[at].last_mut().unwrap() ^= 1);
    assert!(matches!(evidence::prove(&folder, 1_300), Err(evidence::NotProven::Differs)));
    assert!(evidence::prove(&folder, 1_200).is_ok());
    tamper(log.path(), 2_500, |records, at| drop(records.remove(at)));
    assert!(matches!(evidence::prove(&folder, 2_500), Err(evidence::NotProven::NoRecord)));
}

#[test]
fn the_growth_between_two_checkpoints_is_proven() {
    let log = Log::usual(1);
    let folder = evidence::Folder::open(log.path()).unwrap();
    let head = |index: usize| note::Checkpoint::parse(anchor(&log.checkpoints[index]).1.text()).unwrap();
    let newest = head(10);
    for index in 0..=10 {
        let old = head(index);
        let path = evidence::growth(&folder, old.size, &newest).unwrap();
        assert!(palisade::audit::tree::is_consistent(old.size, newest.size, &path, &old.root, &newest.root));
    }
    assert_eq!(evidence::growth(&folder, 0, &newest).unwrap(), Vec::<[u8; 32]>::new());
    tamper(log.path(), 3_400, |records, at| *records[at].last_mut().unwrap() ^= 1);
    assert!(matches!(evidence::growth(&folder, 300, &newest), Err(evidence::NotProven::Differs)));
}

fn book(log: &Path, name: &str) -> Report {
    evidence::verify_book(log, name, &Asked::default(), &mut |_| {}).unwrap()
}

#[test]
fn a_book_is_verified_by_its_own_records_and_the_newest_seal() {
    let log = Log::usual(1);
    for name in ["acme", "acme/west", "globex", "initech", ""] {
        let report = book(log.path(), name);
        assert_eq!(report.class(), Class::Sound, "{:#?}", report.findings);
        let size = log.trees.book(name).unwrap().size();
        assert_eq!((report.size, report.records), (size, size));
        assert!(report.seals >= 2, "{}", report.seals);
        assert!(report.signed <= size && report.signed > size / 2);
    }
    // Another book's damage is not this one's.
    tamper(log.path(), 1_501, |records, at| *records[at].last_mut().unwrap() ^= 1);
    let of: Vec<&str> =
        writer::BOOKS.into_iter().filter(|name| book(log.path(), name).class() != Class::Sound).collect();
    assert_eq!(of, [writer::BOOKS[1_501 * 7 % 11]]);
    let report = book(log.path(), of[0]);
    assert_eq!(found(&report)[0], (What::Modified, 1_000, 1_999));
    // What is left out is missing, and between which seals.
    let log = Log::usual(1);
    tamper(log.path(), 2_600, |records, at| drop(records.remove(at)));
    let name = writer::BOOKS[2_600 * 7 % 11 % 4];
    assert_eq!(found(&book(log.path(), name))[0], (What::Missing, 2_000, 2_999));
    assert_eq!(book(log.path(), "nobody").findings[0].what, What::Unsigned);
}

#[test]
fn the_trees_of_a_seal_that_nobody_signed_prove_no_book() {
    let (log, other) = (Log::usual(1), Log::usual(2));
    for seal in [999, 1_999, 2_999] {
        let name = format!("heads/{seal:020}.heads");
        fs::copy(other.path().join(&name), log.path().join(&name)).unwrap();
    }
    let report = book(log.path(), "acme");
    assert_eq!(found(&report)[0], (What::Modified, 999, 999), "{:#?}", report.findings);
    fs::remove_file(log.path().join("checkpoint")).unwrap();
    assert_eq!(book(log.path(), "acme").findings[0].what, What::BadCheckpoint);
}

#[test]
fn what_is_no_log_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let why = evidence::verify(folder.path(), &Asked::default(), &mut |_| {}).unwrap_err().to_string();
    assert!(why.contains("log.json") && why.contains("not there"), "{why}");
    let log = Log::usual(1);
    for text in [
        "{}",
        r#"{"version":2,"log_id":"12121212121212121212121212121212","origin":"a"}"#,
        r#"{"version":1,"log_id":"12","origin":"a"}"#,
    ] {
        fs::write(log.path().join("log.json"), text).unwrap();
        assert!(evidence::verify(log.path(), &Asked::default(), &mut |_| {}).is_err(), "{text}");
    }
}

/// Has the program's own journal write so many records, and end.
fn journal(settings: StoreSettings, records: u64) {
    let sinks = Sinks { store: Some(settings), ..Sinks::default() };
    let disk = Disk::open(&sinks, Metrics::new("0").unwrap().journal().unwrap()).unwrap();
    for batch in 0..records / 100 {
        let frames = (0..100).flat_map(|n| {
            let reason = format!("{batch} {n} {}", "x".repeat(600));
            let book = writer::BOOKS[n % 5];
            framed(&writer::payload(
                1,
                0,
                book,
                &[("decision", Field::Text("allow")), ("reason", Field::Text(&reason))],
            ))
        });
        disk.frames(frames.collect(), 100);
        // What comes at once is one group, and only behind a group is a segment ended.
        while batch % 5 == 4 && disk.synced() < 100 * batch {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    disk.close();
}

#[test]
fn what_the_journal_writes_proves_itself_over_restarts_seals_and_a_rotated_key() {
    let (log, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = |n: u8| {
        let path = keys.path().join(n.to_string());
        fs::write(&path, [n; 32]).unwrap();
        path
    };
    let settings = |own: u8, before: Option<u8>| StoreSettings {
        dir: log.path().to_owned(),
        key_file: Some(key(own)),
        previous_key_file: before.map(key),
        segment_bytes: 1 << 20,
        segment_ms: 300_000,
        bytes_max: 1 << 30,
        retention: palisade::audit::keeping::Retention::default(),
        pseudonyms: false,
        checkpoint_ms: 60_000,
    };
    let first = {
        journal(settings(1, None), 3_000);
        evidence::Folder::open(log.path()).unwrap().keys().unwrap()
    };
    journal(settings(1, None), 2_000);
    journal(settings(2, Some(1)), 2_000);
    let asked = Asked { keys: &first, now_ms: writer::START_MS, unsigned_ms: 300_000, ..Asked::default() };
    let report = verify_with(log.path(), &asked);
    assert_eq!(found(&report), [], "{:#?}", report.findings);
    assert!(report.size >= 7_000 && report.signed == report.size && report.key_trusted, "{report:#?}");
    assert!(report.seals >= 4 && report.checkpoints >= 4, "{report:#?}");
    for name in writer::BOOKS {
        assert_eq!(book(log.path(), name).class(), Class::Sound);
    }
    let folder = evidence::Folder::open(log.path()).unwrap();
    for seq in [0, report.size / 2, report.size - 1] {
        assert!(evidence::prove(&folder, seq).is_ok(), "{seq}");
    }
    tamper(log.path(), 4_000, |records, at| *records[at].last_mut().unwrap() ^= 1);
    assert_eq!(found(&verify_with(log.path(), &asked)), [(What::Modified, 3_840, 4_095)]);
}
