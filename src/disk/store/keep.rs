//! The log's size and age: the oldest segments go where all together are more than is allowed, and where all that is in them is past its
//! time whatever it is of. What goes by tenant or class within a segment is for `palisade-audit prune`.
//!
//! Never: takes a segment away before it is on record that it goes, or past one that a hold may cover; loses what proves the rest.

use std::io;
use std::io::Read as _;

use crate::audit::edge;
use crate::audit::edge::Edge;
use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::audit::keeping::Holds;
use crate::audit::keeping::Pruned;
use crate::disk::store::Files;
use crate::disk::store::Store;
use crate::disk::store::files;
use crate::limits;

/// One segment that is there.
struct There {
    first: u64,
    name: String,
    bytes: u64,
}

impl<F: Files> Store<F> {
    /// Takes the oldest segments away until all of them are within the bounds. The bundles' roots and the heads stay, and the leaves of
    /// the bundle that is cut in two, so that what is left can still be proven.
    pub(super) fn prune(&mut self, now_ms: u64) -> io::Result<()> {
        let segments = self.there()?;
        let all: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let (mut left, mut due, mut reason) = (all, 0, "retention");
        // The newest one stays; of each other one the next says when it ended.
        for pair in segments.windows(2) {
            let [segment, next] = pair else { break };
            let large = left > self.settings.bytes_max;
            if !large && !self.is_past(next, now_ms)? {
                break;
            }
            if large {
                reason = "size";
            }
            left = left.saturating_sub(segment.bytes);
            due += 1;
        }
        let Some(boundary) = segments.get(due).map(|segment| segment.first).filter(|_| due > 0) else {
            return Ok(());
        };
        if !self.holds()?.0.is_empty() {
            // What is held may be in any of them, and only whoever reads them all can tell.
            if reason == "size" {
                tracing::warn!("the decision log is larger than it may be: a hold keeps its oldest segments");
            }
            return Ok(());
        }
        let pruned = Pruned {
            first: 0,
            last: boundary.saturating_sub(1),
            reason: reason.to_owned(),
            count: None,
            gone: None,
        };
        self.event(&Event::Log(Kept::Prune(&pruned)), now_ms)?;
        self.sync(now_ms)?;
        self.keep_edge(&segments, boundary)?;
        // The oldest first: wherever this ends, what is left has no hole.
        for segment in segments.iter().take(due) {
            self.files.remove(&segment.name)?;
        }
        Ok(())
    }

    fn there(&mut self) -> io::Result<Vec<There>> {
        let mut segments = Vec::new();
        for name in self.files.list("segments")? {
            let Some(first) = name.split('.').next().and_then(|first| first.parse::<u64>().ok()) else {
                continue;
            };
            let name = format!("segments/{name}");
            let bytes = self.files.length(&name)?;
            segments.push(There { first, name, bytes });
        }
        // One that is being compressed is there twice.
        segments.dedup_by_key(|segment| segment.first);
        Ok(segments)
    }

    /// Did all that stands before a segment come so long ago that no rule keeps it?
    fn is_past(&mut self, next: &There, now_ms: u64) -> io::Result<bool> {
        let Some(longest) = self.settings.retention.longest_ms() else { return Ok(false) };
        Ok(self.begun_ms(next)?.is_some_and(|begun| now_ms.saturating_sub(begun) > longest))
    }

    /// When the first record of a segment was made; not of the one that is written to.
    fn begun_ms(&mut self, segment: &There) -> io::Result<Option<u64>> {
        let Some(bytes) = self.files.read(&segment.name)?.filter(|_| segment.name.ends_with(".zst")) else {
            return Ok(None);
        };
        let (mut start, most) =
            (Vec::new(), frame::SEGMENT_HEAD_BYTES + frame::HEAD_BYTES + limits::FRAME_BYTES_MAX);
        zstd::stream::read::Decoder::new(&*bytes)?.take(most as u64).read_to_end(&mut start)?;
        let frames = start.get(frame::SEGMENT_HEAD_BYTES..).unwrap_or_default();
        Ok(Frames::new(frames).next().and_then(Result::ok).and_then(entry::time_ms))
    }

    fn segment_bytes(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let bytes = self.files.read(name)?.unwrap_or_default();
        if !name.ends_with(".zst") {
            return Ok(bytes);
        }
        let plain = zstd::stream::read::Decoder::new(&*bytes)?;
        crate::file::bounded(plain, limits::LOG_SEGMENT_BYTES_MAX)
    }

    /// Keeps the leaves of the bundle that is cut in two.
    fn keep_edge(&mut self, segments: &[There], boundary: u64) -> io::Result<()> {
        let mut edge = Edge::before(boundary);
        let before = self.files.list(edge::FOLDER)?;
        for name in &before {
            if let Some(bytes) = self.files.read(&format!("{}/{name}", edge::FOLDER))? {
                edge.file(name, &bytes);
            }
        }
        let begin = segments.iter().rposition(|segment| segment.first <= edge.begins()).unwrap_or(0);
        for segment in segments.iter().skip(begin).take_while(|segment| segment.first < boundary) {
            edge.segment(&self.segment_bytes(&segment.name)?);
        }
        if let Some(bytes) = edge.bytes() {
            self.files.replace(&edge.name(), &bytes)?;
        }
        let own = edge.name();
        for name in before.iter().map(|name| format!("{}/{name}", edge::FOLDER)).filter(|name| *name != own) {
            self.files.remove(&name)?;
        }
        Ok(())
    }

    /// The holds that stand, as the directory says.
    pub(super) fn holds(&mut self) -> io::Result<Holds> {
        let bytes = self.files.read(files::HOLDS)?;
        // What cannot be read ends no hold: nothing goes then.
        bytes.map_or_else(
            || Ok(Holds::default()),
            |bytes| serde_json::from_slice(&bytes).map_err(io::Error::other),
        )
    }
}
