//! Opens the log's directory: goes on from what is on the device, wherever the program before was stopped.
//!
//! Never: goes on behind a hole, or takes off more than the torn end of the newest segment.

use std::fmt;
use std::io;

use crate::audit::entry::Entry;
use crate::audit::entry::Value;
use crate::audit::entry::Withheld;
use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::audit::heads::Sealed;
use crate::audit::heads::Trees;
use crate::audit::keeping::Names;
use crate::audit::note::Signer;
use crate::disk::store::Files;
use crate::disk::store::Segment;
use crate::disk::store::Store;
use crate::disk::store::StoreSettings;
use crate::disk::store::Veil;
use crate::disk::store::files;
use crate::disk::store::grow;
use crate::limits;

/// Why the log's directory cannot be gone on with.
#[derive(Debug)]
pub enum Broken {
    /// A file could not be read or written.
    File(String, io::Error),
    /// A file is not what it should be.
    Bad(String, &'static str),
    /// A record is missing or damaged before the newest segment's end.
    Hole {
        /// The segment.
        name: String,
        /// The number of the record that should be there.
        seq: u64,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, error) => write!(f, "`{name}`: {error}"),
            Self::Bad(name, why) => write!(f, "`{name}`: {why}"),
            Self::Hole { name, seq } => write!(
                f,
                "`{name}`: record {seq} is missing or damaged; keep the directory as it is, and let the log go on in another one"
            ),
        }
    }
}

impl std::error::Error for Broken {}

/// What a new log is told apart by, and what is known of it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct About {
    version: u32,
    log_id: String,
    origin: String,
}

/// How the newest segment ended.
#[derive(Debug, Default)]
struct Tail {
    /// Its first record and length without its torn end, where it is open.
    open: Option<(u64, u64)>,
    torn: u64,
    /// Did the program before end it as it should?
    stopped: bool,
    time_ms: u64,
}

const KEY: &str = "signing.key";

impl<F: Files> Store<F> {
    /// Opens the log, repairs its torn end, and says in it what it found. `keys` are the bytes of the key that signs, where it is
    /// a file of its own, and of the one that signed before.
    pub(in crate::disk) fn open(
        settings: StoreSettings,
        mut files: F,
        keys: [Option<&[u8]>; 2],
        now_ms: u64,
    ) -> Result<Self, Broken> {
        let about = about(&mut files)?;
        let log_id =
            id_of(&about.log_id).ok_or_else(|| Broken::Bad("log.json".into(), "its `log_id` is none"))?;
        let [key, before] = keys;
        let signer = signer(&mut files, &about.origin, key)?;
        let before = before.map(|bytes| Signer::read(&about.origin, bytes)).transpose();
        let before = before.map_err(|why| Broken::Bad("the key before".into(), why))?;
        let (mut trees, mut bundles) = (resume(&mut files)?, Vec::new());
        let tail = replay(&mut files, log_id, &mut trees, &mut bundles)?;
        let next = trees.size();
        let segment = match tail.open {
            None => None,
            Some((first, bytes)) => {
                let name = files::segment_name(first);
                let file = files.reopen(&name, bytes).map_err(|error| Broken::File(name, error))?;
                Some(Segment { file, first, bytes, opened_ms: now_ms })
            }
        };
        let veil = if settings.pseudonyms { Some(veil(&mut files)?) } else { None };
        let mut store = Self {
            settings,
            veil,
            files,
            signer,
            origin: about.origin,
            log_id,
            segment,
            next,
            fresh: Vec::new(),
            fresh_first: next,
            trees,
            bundles,
            appended_ms: tail.time_ms,
            signed_ms: 0,
            signed_size: u64::MAX,
            again_ms: 0,
            looked_ms: 0,
            readings: None,
            told: Some(Vec::new()),
        };
        store.begun(&tail, before, now_ms).map_err(|error| Broken::File("segments".into(), error))?;
        Ok(store)
    }

