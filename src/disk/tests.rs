//! The decision log on real files, pipes and devices: whole lines, in order, counted when lost.
#![expect(clippy::string_slice, reason = "the texts are ASCII")]
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use super::*;
use crate::audit::Full;
use crate::audit::Journal as _;
use crate::audit::Unwritten;
use crate::audit::schema::Happened;
use crate::audit::schema::RecordLine;
use crate::telemetry::Metrics;

mod directory;
mod overflow;
mod records;

use records::append;
use records::line;
use records::record;

fn counters() -> JournalCounters {
    Metrics::new("test").unwrap().journal().unwrap()
}

fn file(path: &Path) -> Sinks {
    Sinks { file: Some(path.to_owned()), ..Sinks::default() }
}

/// Runs a worker, as the program does: one thread, one runtime.
fn on_a_worker<T>(work: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work())
}

/// Does the log end with this record?
fn ends_with(text: &str, number: usize) -> bool {
    let last = text.lines().last().unwrap_or_default();
    numbers(&format!("{last}\n"), 1) == [[number]]
}

/// The numbers of each worker's records, in the log's order. Every line must be whole.
fn numbers(text: &str, workers: usize) -> Vec<Vec<usize>> {
    let mut numbers = vec![Vec::new(); workers];
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        if value["type"] == "outcome" {
            let at = |key: &str| usize::try_from(value[key].as_u64().unwrap()).unwrap();
            numbers[at("request_bytes")].push(at("response_bytes"));
        }
    }
    numbers
}

fn events(text: &str) -> Vec<Happened> {
    let event = |line| match serde_json::from_str(line) {
        Ok(RecordLine::Event(line)) => Some(line.event),
        Ok(RecordLine::Decision(_) | RecordLine::Outcome(_) | RecordLine::Shadow(_)) | Err(_) => None,
    };
    text.lines().filter_map(event).collect()
}

fn lost(text: &str) -> u64 {
    let count = |event| if let Happened::RecordsLost { count, .. } = event { count } else { 0 };
    events(text).into_iter().map(count).sum()
}

#[test]
fn all_records_of_all_workers_are_there_in_order_and_whole() {
    const WORKERS: usize = 4;
    const RECORDS: usize = 3_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("decisions.jsonl");
    let counters = counters();
    let disk = Disk::open(&file(&path), counters.clone()).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let disk = &disk;
            scope.spawn(move || {
                on_a_worker(async || {
                    let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
                    for number in 0..RECORDS {
                        let written = append(&journal, &record(worker, number)).unwrap();
                        // Every third is waited for, the others are left to themselves.
                        if number % 3 == 0 {
                            let _receipt = written.await.unwrap();
                        }
                    }
                });
            });
        }
    });
    disk.close();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(numbers(&text, WORKERS), vec![(0..RECORDS).collect::<Vec<_>>(); WORKERS]);
    assert_eq!(counters.file_written.get(), u64::try_from(WORKERS * RECORDS).unwrap());
    assert_eq!(counters.bytes.get(), u64::try_from(text.len()).unwrap());
    assert!(counters.batches.get() < counters.file_written.get(), "records share writes");
    assert_eq!((counters.dropped.get(), counters.file_failed.get()), (0, 0));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_receipt_comes_only_after_the_line_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let disk = Disk::open(&file(&path), counters()).unwrap();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        for number in 0..200 {
            let _receipt = append(&journal, &record(0, number)).unwrap().await.unwrap();
            assert!(ends_with(&fs::read_to_string(&path).unwrap(), number));
        }
    });
}

#[test]
fn a_record_whose_worker_ends_at_once_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let disk = Disk::open(&file(&path), counters()).unwrap();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        drop(append(&journal, &record(0, 0)).unwrap());
    });
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        drop(append(&journal, &record(0, 1)).unwrap());
        journal.settled().await;
        assert!(ends_with(&fs::read_to_string(&path).unwrap(), 1));
    });
    disk.close();
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap(), 1), [[0, 1]]);
}

