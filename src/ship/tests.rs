//! Laws of sending on: all of the log, in order, each record once and none that the device does not have.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::audit::Event;
use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::disk::Sinks;
use crate::disk::StoreSettings;
use sender::Step;
use tail::Found;
use tail::Tail;

fn settings(dir: &Path, segment_bytes: u64) -> Sinks {
    let store = StoreSettings {
        dir: dir.to_owned(),
        key_file: None,
        previous_key_file: None,
        segment_bytes,
        segment_ms: 60_000,
        bytes_max: 1 << 30,
        retention: crate::audit::keeping::Retention::default(),
        pseudonyms: false,
        checkpoint_ms: 60_000,
    };
    Sinks { store: Some(store), ..Sinks::default() }
}

fn open(dir: &Path, segment_bytes: u64) -> Disk {
    let counters = Metrics::new("test").unwrap().journal().unwrap();
    Disk::open(&settings(dir, segment_bytes), counters).unwrap()
}

/// Puts so many events on record and waits until they are on the device.
fn write(disk: &Disk, count: u64) {
    let end = disk.synced() + count;
    for _ in 0..count {
        disk.event(&Event::TornTail { bytes: 1 });
    }
    while disk.synced() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.records().map(|record| Entry::read(record).unwrap().seq).collect()
}

/// All numbers that a reader gets up to what is on the device, and the places where it got none.
fn read_all(
    tail: &mut Tail,
    next: &mut u64,
    synced: u64,
    most: usize,
) -> (Vec<u64>, Vec<(u64, &'static str)>) {
    let (mut all, mut gone) = (Vec::new(), Vec::new());
    loop {
        match tail.read(*next, synced, most).unwrap() {
            Found::Nothing => return (all, gone),
            Found::Gone(to, why) => {
                gone.push((to, why));
                *next = to;
            }
            Found::Batch(batch) => {
                assert!(batch.len() <= most);
                assert_eq!(batch.first, *next);
                all.extend(numbers(&batch));
                *next = batch.end();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_that_grows_is_read_whole_and_in_order(
        steps in proptest::collection::vec((1..60_u64, 1..40_usize), 1..8),
        segment_bytes in 500..6_000_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let disk = open(folder.path(), segment_bytes);
        let mut tail = Tail::new(Folder::open(folder.path()).unwrap());
        let (mut next, mut all) = (0, Vec::new());
        for (count, most) in steps {
            write(&disk, count);
            let (some, gone) = read_all(&mut tail, &mut next, disk.synced(), most);
            prop_assert!(gone.is_empty(), "{gone:?}");
            all.extend(some);
        }
        disk.close();
        let (some, gone) = read_all(&mut tail, &mut next, disk.synced(), 1_000);
        prop_assert!(gone.is_empty(), "{gone:?}");
        all.extend(some);
        prop_assert_eq!(all.clone(), (0..disk.synced()).collect::<Vec<_>>());
        // A reader that begins somewhere goes on from there.
        let mut from = disk.synced() / 2;
        let (rest, _) = read_all(&mut Tail::new(Folder::open(folder.path()).unwrap()), &mut from, disk.synced(), 7);
        prop_assert_eq!(rest, all.split_off(usize::try_from(disk.synced() / 2).unwrap()));
    }
}

#[test]
fn what_is_not_on_the_device_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), 1 << 20);
    write(&disk, 20);
    let mut tail = Tail::new(Folder::open(folder.path()).unwrap());
    let mut next = 0;
    assert_eq!(read_all(&mut tail, &mut next, 10, 100).0, (0..10).collect::<Vec<_>>());
    assert_eq!(read_all(&mut tail, &mut next, 10, 100).0, Vec::<u64>::new());
    assert_eq!(read_all(&mut tail, &mut next, 20, 100).0, (10..20).collect::<Vec<_>>());
}

#[test]
fn what_was_pruned_or_damaged_is_told_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), 500);
    (0..12).for_each(|_| write(&disk, 10));
    disk.close();
    let segments = Folder::open(folder.path()).unwrap().segments().unwrap();
    assert!(segments.len() > 4, "{segments:?}");
    fs::remove_file(folder.path().join(segments[0].name())).unwrap();
    let hurt = folder.path().join(segments[2].name());
    let mut bytes = fs::read(&hurt).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&hurt, bytes).unwrap();
    let mut next = 0;
    let mut tail = Tail::new(Folder::open(folder.path()).unwrap());
    let (all, gone) = read_all(&mut tail, &mut next, disk.synced(), 1_000);
    assert_eq!(gone, [(segments[1].first, "pruned"), (segments[3].first, "damaged")]);
    let sound = |seq: &u64| (segments[1].first..segments[2].first).contains(seq) || *seq >= segments[3].first;
    assert_eq!(
        all.iter().copied().filter(sound).collect::<Vec<_>>(),
        (0..disk.synced()).filter(sound).collect::<Vec<_>>()
    );
    assert!(all.is_sorted());
}

