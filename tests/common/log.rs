//! The records of a log directory, for tests that hold them against what came elsewhere.

#![expect(unreachable_pub, reason = "the file that takes this one in is a program")]

use std::path::Path;

use palisade::audit::entry;
use palisade::audit::frame;
use palisade::audit::frame::Frames;
use serde_json::Value;

/// The records of the directory, as lines; a segment ends where the next begins.
pub fn records(log: &Path) -> Vec<Value> {
    let mut names: Vec<_> = std::fs::read_dir(log.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end != "tmp"))
        .collect();
    names.sort();
    let mut all: Vec<Value> = Vec::new();
    for path in names {
        // It may have been compressed since.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let packed = path.extension().is_some_and(|end| end == "zst");
        let bytes = if packed { zstd::stream::decode_all(&*bytes).unwrap() } else { bytes };
        for record in Frames::new(bytes.get(frame::SEGMENT_HEAD_BYTES..).unwrap_or_default()).flatten() {
            let mut line = Vec::new();
            entry::line(record, &mut line).unwrap();
            let record: Value = serde_json::from_slice(&line).unwrap();
            // A segment that was being compressed is there twice.
            if record["seq"] == all.len() {
                all.push(record);
            }
        }
    }
    all
}