#[test]
fn a_full_queue_refuses_and_the_gap_is_put_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let counters = counters();
    let disk = Disk::open(&file(&path), counters.clone()).unwrap();
    let refused = on_a_worker(async || {
        let journal = disk.worker(10_000);
        // The worker does not yield, so nothing is written meanwhile.
        let refused = (0..100).filter(|number| append(&journal, &record(0, 600 + number)).is_err()).count();
        journal.settled().await;
        let _receipt = append(&journal, &record(0, 1)).unwrap().await.unwrap();
        refused
    });
    disk.close();
    let text = fs::read_to_string(&path).unwrap();
    assert!(refused > 80, "{refused}");
    assert_eq!(numbers(&text, 1)[0].len() + refused, 101);
    assert_eq!(lost(&text), u64::try_from(refused).unwrap());
    assert_eq!(counters.dropped.get(), lost(&text));
    assert!(ends_with(&text, 1), "the gap stands before what was written after it");
}

#[test]
fn a_device_without_room_gives_no_receipt() {
    let counters = counters();
    let disk = Disk::open(&file(Path::new("/dev/full")), counters.clone()).unwrap();
    assert!(disk.is_writing());
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        for number in 0..10 {
            assert_eq!(append(&journal, &record(0, number)).unwrap().await.unwrap_err(), Unwritten);
        }
    });
    assert!(!disk.is_writing());
    assert_eq!(
        (counters.file_failed.get(), counters.dropped.get(), counters.file_written.get()),
        (10, 10, 0)
    );
}

/// A file system of one MiB, gone with the test. `None` where this machine does not let us mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        assert!(
            Command::new("umount").arg("-l").arg(self.0.path()).status().is_ok_and(|status| status.success())
        );
    }
}

#[test]
fn a_full_disk_leaves_whole_lines_and_a_gap_that_is_on_record() {
    let Some(small) = SmallDisk::mount() else {
        eprintln!("SKIPPED: a 1 MiB tmpfs cannot be mounted here, so a full disk was not tested");
        return;
    };
    let (path, ballast) = (small.0.path().join("log"), small.0.path().join("ballast"));
    fs::write(&ballast, vec![0; 600 << 10]).unwrap();
    let counters = counters();
    let disk = Disk::open(&file(&path), counters.clone()).unwrap();
    let mut acknowledged = Vec::new();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        for round in 0..200 {
            let waits: Vec<_> =
                (0..20).map(|at| append(&journal, &record(0, round * 20 + at)).unwrap()).collect();
            for (at, wait) in waits.into_iter().enumerate() {
                if wait.await.is_ok() {
                    acknowledged.push(round * 20 + at);
                }
            }
            if round == 150 {
                assert!(!disk.is_writing());
                numbers(&fs::read_to_string(&path).unwrap(), 1);
                fs::remove_file(&ballast).unwrap();
            }
        }
        assert!(disk.is_writing());
    });
    disk.close();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(
        numbers(&text, 1),
        [acknowledged.clone()],
        "what was acknowledged, and nothing else, is there"
    );
    let missing = u64::try_from(4_000 - acknowledged.len()).unwrap();
    assert!(missing > 100 && acknowledged.len() > 1_000, "{missing}");
    assert_eq!((lost(&text), counters.dropped.get()), (missing, missing));
    assert!(ends_with(&text, 3_999), "the gap stands before what was written after it");
}

#[test]
fn a_torn_end_is_taken_off_at_every_cut_and_put_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let whole = "{\"type\":\"a\"}\n{\"type\":\"b\"}\n";
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let disk = Disk::open(&file(&path), counters()).unwrap();
        disk.event(&Event::Stop);
        disk.close();
        let text = fs::read_to_string(&path).unwrap();
        let kept = whole[..cut].rfind('\n').map_or(0, |at| at + 1);
        assert!(text.starts_with(&whole[..kept]), "cut at {cut}");
        let torn = Happened::TornTail { bytes: u64::try_from(cut - kept).unwrap() };
        let expected = if cut == kept { vec![Happened::Stop] } else { vec![torn, Happened::Stop] };
        assert_eq!(events(&text[kept..]), expected, "cut at {cut}");
    }
}