    /// Puts on record what was found, and which key signs.
    fn begun(&mut self, tail: &Tail, before: Option<Signer>, now_ms: u64) -> io::Result<()> {
        if tail.torn > 0 {
            self.event(&Event::TornTail { bytes: tail.torn }, now_ms)?;
        }
        if let Some(last) = self.next.checked_sub(1).filter(|_| !tail.stopped) {
            self.event(&Event::Log(Kept::Crash { last }), now_ms)?;
        }
        let key = self.signer.verifier().to_string();
        let name = key_name(&self.signer);
        let known = self.files.read(&name)?.is_some();
        let any = !self.files.list("keys")?.is_empty();
        if any && !known {
            self.event(&Event::Log(Kept::KeyRotated { key: &key }), now_ms)?;
            self.sync(now_ms)?;
            // The key before vouches for the new one: it signs a head with that record in it.
            if let Some(before) = before {
                let new = std::mem::replace(&mut self.signer, before);
                self.sign(now_ms)?;
                self.signer = new;
            }
        }
        self.files.replace(&name, format!("{key}\n").as_bytes())?;
        self.sync(now_ms)
    }
}

fn key_name(signer: &Signer) -> String {
    format!("keys/{:08x}.vkey", signer.verifier().id())
}

fn about<F: Files>(files: &mut F) -> Result<About, Broken> {
    let failed = |error| Broken::File("log.json".into(), error);
    if let Some(bytes) = files.read("log.json").map_err(failed)? {
        let about: About = serde_json::from_slice(&bytes)
            .map_err(|_| Broken::Bad("log.json".into(), "it does not say which log this is"))?;
        return if about.version == 1 {
            Ok(about)
        } else {
            Err(Broken::Bad("log.json".into(), "the log is of a version that is not known here"))
        };
    }
    if !files.list("segments").map_err(failed)?.is_empty() {
        return Err(Broken::Bad("log.json".into(), "it is gone, and there are segments"));
    }
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id)
        .map_err(|_| Broken::Bad("log.json".into(), "the system gives no random bytes"))?;
    let log_id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let about = About { version: 1, origin: format!("palisade.log/{log_id}"), log_id };
    let text = serde_json::to_vec(&about).map_err(|error| failed(error.into()))?;
    files.replace("log.json", &text).map_err(failed)?;
    Ok(about)
}

fn veil<F: Files>(files: &mut F) -> Result<Veil, Broken> {
    let name = || files::VAULT.to_owned();
    let bytes = files.read(files::VAULT).map_err(|error| Broken::File(name(), error))?.unwrap_or_default();
    let names = Names::read(&bytes).map_err(|_| Broken::Bad(name(), "a line of it is no name"))?;
    Ok(Veil::new(&names))
}

