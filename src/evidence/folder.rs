//! The directory of a log: which files there are, and how each is read.
//!
//! Never: writes, follows a name that is not one of the format's, or reads a file without a bound.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::audit::edge;
use crate::audit::edge::Edge;
use crate::audit::heads::Sealed;
use crate::audit::keeping::Holds;
use crate::audit::note::Note;
use crate::audit::note::VerifierKey;
use crate::audit::tree::Hash;
use crate::file;
use crate::limits;

/// The file of the newest checkpoint that a witness cosigned.
pub(super) const COSIGNED: &str = "checkpoint.cosigned";

/// The folder of the log of readings.
const READINGS: &str = "reads";

/// The file of the holds that stand.
const HOLDS: &str = "holds.json";

/// A file of a log cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be read: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for Unreadable {}

/// What `log.json` says.
#[derive(serde::Deserialize)]
struct Described {
    version: u32,
    log_id: String,
    origin: String,
}

/// A log directory.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    log_id: [u8; 16],
    origin: String,
}

/// One segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first record, which it is named by.
    pub first: u64,
    /// Is it sealed and compressed?
    pub compressed: bool,
}

impl Segment {
    /// Its place below the log's directory.
    #[must_use]
    pub fn name(&self) -> String {
        format!("segments/{:020}.seg{}", self.first, if self.compressed { ".zst" } else { "" })
    }
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(text, 16).ok().filter(|_| lower && text.len() == 32)?;
    Some(number.to_be_bytes())
}