#[test]
fn a_file_that_is_no_decision_log_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("precious");
    let long = "x".repeat(usize::try_from(limits::TORN_TAIL_BYTES_MAX).unwrap() + 5);
    for content in ["my only copy", &format!("a line\n{long}")] {
        fs::write(&path, content).unwrap();
        assert!(matches!(Disk::open(&file(&path), counters()), Err(OpenError::NotALog(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_log_has_one_process_and_needs_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let _first = Disk::open(&file(&path), counters()).unwrap();
    assert!(matches!(Disk::open(&file(&path), counters()), Err(OpenError::Taken(_))));
    assert!(matches!(Disk::open(&file(&dir.path().join("no/such")), counters()), Err(OpenError::File(..))));
    assert!(matches!(Disk::open(&file(dir.path()), counters()), Err(OpenError::File(..))));
    assert!(matches!(Disk::open(&Sinks::default(), counters()), Err(OpenError::NoSink)));
}

#[test]
fn a_directory_that_cannot_be_written_refuses_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "ro", "tmpfs"]).arg(dir.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED: a read-only tmpfs cannot be mounted here, so a read-only directory was not tested"
        );
        return;
    }
    let opened = Disk::open(&file(&dir.path().join("log")), counters());
    assert!(Command::new("umount").arg("-l").arg(dir.path()).status().unwrap().success());
    assert!(matches!(opened, Err(OpenError::File(..))), "{opened:?}");
}

#[test]
fn a_log_that_was_moved_away_goes_on_in_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
    let disk = Disk::open(&file(&path), counters()).unwrap();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        for number in 0..30 {
            if number == 10 {
                fs::rename(&path, &moved).unwrap();
            }
            if number % 20 == 0 {
                disk.reopen();
            }
            let _receipt = append(&journal, &record(0, number)).unwrap().await.unwrap();
        }
    });
    disk.close();
    let read = |path| numbers(&fs::read_to_string(path).unwrap(), 1).remove(0);
    assert_eq!(read(&moved), (0..20).collect::<Vec<_>>());
    assert_eq!(read(&path), (20..30).collect::<Vec<_>>());
}

#[test]
fn a_log_that_was_cut_under_our_hands_goes_on_at_its_new_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (mut sink, _) = Sink::file(&path).unwrap();
    sink.write(&line(record(0, 1))).unwrap();
    fs::write(&path, "").unwrap();
    sink.write(&line(record(0, 2))).unwrap();
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap(), 1), [[2]]);
}

#[test]
fn a_pipe_without_a_reader_is_a_failure_and_no_death() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut sink = Sink::stream(std::os::fd::OwnedFd::from(writer).into());
    sink.write(b"{}\n").unwrap();
    drop(reader);
    assert_eq!(sink.write(b"{}\n").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn both_sinks_must_take_a_record_and_each_tells_its_own_gap() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let counters = counters();
    let shared = || {
        let (refused, writing) = (Refused::default(), AtomicBool::new(true));
        let shared = (Refused::default(), Overflow::default(), AtomicU64::new(0));
        let (shed, overflow, synced) = shared;
        Arc::new(Shared { counters: counters.clone(), refused, shed, overflow, writing, synced })
    };
    let stdout = || Sink::stream(std::os::fd::OwnedFd::from(pipe.try_clone().unwrap()).into());
    // Messages are answered in order, so what the writer made of them is read off the files.
    let run = |file: Sink| {
        let (send, messages) = std::sync::mpsc::sync_channel(9);
        let (back, mut returned) = tokio::sync::mpsc::channel(1);
        let bytes = record(0, 0);
        send.send(Message::Load(Load { bytes, records: 1, durable: 0, again: false, written: false, back }))
            .unwrap();
        drop(send);
        Writer::new(None, Some(file), Some(stdout()), shared()).unwrap().run(&messages);
        returned.try_recv().unwrap().written
    };
    assert!(run(Sink::file(&path).unwrap().0));
    assert!(!run(Sink::file(Path::new("/dev/full")).unwrap().0), "standard output alone is not enough");
    drop(pipe);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(numbers(&text, 1), [[0, 0]]);
    assert_eq!(
        (counters.stdout_written.get(), counters.file_failed.get(), counters.dropped.get()),
        (2, 1, 0)
    );
}

#[test]
fn when_the_writer_is_gone_nobody_waits_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::open(&file(&dir.path().join("log")), counters()).unwrap();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        let _receipt = append(&journal, &record(0, 0)).unwrap().await.unwrap();
        disk.close();
        for number in 0..3 {
            let wait = append(&journal, &record(0, number)).unwrap();
            let answer = tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap();
            assert_eq!(answer.unwrap_err(), Unwritten);
        }
    });
}