fn id_of(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    let (pairs, _) = digits.as_chunks::<2>();
    let mut id = [0; 16];
    if digits.len() != 32 {
        return None;
    }
    for (to, pair) in id.iter_mut().zip(pairs) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

fn signer<F: Files>(files: &mut F, origin: &str, given: Option<&[u8]>) -> Result<Signer, Broken> {
    let bad = |why| Broken::Bad(KEY.into(), why);
    if let Some(bytes) = given {
        return Signer::read(origin, bytes).map_err(bad);
    }
    let failed = |error| Broken::File(KEY.into(), error);
    let bytes = match files.read(KEY).map_err(failed)? {
        Some(bytes) => bytes,
        None => {
            let made = Signer::generate().map_err(bad)?.into_bytes();
            files.replace(KEY, &made).map_err(failed)?;
            made
        }
    };
    Signer::read(origin, &bytes).map_err(bad)
}

/// The trees after the newest seal that is there.
fn resume<F: Files>(files: &mut F) -> Result<Trees, Broken> {
    let failed = |error| Broken::File("heads".into(), error);
    for name in files.list("heads").map_err(failed)?.iter().rev() {
        let bytes = files.read(&format!("heads/{name}")).map_err(failed)?.unwrap_or_default();
        // One that was damaged is no way to lose the log: the one before leads to the same trees.
        if let Some(sealed) = Sealed::decode(&bytes) {
            return Ok(sealed.resume(""));
        }
        tracing::warn!(name, "the heads of a seal are damaged, and are left alone");
    }
    Ok(Trees::new())
}

/// Reads all segments from where the trees end, and adds what is in them.
fn replay<F: Files>(
    files: &mut F,
    log_id: [u8; 16],
    trees: &mut Trees,
    bundles: &mut Vec<u8>,
) -> Result<Tail, Broken> {
    let segments = segments(files)?;
    let mut tail = Tail { stopped: true, ..Tail::default() };
    for (at, (first, name)) in segments.iter().enumerate() {
        let end = segments.get(at + 1).map(|(first, _)| *first);
        // The newest one tells how the log ended, even where the trees know all of it.
        if end.is_some_and(|end| end <= trees.size()) {
            continue;
        }
        let bytes = segment(files, name)?;
        let hole = |seq| Broken::Hole { name: name.clone(), seq };
        let Some((head, frames)) = bytes.split_first_chunk::<{ frame::SEGMENT_HEAD_BYTES }>() else {
            if end.is_some() {
                return Err(hole(*first));
            }
            files.remove(name).map_err(|error| Broken::File(name.clone(), error))?;
            continue;
        };
        if head != &*[&frame::MAGIC[..], &log_id].concat() {
            return Err(Broken::Bad(name.clone(), "it is no segment of this log"));
        }
        let mut reader = Frames::new(frames);
        let mut seq = *first;
        while end.is_none_or(|end| seq < end) {
            let begin = reader.at();
            let Some(record) = reader.next() else { break };
            let record = record.ok().filter(|record| is_record(record, seq));
            let Some(record) = record else {
                // A torn end has nothing whole behind it; what has is damage, and no reason to forget the rest.
                if goes_on(frames.get(begin..).unwrap_or_default(), seq) {
                    return Err(hole(seq));
                }
                tail.torn = (frames.len() - begin) as u64;
                break;
            };
            if seq > trees.size() {
                return Err(hole(trees.size()));
            }
            if seq == trees.size() {
                grow(trees, bundles, record);
            }
            if let Ok(entry) = Entry::read(record) {
                tail.saw(&entry);
            }
            seq += 1;
        }
        match end {
            Some(end) if seq < end => return Err(hole(seq)),
            Some(_) => tail.torn = 0,
            None if name.ends_with(".zst") && tail.torn > 0 => return Err(hole(seq)),
            None if name.ends_with(".zst") => {}
            None => {
                let whole = frame::SEGMENT_HEAD_BYTES as u64 + frames.len() as u64 - tail.torn;
                tail.open = Some((*first, whole));
            }
        }
    }
    Ok(tail)
}

/// Is it the record of this number, or what is left of it?
fn is_record(record: &[u8], seq: u64) -> bool {
    let left = Withheld::read(record).map(|withheld| withheld.seq);
    left.or_else(|| Entry::read(record).ok().map(|entry| entry.seq)) == Some(seq)
}

/// Is there a whole record with a higher number behind a broken frame?
fn goes_on(frames: &[u8], seq: u64) -> bool {
    let length = frames.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let behind = frames.get(length.saturating_add(frame::HEAD_BYTES)..).unwrap_or_default();
    let next = Frames::new(behind).next().and_then(Result::ok);
    next.and_then(|record| Entry::read(record).ok()).is_some_and(|entry| entry.seq > seq)
}

impl Tail {
    fn saw(&mut self, entry: &Entry<'_>) {
        self.time_ms = entry.time_ms;
        // A seal and what follows a stop say nothing about how the program ended, nor what others put on record while it was away; a
        // crash that is on record is no second one.
        match entry.field("event") {
            Some(Value::Text("stop" | "crash", _)) => self.stopped = true,
            Some(Value::Text("sealed" | "prune" | "erase" | "hold" | "query", _)) => {}
            Some(_) | None => self.stopped = false,
        }
    }
}

/// All segments by their first record, without what an interrupted step left beside them.
fn segments<F: Files>(files: &mut F) -> Result<Vec<(u64, String)>, Broken> {
    let failed = |error| Broken::File("segments".into(), error);
    let names = files.list("segments").map_err(failed)?;
    let mut segments: Vec<(u64, String)> = Vec::new();
    for name in &names {
        let path = format!("segments/{name}");
        let packed = format!("{name}.zst");
        if name.ends_with(".tmp") || names.contains(&packed) {
            files.remove(&path).map_err(failed)?;
            continue;
        }
        let digits = name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".seg");
        let first = digits.and_then(|digits| digits.parse().ok());
        segments.push((first.ok_or(Broken::Bad(path.clone(), "it is no segment"))?, path));
    }
    segments.sort_unstable();
    Ok(segments)
}

fn segment<F: Files>(files: &mut F, name: &str) -> Result<Vec<u8>, Broken> {
    let failed = |error| Broken::File(name.into(), error);
    let bytes = files.read(name).map_err(failed)?.unwrap_or_default();
    if !name.ends_with(".zst") {
        return Ok(bytes);
    }
    let plain = zstd::stream::read::Decoder::new(&*bytes).map_err(failed)?;
    crate::file::bounded(plain, limits::LOG_SEGMENT_BYTES_MAX).map_err(failed)
}
