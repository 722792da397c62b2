//! A log in a directory that is told in lines as well.

use super::*;

fn beside(dir: &Path, lines: &Path) -> Sinks {
    let store = StoreSettings {
        dir: dir.join("log"),
        key_file: None,
        previous_key_file: None,
        segment_bytes: 64 << 10,
        segment_ms: 60_000,
        bytes_max: 1 << 30,
        retention: crate::audit::keeping::Retention::default(),
        pseudonyms: false,
        checkpoint_ms: 60_000,
    };
    Sinks { store: Some(store), ..file(lines) }
}

/// The numbers of the records that were told, and how many were left out, in the order in which it was said.
fn told(text: &str) -> (Vec<u64>, u64) {
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (mut numbers, mut left_out) = (Vec::new(), 0);
    for line in lines {
        match line["seq"].as_u64() {
            Some(seq) => numbers.push(seq),
            None => left_out += line["count"].as_u64().unwrap(),
        }
    }
    (numbers, left_out)
}

/// What came less than a sync before the end is in the lines as well as in the directory.
#[test]
fn the_last_records_before_a_stop_are_told_in_lines_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    let disk = Disk::open(&beside(dir.path(), &path), counters()).unwrap();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        let _receipt = append(&journal, &record(0, 7)).unwrap().await.unwrap();
    });
    disk.event(&Event::Stop);
    disk.close();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(numbers(&text, 1), [[7]]);
    let events = events(&text);
    assert!(matches!(&events[..], [Happened::Stop, Happened::Sealed { .. }]), "{events:?}");
}

#[test]
fn a_pipe_that_nobody_empties_holds_nobody_up_and_says_later_what_it_was_not_told() {
    const RECORDS: usize = 150;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let counters = counters();
    let disk = Disk::open(&beside(dir.path(), &path), counters.clone()).unwrap();
    let ask = |from: usize| {
        on_a_worker(async || {
            let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
            for number in from..from + RECORDS {
                // Many records at once, so that what waits is soon more than there is room for.
                let many = record(0, number).repeat(1_000);
                let _receipt = append(&journal, &many).unwrap().await.unwrap();
            }
        });
    };
    ask(0);
    assert!(counters.file_left_out.get() > 0, "there was room for all of it");
    assert!(disk.is_writing(), "the directory takes all of it");
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    while counters.file_written.get() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    disk.event(&Event::Stop);
    disk.close();
    drop(disk);
    let text = String::from_utf8(reader.join().unwrap()).unwrap();
    let (numbers, left_out) = told(&text);
    assert!(numbers.is_sorted());
    let all = numbers.last().unwrap() + 1;
    assert_eq!(numbers.len() as u64 + left_out, all, "what was told and what was not are all of the log");
    assert_eq!(left_out, counters.file_left_out.get());
}

#[test]
fn lines_are_told_of_a_crash_and_of_the_opening_of_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    let first = Disk::open(&beside(dir.path(), &path), counters()).unwrap();
    first.event(&Event::Stop);
    first.event(&Event::TornTail { bytes: 1 });
    first.close();
    drop(first);
    let second = Disk::open(&beside(dir.path(), &path), counters()).unwrap();
    second.close();
    let names: Vec<Happened> = events(&fs::read_to_string(&path).unwrap());
    assert!(names.iter().any(|event| matches!(event, Happened::Crash { .. })), "{names:?}");
    assert!(names.iter().any(|event| matches!(event, Happened::Sealed { .. })), "{names:?}");
}