impl Folder {
    /// Opens the directory: reads `log.json`.
    ///
    /// # Errors
    /// When it is not there, or of another version.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        let folder = Self { path: path.to_owned(), log_id: [0; 16], origin: String::new() };
        let bad = |why: &str| Unreadable { path: path.join("log.json"), why: why.to_owned() };
        let bytes =
            folder.whole("log.json", limits::NOTE_BYTES_MAX)?.ok_or_else(|| bad("it is not there"))?;
        let said: Described = serde_json::from_slice(&bytes).map_err(|why| bad(&why.to_string()))?;
        if said.version != 1 {
            return Err(bad("it is of a version that is not known here"));
        }
        let log_id =
            unhex(&said.log_id).ok_or_else(|| bad("`log_id` is not 32 lower-case hexadecimal digits"))?;
        if !crate::audit::note::is_name(&said.origin) {
            return Err(bad("`origin` is no name of a log"));
        }
        Ok(Self { log_id, origin: said.origin, ..folder })
    }

    /// The id of the log.
    #[must_use]
    pub const fn log_id(&self) -> &[u8; 16] {
        &self.log_id
    }

    /// The origin of the log: the first line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The log of readings beside it; `None` where there is none.
    ///
    /// # Errors
    /// When what is there is none.
    pub fn readings(&self) -> Result<Option<Self>, Unreadable> {
        let path = self.at(READINGS);
        if path.exists() { Self::open(&path).map(Some) } else { Ok(None) }
    }

    /// Where a file of it is.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn unreadable(&self, name: &str, why: &impl ToString) -> Unreadable {
        Unreadable { path: self.at(name), why: why.to_string() }
    }

    /// All bytes of a file; `None` if it is not there.
    fn whole(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, Unreadable> {
        match file::bytes(&self.at(name), most) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(self.unreadable(name, &why)),
        }
    }

    /// A segment, open; it may have been compressed since its name was read.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn segment(&self, segment: &Segment) -> Result<Option<(File, bool)>, Unreadable> {
        let plain = self.opened(&segment.name())?.map(|file| (file, segment.compressed));
        if plain.is_some() || segment.compressed {
            return Ok(plain);
        }
        let compressed = Segment { compressed: true, ..segment.clone() };
        Ok(self.opened(&compressed.name())?.map(|file| (file, true)))
    }

    /// A file, open; `None` if it is not there.
    pub(super) fn opened(&self, name: &str) -> Result<Option<File>, Unreadable> {
        match file::open(&self.at(name)) {
            Ok(file) => Ok(Some(file)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(self.unreadable(name, &why)),
        }
    }

    /// Names in a folder of it; none if that is not there.
    fn names(&self, name: &str) -> Result<Vec<String>, Unreadable> {
        let entries = match std::fs::read_dir(self.at(name)) {
            Ok(entries) => entries,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(self.unreadable(name, &why)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|why| self.unreadable(name, &why))?;
            names.extend(entry.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Its segments, in the order of their records. Where a segment is there in both forms, the plain one counts: it stays
    /// until the other is whole.
    ///
    /// # Errors
    /// When their folder cannot be read.
    pub fn segments(&self) -> Result<Vec<Segment>, Unreadable> {
        let mut segments: Vec<Segment> = Vec::new();
        for name in self.names("segments")? {
            let Some((number, ending)) = name.split_at_checked(20) else { continue };
            let compressed = match ending {
                ".seg" => false,
                ".seg.zst" => true,
                _ => continue,
            };
            let Some(first) = number_of(number) else { continue };
            if segments.last().is_none_or(|before| before.first != first) {
                segments.push(Segment { first, compressed });
            }
        }
        Ok(segments)
    }

    /// The trees at a seal; `None` if they are not kept, an error's text if what is kept is none.
    pub(super) fn heads(&self, seal: u64) -> Result<Option<Option<Sealed>>, Unreadable> {
        let bytes = self.whole(&format!("heads/{seal:020}.heads"), limits::HEADS_BYTES_MAX)?;
        Ok(bytes.map(|bytes| Sealed::decode(&bytes)))
    }

    /// The numbers of the seals whose trees are kept, in order.
    ///
    /// # Errors
    /// When the names cannot be read.
    pub fn seals(&self) -> Result<Vec<u64>, Unreadable> {
        let names = self.names("heads")?;
        Ok(names.iter().filter_map(|name| number_of(name.strip_suffix(".heads")?)).collect())
    }

    /// The keys that stand in it.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn keys(&self) -> Result<Vec<VerifierKey>, Unreadable> {
        let names = self.names("keys")?;
        let names = names.iter().filter(|name| name.ends_with(".vkey")).take(limits::LOG_KEYS_MAX);
        let mut keys = Vec::new();
        for name in names {
            let name = format!("keys/{name}");
            let text = self.whole(&name, limits::NOTE_BYTES_MAX)?.unwrap_or_default();
            let key = std::str::from_utf8(&text).map_err(|_| "it is not text");
            let key = key.and_then(|text| VerifierKey::parse(text.trim_end_matches('\n')));
            keys.push(key.map_err(|why| self.unreadable(&name, &why))?);
        }
        Ok(keys)
    }

    /// The newest checkpoint, as text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checkpoint(&self) -> Result<Option<String>, Unreadable> {
        let bytes = self.whole("checkpoint", limits::NOTE_BYTES_MAX)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| self.unreadable("checkpoint", &"it is not text"))
    }

    /// The newest checkpoint that a witness cosigned, as text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn cosigned(&self) -> Result<Option<String>, Unreadable> {
        let bytes = self.whole(COSIGNED, limits::NOTE_BYTES_MAX)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| self.unreadable(COSIGNED, &"it is not text"))
    }

    /// The holds that stand, as the directory says; `None` where it says nothing.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn holds(&self) -> Result<Option<Holds>, Unreadable> {
        let bytes = self.whole(HOLDS, limits::HOLDS_BYTES_MAX)?;
        let holds = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        holds.map_err(|why| self.unreadable(HOLDS, &why))
    }

    /// The leaves before the first record that is there, back to where its bundle begins, with their numbers; none where they are not
    /// kept.
    pub(super) fn edge(&self, boundary: u64) -> Result<Vec<(u64, Hash)>, Unreadable> {
        let bytes = self.whole(&Edge::before(boundary).name(), limits::EDGE_BYTES_MAX)?;
        Ok(bytes.map(|bytes| edge::leaves(boundary, &bytes)).unwrap_or_default())
    }

    /// All checkpoints that there are by now, in the order in which they were signed.
    pub(super) fn checkpoints(&self) -> Result<Notes, Unreadable> {
        let newest = self.checkpoint()?;
        let (path, mut lines) = (self.at("checkpoints"), None);
        if let Some(file) = self.opened("checkpoints")? {
            let length = file.metadata().map_err(|why| self.unreadable("checkpoints", &why))?.len();
            lines = Some(BufReader::new(file.take(length)));
        }
        Ok(Notes { lines, newest, before: [String::new(), String::new()], path })
    }

    /// The roots of bundles.
    pub(super) fn bundles(&self) -> Result<Bundles, Unreadable> {
        Ok(Bundles { file: self.opened("bundles")?, path: self.at("bundles"), kept: Vec::new(), from: 0 })
    }
}

