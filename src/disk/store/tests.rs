//! The log's directory: what is in it after any failure, kill and power cut.

use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::audit::entry::Value;
use crate::audit::note::Checkpoint;
use crate::audit::note::Note;
use crate::audit::note::Signed;
use crate::disk::store::tests::shaky::Fault;
use crate::disk::store::tests::shaky::Shaky;

mod age;
mod shaky;
mod veil;

fn settings() -> StoreSettings {
    StoreSettings {
        dir: PathBuf::new(),
        key_file: None,
        previous_key_file: None,
        segment_bytes: 2_000,
        segment_ms: 1_000_000,
        bytes_max: u64::MAX,
        retention: crate::audit::keeping::Retention::default(),
        pseudonyms: false,
        checkpoint_ms: 60_000,
    }
}

const SEED: &[u8] = &[7; 32];

fn open<F: Files>(files: F, now_ms: u64) -> Result<Store<F>, Broken> {
    Store::open(settings(), files, [Some(SEED), None], now_ms)
}

/// A record that can be told from others: an event with a count.
fn record(count: u64) -> Vec<u8> {
    let mut frame = Vec::new();
    Event::TornTail { bytes: count }.encode(1, &mut frame);
    frame
}

/// All records of the log by its segments' rule: each ends where the next begins. Their numbers must have no hole.
fn records<F: Files>(files: &mut F) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut names: Vec<(u64, String)> = files
        .list("segments")
        .unwrap()
        .into_iter()
        .map(|name| (name.get(..20).unwrap().parse().unwrap(), format!("segments/{name}")))
        .collect();
    names.sort();
    for (at, (first, name)) in names.iter().enumerate() {
        let end = names.get(at + 1).map_or(u64::MAX, |(first, _)| *first);
        let bytes = files.read(name).unwrap().unwrap();
        let bytes = if name.ends_with(".zst") { zstd::stream::decode_all(&*bytes).unwrap() } else { bytes };
        assert!(all.is_empty() || *first <= all.len() as u64, "a hole before {first}");
        for (seq, read) in
            (*first..end).zip(Frames::new(bytes.get(frame::SEGMENT_HEAD_BYTES..).unwrap_or_default()))
        {
            let Ok(record) = read else { break };
            let entry = Entry::read(record).unwrap();
            assert_eq!(entry.seq, seq, "in {name}");
            assert_eq!(seq, all.len() as u64, "in {name}");
            all.push(record.to_vec());
        }
    }
    all
}

/// The counts of those records that a test appended.
fn counts(records: &[Vec<u8>]) -> Vec<u64> {
    let of = |record: &Vec<u8>| {
        let entry = Entry::read(record).unwrap();
        match (entry.field("event"), entry.field("bytes")) {
            (Some(Value::Text("torn_tail", _)), Some(Value::Number(count))) if count >= 1_000 => Some(count),
            _ => None,
        }
    };
    records.iter().filter_map(of).collect()
}

fn root_of(records: &[Vec<u8>]) -> [u8; 32] {
    let mut trees = Trees::new();
    for record in records {
        let _bundle = trees.append(Entry::read(record).unwrap().book, record);
    }
    trees.root()
}

/// The newest checkpoint commits to exactly the first records of the log, and is signed.
fn checked<F: Files>(files: &mut F, records: &[Vec<u8>]) {
    let Some(text) = files.read("checkpoint").unwrap() else { return };
    let note = Note::parse(std::str::from_utf8(&text).unwrap()).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let size = usize::try_from(checkpoint.size).unwrap();
    assert!(size <= records.len(), "signed {size} of {}", records.len());
    assert_eq!(checkpoint.root, root_of(&records[..size]), "the root of {size}");
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Sync,
    Tick(u32),
    Seal,
    Kill,
    PowerCut(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..9_u8).prop_map(Step::Append),
        4 => Just(Step::Sync),
        2 => (0..100_000_u32).prop_map(Step::Tick),
        1 => Just(Step::Seal),
        1 => Just(Step::Kill),
        1 => any::<u8>().prop_map(Step::PowerCut),
    ];
    vec(step, 1..40)
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    vec(prop_oneof![12 => Just(Fault::None), 1 => any::<u8>().prop_map(Fault::Fails)], 0..120)
}

