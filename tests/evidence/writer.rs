//! A log as the format says, written record by record, so that each attack can be made on it.

use std::fs;
use std::path::Path;

use palisade::audit::entry;
use palisade::audit::entry::Value;
use palisade::audit::frame;
use palisade::audit::heads::Sealed;
use palisade::audit::heads::Trees;
use palisade::audit::note;
use palisade::audit::note::Signer;
use tempfile::TempDir;

pub(crate) const BOOKS: [&str; 5] = ["acme", "acme/west", "globex", "initech", ""];
pub(crate) const START_MS: u64 = 1_790_000_000_000;

pub(crate) struct Log {
    pub(crate) folder: TempDir,
    pub(crate) signer: Signer,
    pub(crate) trees: Trees,
    pub(crate) checkpoints: Vec<String>,
    id: [u8; 16],
    segment: Vec<u8>,
    first: u64,
    bundles: Vec<u8>,
    /// Names each record, so that two logs differ.
    pub(crate) salt: u64,
}

/// A field of a record.
pub(crate) enum Field<'a> {
    Text(&'a str),
    Number(u64),
    Hex(&'a [u8]),
}

/// The bytes of a record: the program's own, but for what only an attacker would put together.
pub(crate) fn payload(kind: u8, seq: u64, book: &str, fields: &[(&str, Field<'_>)]) -> Vec<u8> {
    let mut out = vec![entry::VERSION, kind, 0];
    out.extend(seq.to_le_bytes());
    out.extend((START_MS + seq * 10).to_le_bytes());
    entry::varint(&mut out, book.len() as u64);
    out.extend(book.as_bytes());
    for (name, value) in fields {
        let value = match value {
            Field::Text(text) => Value::Text(text, false),
            Field::Number(number) => Value::Number(*number),
            Field::Hex(bytes) => Value::Hex(bytes),
        };
        entry::append(&mut out, entry::code_of(name), &value);
    }
    out
}

pub(crate) fn framed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::append(payload, &mut out);
    out
}

impl Log {
    pub(crate) fn new(salt: u64) -> Self {
        Self::signed_by(salt, Signer::read("palisade.log/0102", &[7; 32]).unwrap())
    }

    pub(crate) fn signed_by(salt: u64, signer: Signer) -> Self {
        let (folder, id) = (tempfile::tempdir().unwrap(), [0x12; 16]);
        for name in ["segments", "heads", "keys"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let hex = "12".repeat(16);
        let described =
            format!(r#"{{"version":1,"log_id":"{hex}","origin":"{}"}}"#, signer.verifier().name());
        fs::write(folder.path().join("log.json"), described).unwrap();
        let mut log = Self {
            folder,
            signer,
            trees: Trees::new(),
            checkpoints: Vec::new(),
            id,
            segment: Vec::new(),
            first: 0,
            bundles: Vec::new(),
            salt,
        };
        log.key();
        log.open();
        log
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn key(&self) {
        let key = self.signer.verifier();
        fs::write(self.path().join(format!("keys/{:08x}.vkey", key.id())), format!("{key}\n")).unwrap();
    }

    fn open(&mut self) {
        self.first = self.trees.size();
        self.segment = [&frame::MAGIC[..], &self.id].concat();
    }

    fn push(&mut self, book: &str, payload: &[u8]) {
        self.segment.extend(framed(payload));
        self.bundles.extend(self.trees.append(book, payload).into_iter().flatten());
    }

    pub(crate) fn event(&mut self, fields: &[(&str, Field<'_>)]) {
        let payload = payload(4, self.trees.size(), "", fields);
        self.push("", &payload);
    }

    /// So many decisions, spread over the books.
    pub(crate) fn decisions(&mut self, n: u64) -> &mut Self {
        for _ in 0..n {
            let seq = self.trees.size();
            let book = BOOKS[usize::try_from(seq * 7 % 11 % 4).unwrap()];
            let reason = format!("record {seq} of {}", self.salt);
            let record = payload(
                1,
                seq,
                book,
                &[("decision", Field::Text("allow")), ("reason", Field::Text(&reason))],
            );
            self.push(book, &record);
        }
        self
    }

    /// Ends the segment with its seal, and begins the next.
    pub(crate) fn seal(&mut self, compressed: bool) -> &mut Self {
        let (seq, root) = (self.trees.size(), self.trees.heads_root());
        let record = payload(
            4,
            seq,
            "",
            &[
                ("event", Field::Text("sealed")),
                ("first", Field::Number(self.first)),
                ("records", Field::Number(seq - self.first)),
                ("heads_root", Field::Hex(&root)),
                ("tenants", Field::Number(self.trees.books() as u64)),
            ],
        );
        fs::write(self.path().join(format!("heads/{seq:020}.heads")), Sealed::encode(&self.trees, &record))
            .unwrap();
        self.push("", &record);
        let name = self.path().join(format!("segments/{:020}.seg", self.first));
        if compressed {
            let packed = zstd::encode_all(&self.segment[..], 3).unwrap();
            fs::write(name.with_extension("seg.zst"), packed).unwrap();
            drop(fs::remove_file(name));
        } else {
            fs::write(name, &self.segment).unwrap();
        }
        self.open();
        self
    }

    pub(crate) fn checkpoint(&mut self) -> &mut Self {
        let origin = self.signer.verifier().name().to_owned();
        self.checkpoints.push(note::checkpoint(&origin, self.trees.size(), &self.trees.root(), &self.signer));
        self
    }

    pub(crate) fn rotate(&mut self, next: Signer) -> &mut Self {
        let key = next.verifier().to_string();
        self.event(&[("event", Field::Text("key_rotated")), ("key", Field::Text(&key))]);
        self.checkpoint();
        self.signer = next;
        self.key();
        self
    }

    /// Writes what is not on disk yet.
    pub(crate) fn write(&mut self) -> &mut Self {
        fs::write(self.path().join(format!("segments/{:020}.seg", self.first)), &self.segment).unwrap();
        fs::write(self.path().join("bundles"), &self.bundles).unwrap();
        self.write_checkpoints();
        self
    }

    pub(crate) fn write_checkpoints(&self) {
        let all: String = self.checkpoints.iter().map(|note| format!("{note}\n")).collect();
        fs::write(self.path().join("checkpoints"), all).unwrap();
        if let Some(newest) = self.checkpoints.last() {
            fs::write(self.path().join("checkpoint"), newest).unwrap();
        }
    }

    /// The usual log: three sealed segments of 1,000 records and an open one of 500, signed every 300.
    pub(crate) fn usual(salt: u64) -> Self {
        let mut log = Self::new(salt);
        for segment in 0..4 {
            for _ in 0..if segment < 3 { 3 } else { 1 } {
                log.decisions(300).checkpoint();
            }
            if segment < 3 {
                log.decisions(99).seal(segment % 2 == 0);
            }
        }
        log.decisions(200).checkpoint();
        log.write();
        log
    }
}

/// The segment files, in order.
pub(crate) fn segments(log: &Path) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> =
        fs::read_dir(log.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// Changes the records of the segment that holds record `seq`; its frames are whole again afterwards.
pub(crate) fn tamper(log: &Path, seq: u64, change: impl FnOnce(&mut Vec<Vec<u8>>, usize)) {
    let first = |path: &Path| path.file_name().unwrap().to_str().unwrap()[..20].parse::<u64>().unwrap();
    let path = segments(log).into_iter().rfind(|path| first(path) <= seq).unwrap();
    let compressed = path.extension().unwrap() == "zst";
    let mut bytes = fs::read(&path).unwrap();
    if compressed {
        bytes = zstd::decode_all(&bytes[..]).unwrap();
    }
    let mut records: Vec<Vec<u8>> = frame::Frames::new(&bytes[frame::SEGMENT_HEAD_BYTES..])
        .map(|record| record.unwrap().to_vec())
        .collect();
    change(&mut records, usize::try_from(seq - first(&path)).unwrap());
    bytes.truncate(frame::SEGMENT_HEAD_BYTES);
    for record in records {
        bytes.extend(framed(&record));
    }
    if compressed {
        bytes = zstd::encode_all(&bytes[..], 3).unwrap();
    }
    fs::write(path, bytes).unwrap();
}