#[test]
fn records_that_only_their_leaves_are_left_of_are_sent_to_nobody_and_those_around_them_are() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path(), 500);
    (0..4).for_each(|_| write(&disk, 10));
    disk.close();
    let segments = Folder::open(folder.path()).unwrap().segments().unwrap();
    let path = folder.path().join(segments[0].name());
    let bytes = zstd::decode_all(&*fs::read(&path).unwrap()).unwrap();
    let mut left = bytes[..frame::SEGMENT_HEAD_BYTES].to_vec();
    for record in Frames::new(&bytes[frame::SEGMENT_HEAD_BYTES..]) {
        let record = record.unwrap();
        let withheld = [2, 3, 5].contains(&Entry::read(record).unwrap().seq);
        let bytes = if withheld { entry::withhold(record).unwrap() } else { record.to_vec() };
        frame::append(&bytes, &mut left);
    }
    fs::write(&path, zstd::encode_all(&*left, 1).unwrap()).unwrap();
    let mut next = 0;
    let mut tail = Tail::new(Folder::open(folder.path()).unwrap());
    let (all, gone) = read_all(&mut tail, &mut next, disk.synced(), 1_000);
    assert_eq!(gone, [(4, "pruned"), (6, "pruned")]);
    assert_eq!(all, (0..disk.synced()).filter(|seq| ![2, 3, 5].contains(seq)).collect::<Vec<_>>());
}

#[test]
fn a_position_is_kept_and_one_of_another_log_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let mut position = Position::open(folder.path(), "siem", "aa").unwrap();
    position.moves_to(7);
    position.has_checkpoint(5);
    position.save().unwrap();
    let read = Position::open(folder.path(), "siem", "aa").unwrap();
    assert_eq!((read.next(), read.checkpoint(), read.is_new()), (7, 5, false));
    let other = Position::open(folder.path(), "siem", "bb").unwrap();
    assert_eq!((other.next(), other.checkpoint()), (0, 0));
    fs::write(folder.path().join("ship/siem.json"), "{").unwrap();
    assert!(Position::open(folder.path(), "siem", "aa").is_err());
}

/// What a place was sent, and how it answers next.
#[derive(Default)]
struct Place {
    got: Vec<u64>,
    answers: Vec<Result<Taken, Refused>>,
}

struct Fake(Rc<RefCell<Place>>);

impl Sink for Fake {
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused> {
        let mut place = self.0.borrow_mut();
        let answer = place.answers.pop().unwrap_or(Ok(Taken::All));
        // One that cannot be heard may have it all the same.
        if !matches!(answer, Err(Refused::TooMuch)) {
            place.got.extend(numbers(batch));
        }
        answer
    }
}

fn sender(folder: &Path, disk: &Arc<Disk>, metrics: &Metrics, place: &Rc<RefCell<Place>>) -> Sender<Fake> {
    let folder_of = Folder::open(folder).unwrap();
    let position = Position::open(folder, "fake", "aa").unwrap();
    let counters = metrics.ship("fake").unwrap();
    let way = sender::Way::Records(Tail::new(folder_of), Fake(Rc::clone(place)));
    Sender::over(way, "fake", 8, Duration::from_secs(1), position, Arc::clone(disk), counters)
}

#[test]
fn after_failures_and_restarts_all_of_the_log_is_there_and_is_in_order_once_seconds_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(open(folder.path(), 2_000));
    let metrics = Metrics::new("test").unwrap();
    let place: Rc<RefCell<Place>> = Rc::default();
    write(&disk, 100);
    let later = || Err(Refused::Later("away".to_owned()));
    place.borrow_mut().answers =
        vec![later(), Err(Refused::TooMuch), later(), Ok(Taken::All), Ok(Taken::All)];
    let mut one = sender(folder.path(), &disk, &metrics, &place);
    let failures = (0..9).filter(|_| one.step().is_err()).count();
    assert_eq!(failures, 2);
    // It dies without a word, and another goes on from what was noted.
    drop(one);
    let mut two = sender(folder.path(), &disk, &metrics, &place);
    while two.step().unwrap() == Step::More {}
    let mut got = place.borrow().got.clone();
    assert!(got.len() > 100, "some came twice");
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, (0..disk.synced()).collect::<Vec<_>>());
    let counters = metrics.ship("fake").unwrap();
    assert_eq!((counters.lag_records.get(), counters.unsent.get()), (0, 0));
}

#[test]
fn what_a_place_refuses_for_good_is_on_record_with_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(open(folder.path(), 1 << 20));
    let metrics = Metrics::new("test").unwrap();
    let place: Rc<RefCell<Place>> = Rc::default();
    write(&disk, 5);
    place.borrow_mut().answers = vec![Ok(Taken::Without(2))];
    let mut one = sender(folder.path(), &disk, &metrics, &place);
    one.step().unwrap();
    assert_eq!(metrics.ship("fake").unwrap().unsent.get(), 2);
    assert_eq!(metrics.ship("fake").unwrap().sent.get(), 3);
    while disk.synced() < 6 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let Found::Batch(batch) = Tail::new(Folder::open(folder.path()).unwrap()).read(5, 6, 9).unwrap() else {
        panic!("nothing is on record");
    };
    let mut line = Vec::new();
    crate::audit::entry::line(batch.records().next().unwrap(), &mut line).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
    let said = ["event", "sink", "reason"].map(|name| line[name].as_str().unwrap().to_owned());
    assert_eq!(said, ["not_shipped", "fake", "refused"]);
    assert_eq!((&line["first"], &line["last"], &line["count"]), (&0.into(), &4.into(), &2.into()));
}