/// Runs the steps as the log's writer would, and holds the log against what it was told.
fn run(steps: &[Step], faults: Vec<Fault>) {
    let mut shaky = Shaky::default();
    let mut store = open(shaky.clone(), 0).unwrap();
    shaky.0.borrow_mut().faults = faults;
    let (mut next, mut now) = (1_000, 1);
    // What is known to be on the device, and what is only known to be written.
    let (mut kept, mut written): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Append(many) => {
                let mut frames: Vec<u8> = (0..u64::from(*many)).flat_map(|at| record(next + at)).collect();
                if store.append(&mut frames, now).is_ok() {
                    written.extend(next..next + u64::from(*many));
                }
                next += u64::from(*many);
            }
            Step::Sync => sync(&mut store, now, &mut kept, &mut written),
            Step::Tick(ms) => {
                now += u64::from(*ms);
                sync(&mut store, now, &mut kept, &mut written);
                let _later = store.tick(now);
            }
            Step::Seal => {
                sync(&mut store, now, &mut kept, &mut written);
                let _later = store.seal(now);
            }
            Step::Kill => {
                let fresh = std::mem::take(&mut written);
                kept.extend(&fresh);
                shaky = shaky.kill();
                store = open(shaky.clone(), now).unwrap();
            }
            Step::PowerCut(share) => {
                written.clear();
                shaky = shaky.power_cut(*share);
                store = open(shaky.clone(), now).unwrap();
            }
        }
    }
    sync(&mut store, now, &mut kept, &mut written);
    drop(store);
    for mut after in [shaky.power_cut(0), shaky.power_cut(100), shaky.kill()] {
        let there = records(&mut after);
        let found = counts(&there);
        assert!(kept.iter().all(|count| found.contains(count)), "kept {kept:?}, found {found:?}");
        assert!(found.is_sorted(), "{found:?}");
        checked(&mut after, &there);
        let mut store = open(after.clone(), now).unwrap();
        store.close(now).unwrap();
        let there = records(&mut after);
        assert_eq!(store.trees.root(), root_of(&there), "the trees are those of the records");
        checked(&mut after, &there);
    }
}

