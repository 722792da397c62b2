//! A log in a directory that is told in lines as well.

use super::*;

/// What came less than a sync before the end is in the lines as well as in the directory.
#[test]
fn the_last_records_before_a_stop_are_told_in_lines_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lines");
    let store = StoreSettings {
        dir: dir.path().join("log"),
        key_file: None,
        previous_key_file: None,
        segment_bytes: 1 << 20,
        segment_ms: 60_000,
        bytes_max: 1 << 30,
        checkpoint_ms: 60_000,
    };
    let disk = Disk::open(&Sinks { store: Some(store), ..file(&path) }, counters()).unwrap();
    on_a_worker(async || {
        let journal = disk.worker(limits::JOURNAL_BYTES_MAX);
        let _receipt = append(&journal, &record(0, 7)).unwrap().await.unwrap();
    });
    disk.event(&Event::Stop);
    disk.close();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(numbers(&text, 1), [[7]]);
    assert_eq!(events(&text), [Happened::Stop]);
}