/// A number of twenty digits.
fn number_of(text: &str) -> Option<u64> {
    let digits = text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The checkpoints of a log: those of the file of all, one after the other, each ended by an empty line more; then that of
/// the newest, where it is another.
#[derive(Debug)]
pub(super) struct Notes {
    lines: Option<BufReader<io::Take<File>>>,
    newest: Option<String>,
    /// The last two that were read.
    before: [String; 2],
    path: PathBuf,
}

impl Notes {
    /// The text of the next; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<String>, Unreadable> {
        if let Some(text) = self.line()? {
            let [older, newer] = &mut self.before;
            std::mem::swap(older, newer);
            newer.clone_from(&text);
            return Ok(Some(text));
        }
        self.lines = None;
        // The one before the last is the newest where a crash came between the writing of both files.
        Ok(self.newest.take().filter(|text| !self.before.contains(text)))
    }

    /// The next of the file of all; what was cut off while it was written is none.
    fn line(&mut self) -> Result<Option<String>, Unreadable> {
        let Some(lines) = &mut self.lines else { return Ok(None) };
        let (mut note, mut empty) = (Vec::new(), 0_u8);
        while empty < 2 {
            let before = note.len();
            let most = limits::NOTE_BYTES_MAX.saturating_sub(before) as u64;
            let unreadable = |why: io::Error| Unreadable { path: self.path.clone(), why: why.to_string() };
            lines.take(most).read_until(b'\n', &mut note).map_err(unreadable)?;
            match note.get(before..) {
                Some(b"\n") => empty += 1,
                Some(line) if line.ends_with(b"\n") => {}
                // What has no end is no note; the reader of it says so.
                Some(_) | None if note.len() >= limits::NOTE_BYTES_MAX => break,
                Some(_) | None => return Ok(None),
            }
        }
        note.pop();
        Ok(Some(String::from_utf8_lossy(&note).into_owned()))
    }
}

/// The roots of bundles, read in pieces.
#[derive(Debug)]
pub(super) struct Bundles {
    file: Option<File>,
    path: PathBuf,
    kept: Vec<u8>,
    from: u64,
}

impl Bundles {
    /// The root of one bundle; `None` if it is not there.
    pub(super) fn get(&mut self, index: u64) -> Result<Option<Hash>, Unreadable> {
        let place = |from: u64| usize::try_from(index.checked_sub(from)?.checked_mul(32)?).ok();
        let found = |kept: &[u8], from| kept.get(place(from)?..)?.first_chunk::<32>().copied();
        if let Some(hash) = found(&self.kept, self.from) {
            return Ok(Some(hash));
        }
        let (Some(file), Some(at)) = (&self.file, index.checked_mul(32)) else { return Ok(None) };
        (self.from, self.kept) = (index, vec![0; limits::BUNDLES_READ_BYTES]);
        let mut filled = 0;
        while let Some(rest) = self.kept.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = file.read_at(rest, at.saturating_add(filled as u64));
            match read.map_err(|why| Unreadable { path: self.path.clone(), why: why.to_string() })? {
                0 => break,
                read => filled += read,
            }
        }
        self.kept.truncate(filled);
        Ok(found(&self.kept, self.from))
    }
}

/// Reads a note that somebody brings.
///
/// # Errors
/// When the file cannot be read or is no signed note.
pub fn note(path: &Path) -> Result<Note, Unreadable> {
    let bad = |why: String| Unreadable { path: path.to_owned(), why };
    let text = file::text(path, limits::NOTE_BYTES_MAX).map_err(|why| bad(why.to_string()))?;
    Note::parse(&text).map_err(|why| bad(why.to_owned()))
}