fn sync(store: &mut Store<Shaky>, now: u64, kept: &mut Vec<u64>, written: &mut Vec<u64>) {
    let fresh = std::mem::take(written);
    match store.sync(now) {
        Ok(()) => kept.extend(fresh),
        Err(_) => store.give_up(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn killed_anywhere_the_log_is_the_exact_prefix_of_what_was_appended(steps in steps()) {
        run(&steps, Vec::new());
    }

    #[test]
    fn no_failing_write_and_no_failing_sync_loses_what_was_said_to_be_kept(steps in steps(), faults in faults()) {
        run(&steps, faults);
    }
}

/// The file of a seal could not be synced, and no new one could be made: the seal once stood there twice under one number.
#[test]
fn a_seal_that_fails_half_way_is_made_again() {
    let mut faults = vec![Fault::Fails(0), Fault::None, Fault::Fails(0)];
    faults.extend([Fault::None; 11]);
    let steps = [
        Step::Append(1),
        Step::Append(1),
        Step::Tick(59_999),
        Step::Append(1),
        Step::Append(1),
        Step::Seal,
        Step::Seal,
    ];
    run(&steps, faults);
}

/// On a full disk each try would take some of what is left.
#[test]
fn a_seal_that_fails_is_not_tried_again_at_once() {
    let shaky = Shaky::default();
    let mut store = open(shaky.clone(), 0).unwrap();
    let mut frames: Vec<u8> = (1_000..1_100).flat_map(record).collect();
    store.append(&mut frames, 1).unwrap();
    store.sync(1).unwrap();
    for at in 1..100 {
        // The seal is written, and its heads are not.
        shaky.0.borrow_mut().faults = vec![Fault::Fails(0), Fault::None, Fault::None, Fault::None];
        let _failed = store.tick(1 + at);
    }
    let seals = || {
        let there = records(&mut shaky.clone());
        let of = |record: &&Vec<u8>| {
            Entry::read(record).unwrap().field("event") == Some(Value::Text("sealed", false))
        };
        there.iter().filter(of).count()
    };
    assert_eq!(seals(), 1);
    shaky.0.borrow_mut().faults.clear();
    store.tick(2_000).unwrap();
    assert_eq!(seals(), 2, "and it is tried again");
}

#[test]
fn a_segment_that_is_cut_at_any_length_gives_the_exact_prefix() {
    let shaky = Shaky::default();
    let mut store = open(shaky.clone(), 0).unwrap();
    let mut frames: Vec<u8> = (1_000..1_012).flat_map(record).collect();
    store.append(&mut frames, 1).unwrap();
    store.sync(1).unwrap();
    drop(store);
    let name = files::segment_name(0);
    let whole = shaky.0.borrow().files[&name].borrow().seen.clone();
    for length in 0..whole.len() {
        let cut = shaky.kill();
        cut.0.borrow().files[&name].borrow_mut().seen.truncate(length);
        let mut before = cut.clone();
        let prefix = records(&mut before);
        let store = open(cut.clone(), 2).unwrap();
        drop(store);
        let after = records(&mut before);
        assert!(after.starts_with(&prefix), "cut at {length}");
        // What was lost, and that the program had not ended as it should, is on record.
        let told: String = after[prefix.len()..]
            .iter()
            .map(|record| {
                let mut line = Vec::new();
                crate::audit::entry::line(record, &mut line).unwrap();
                String::from_utf8(line).unwrap()
            })
            .collect();
        let torn = length > frame::SEGMENT_HEAD_BYTES && prefix.len() < 12 && {
            let each = (whole.len() - frame::SEGMENT_HEAD_BYTES) / 12;
            !(length - frame::SEGMENT_HEAD_BYTES).is_multiple_of(each)
        };
        assert_eq!(told.contains("torn_tail"), torn, "cut at {length}: {told}");
        assert_eq!(told.contains("crash"), !prefix.is_empty(), "cut at {length}: {told}");
    }
}

#[test]
fn damage_with_whole_records_behind_it_is_no_torn_end() {
    let shaky = Shaky::default();
    let mut store = open(shaky.clone(), 0).unwrap();
    let mut frames: Vec<u8> = (1_000..1_012).flat_map(record).collect();
    store.append(&mut frames, 1).unwrap();
    store.sync(1).unwrap();
    drop(store);
    let name = files::segment_name(0);
    shaky.0.borrow().files[&name].borrow_mut().seen[frame::SEGMENT_HEAD_BYTES + 100] ^= 1;
    let broken = open(shaky.kill(), 2).map(drop).unwrap_err();
    assert!(matches!(broken, Broken::Hole { .. }), "{broken}");
}

#[test]
fn segments_are_sealed_signed_and_compressed_and_the_oldest_go_where_there_is_no_room() {
    let shaky = Shaky::default();
    let mut store =
        Store::open(StoreSettings { bytes_max: 3_000, ..settings() }, shaky.clone(), [Some(SEED), None], 0)
            .unwrap();
    for at in 0..2_000 {
        store.append(&mut record(1_000 + at), at).unwrap();
        store.sync(at).unwrap();
        store.tick(at).unwrap();
    }
    store.close(2_000).unwrap();
    let mut files = shaky.clone();
    let names = files.list("segments").unwrap();
    assert!(names.iter().all(|name| name.ends_with(".seg.zst")), "{names:?}");
    let all: u64 = names.iter().map(|name| files.length(&format!("segments/{name}")).unwrap()).sum();
    assert!(all <= 4_000, "{all}");
    assert!(names[0] > format!("{:020}", 500), "the oldest are gone: {}", names[0]);
    let bundles = files.read(files::BUNDLES).unwrap().unwrap();
    assert_eq!(bundles.len() as u64, store.trees.size() / BUNDLE_LEAVES * 32);
    // It goes on without them.
    drop(store);
    let mut store = open(shaky.kill(), 3_000).unwrap();
    store.append(&mut record(9_000), 3_000).unwrap();
    store.sync(3_000).unwrap();
}

#[test]
fn a_clock_that_is_set_back_is_on_record_before_what_came_after_it() {
    let shaky = Shaky::default();
    let mut store = open(shaky.clone(), 10_000).unwrap();
    store.append(&mut record(1_000), 100_000).unwrap();
    store.append(&mut record(1_001), 99_500).unwrap();
    store.append(&mut record(1_002), 50_000).unwrap();
    store.sync(50_000).unwrap();
    let lines = String::from_utf8(crate::audit::entry::lines(
        &shaky.0.borrow().files[&files::segment_name(0)].borrow().seen[frame::SEGMENT_HEAD_BYTES..],
    ))
    .unwrap();
    let steps: Vec<&str> = lines.lines().filter(|line| line.contains("clock_stepped")).collect();
    assert_eq!(steps.len(), 1, "{lines}");
    assert!(steps[0].contains(r#""seq":2,"#), "{lines}");
}

/// Who sets the clock back shall not keep the log from being signed until it has caught up.
#[test]
fn a_clock_that_is_set_back_puts_off_no_checkpoint() {
    let shaky = Shaky::default();
    let mut store = open(shaky.clone(), 10_000_000).unwrap();
    store.append(&mut record(1_000), 10_000_000).unwrap();
    store.sync(10_000_000).unwrap();
    store.tick(10_000_000).unwrap();
    store.append(&mut record(1_001), 5_000_000).unwrap();
    store.sync(5_000_000).unwrap();
    store.tick(5_000_000).unwrap();
    assert_eq!(store.signed_size, store.next);
    // Nor does a try that failed before it was set back.
    store.again_ms = 10_001_000;
    store.append(&mut record(1_002), 5_100_000).unwrap();
    store.sync(5_100_000).unwrap();
    store.tick(5_100_000).unwrap();
    assert_eq!(store.signed_size, store.next);
}

#[test]
fn another_key_is_vouched_for_by_the_one_before() {
    let shaky = Shaky::default();
    let mut store = open(shaky.clone(), 0).unwrap();
    store.append(&mut record(1_000), 1).unwrap();
    store.close(1).unwrap();
    let old = store.signer.verifier().clone();
    drop(store);
    let mut store = Store::open(settings(), shaky.kill(), [Some(&[8; 32][..]), Some(SEED)], 2).unwrap();
    let new = store.signer.verifier().clone();
    store.close(3).unwrap();
    let all = String::from_utf8(store.files.read("checkpoints").unwrap().unwrap()).unwrap();
    let parts: Vec<&str> = all.split("\n\n").collect();
    let notes = parts
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[text, signatures]| Note::parse(&format!("{text}\n\n{signatures}\n")).unwrap());
    let signed: Vec<(bool, bool)> = notes
        .map(|note| [&old, &new].map(|key| matches!(note.signed_by(key), Signed::Yes { .. })).into())
        .collect();
    assert_eq!(signed, [(true, false), (true, false), (false, true)], "{all}");
    let there = records(&mut store.files);
    let mut lines = Vec::new();
    there.iter().for_each(|record| crate::audit::entry::line(record, &mut lines).unwrap());
    let lines = String::from_utf8(lines).unwrap();
    assert!(lines.contains(&format!(r#""event":"key_rotated","key":"{new}""#)), "{lines}");
}
