//! Reads a log from its first record to its last, and holds what it reads against what was committed to.
//!
//! Never: keeps more than the trees, one piece of a segment, and what it found.

mod events;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::audit::heads::Books;
use crate::audit::note::Checkpoint;
use crate::audit::tree::BUNDLE_LEAVES;
use crate::audit::tree::Frontier;
use crate::limits;

use super::Asked;
use super::claims::Claims;
use super::folder::Folder;
use super::folder::Segment;
use super::folder::Unreadable;
use super::prove::Left;
use super::prunings::Prunings;
use super::readings::Readings;
use super::report::Class;
use super::report::Finding;
use super::report::Report;
use super::report::What;
use super::segment::Flaw;
use super::segment::Piece;
use super::segment::Reader;
use super::standing::Standing;
use super::trunk::Agrees;
use super::trunk::Trunk;

/// How a bundle is told of that is another than its root.
pub(super) const OTHER_BUNDLE: &str = "a bundle of 256 records has another root than the one in `bundles`";

/// Records that are not where they belong, until it is known why.
#[derive(Debug)]
struct Hole {
    what: What,
    first: u64,
    last: u64,
    detail: String,
}

/// A verification on its way.
pub(super) struct Scan<'a> {
    folder: &'a Folder,
    asked: &'a Asked<'a>,
    segments: Vec<Segment>,
    /// The first record of the next segment: a larger number than its own cannot stand in this one.
    bound: u64,
    report: Report,
    trunk: Trunk,
    claims: Claims<'a>,
    /// The trees of the books; `None` while they are not known.
    books: Option<Books>,
    holes: Vec<Hole>,
    prunings: Prunings,
    standing: Standing,
    readings: Readings,
    /// The first and last record that tells of a gap, and how many records were lost.
    gaps: Option<(u64, u64, u64)>,
    /// Bytes that are no frame, before the next record.
    flaw: Option<(What, String)>,
    /// What does not fit and may follow from something else: the records, and what it is.
    unlike: Vec<(u64, u64, String)>,
    /// When the first record was made that no checkpoint covers yet.
    unsigned_since: Option<u64>,
}

/// What is done with one record.
enum Step {
    Next,
    /// It was passed over: it has no place of its own.
    Stray,
}

impl<'a> Scan<'a> {
    pub(super) fn new(folder: &'a Folder, asked: &'a Asked<'a>) -> Result<Self, Unreadable> {
        // The log may be growing: its checkpoints first, then whatever they cover is there.
        let notes = folder.checkpoints()?;
        let standing = Standing::new(folder);
        let mut segments = folder.segments()?;
        let since = asked.since.and_then(|note| Checkpoint::parse(note.text()).ok());
        let from = since.map_or(0, |since| since.size);
        let (start, known) = begin(folder, &segments, from)?;
        segments.retain(|segment| segment.first >= start);
        let mut report = Report { origin: folder.origin().to_owned(), from: start, ..Report::default() };
        let (tree, books) = known.map_or((None, None), |(tree, books)| (Some(tree), Some(books)));
        let trunk = Trunk::new(folder.bundles()?, start, tree)?;
        let claims = Claims::new(folder, asked, (start, notes), &mut report)?;
        let mut holes = Vec::new();
        if start > 0 && from == 0 {
            let detail = "every segment before the first that is there".to_owned();
            holes.push(Hole { what: What::MissingSegment, first: 0, last: start - 1, detail });
        }
        Ok(Self {
            folder,
            asked,
            segments,
            bound: u64::MAX,
            report,
            trunk,
            claims,
            books,
            holes,
            prunings: Prunings::default(),
            standing,
            readings: Readings::default(),
            gaps: None,
            flaw: None,
            unlike: Vec::new(),
            unsigned_since: None,
        })
    }

    pub(super) fn run(mut self, progress: &mut dyn FnMut(u64)) -> Result<Report, Unreadable> {
        self.heads()?;
        let segments = std::mem::take(&mut self.segments);
        for (index, segment) in segments.iter().enumerate() {
            let next = segments.get(index + 1).map(|next| next.first);
            self.bound = next.unwrap_or(u64::MAX);
            self.segment(segment, next.is_none(), progress)?;
            if let Some(next) = next.filter(|next| *next > self.trunk.at()) {
                // Where the segment broke off, that is why; else one is missing as a whole.
                let whole = self.flaw.is_none() && next != self.trunk.at();
                let sealed = self.report.segments > 0 && whole;
                let why = format!("no segment holds them: the next is `{}`", name(next));
                let (what, detail) = if sealed { (What::MissingSegment, why) } else { self.blame() };
                self.hole(what, next, detail)?;
            }
        }
        self.end()
    }

    /// Why records are missing before a place.
    fn blame(&mut self) -> (What, String) {
        self.flaw.take().unwrap_or((What::Missing, String::new()))
    }

    fn hole(&mut self, what: What, to: u64, detail: String) -> Result<(), Unreadable> {
        let (first, last) = (self.trunk.at(), to - 1);
        self.holes.push(Hole { what, first, last, detail });
        self.holes.truncate(limits::FINDINGS_MAX);
        self.books = None;
        self.trunk.skip(to)?;
        self.heads()
    }

    /// Holds every claim against the tree that it is about.
    fn heads(&mut self) -> Result<(), Unreadable> {
        let at = self.trunk.at();
        while let Some(claim) = self.claims.due(at, &mut self.report)? {
            let agrees =
                if claim.head.size == at { self.trunk.agrees(&claim.head.root) } else { Agrees::Unknown };
            self.claims.judge(&claim, agrees, &mut self.report)?;
            self.unsigned_since = None;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        segment: &Segment,
        newest: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Unreadable> {
        let name = segment.name();
        let Some((file, compressed)) = self.folder.segment(segment)? else { return Ok(()) };
        let failed = |why: std::io::Error| self.folder.unreadable(&name, &why);
        let Some(mut reader) = Reader::new(file, compressed, self.folder.log_id()).map_err(failed)? else {
            let what = if newest && !compressed { What::Torn } else { What::Modified };
            self.flaw = Some((what, format!("`{name}` does not begin as a segment of this log")));
            return self.trailing(newest, compressed);
        };
        self.report.segments += 1;
        loop {
            let piece = reader.next(self.trunk.at()).map_err(|why| self.folder.unreadable(&name, &why))?;
            match piece {
                None => break,
                Some(Piece::Record(record)) => {
                    if let Step::Next = self.record(record, segment)? {
                        self.report.records += 1;
                        if self.report.records.is_multiple_of(limits::PROGRESS_RECORDS) {
                            progress(self.report.records);
                        }
                    }
                }
                Some(Piece::Broken { at, to, why }) => {
                    let (what, why) = match why {
                        Flaw::Cut if newest && !compressed => (What::Torn, "a frame is cut off"),
                        Flaw::Cut => (What::Missing, "the segment ends within a frame"),
                        Flaw::Changed => (What::Modified, "no frame with its checksum"),
                        Flaw::Compressed => (What::Modified, "what is compressed cannot be read on"),
                    };
                    self.flaw = Some((what, format!("`{name}`, bytes {at} to {to}: {why}")));
                }
            }
        }
        self.trailing(newest, compressed)
    }

    /// At the end of the newest segment nothing follows that could tell which records bytes without a frame were.
    fn trailing(&mut self, newest: bool, compressed: bool) -> Result<(), Unreadable> {
        if newest && let Some((what, detail)) = self.flaw.take() {
            let what = if compressed && what == What::Missing { What::Modified } else { what };
            let at = self.trunk.at();
            self.report.add(what, at, at, detail);
        }
        Ok(())
    }

    fn record(&mut self, record: &[u8], segment: &Segment) -> Result<Step, Unreadable> {
        let Some(left) = Left::of(record).filter(|left| left.seq() < self.bound) else {
            let why = format!("`{}`: a record that cannot stand here", segment.name());
            self.flaw = Some((What::Modified, why));
            return Ok(Step::Stray);
        };
        let at = self.trunk.at();
        if left.seq() < at {
            return Ok(self.stray(left.seq(), at));
        }
        if left.seq() > at {
            let (what, detail) = self.blame();
            self.hole(what, left.seq(), detail)?;
        } else if let Some((_, detail)) = self.flaw.take() {
            self.report.add(What::Modified, at, at, format!("{detail}, before this record"));
        }
        match &left {
            Left::Record(entry, record) if entry.kind == Kind::Event => self.event(entry, record, segment)?,
            Left::Record(..) => {}
            Left::Withheld(withheld) => self.prunings.withheld(segment.first, withheld),
        }
        let leaf = left.leaf();
        if let Some(books) = &mut self.books {
            books.append(left.book(), leaf);
        }
        if self.unsigned_since.is_none() {
            self.unsigned_since = Some(left.time_ms());
        }
        if let Some(first) = self.trunk.append(leaf)? {
            let last = first + BUNDLE_LEAVES - 1;
            self.report.add(What::Modified, first, last, OTHER_BUNDLE);
        }
        if self.claims.is_due(self.trunk.at()) {
            self.heads()?;
        }
        Ok(Step::Next)
    }

    /// A record that stands behind one with a larger number.
    fn stray(&mut self, seq: u64, at: u64) -> Step {
        let hole = self.holes.iter().position(|hole| (hole.first..=hole.last).contains(&seq));
        let Some(index) = hole else {
            self.report.add(What::OutOfOrder, seq, seq, format!("it stands again before record {at}"));
            return Step::Stray;
        };
        // It is there, if not in its place: what is left of the hole is on both sides of it.
        let hole = self.holes.remove(index);
        let whole = |first: u64, last: Option<u64>| {
            last.filter(|last| first <= *last).map(|last| Hole {
                what: hole.what,
                first,
                last,
                detail: hole.detail.clone(),
            })
        };
        self.holes.extend(whole(hole.first, seq.checked_sub(1)));
        self.holes.extend(whole(seq + 1, Some(hole.last)));
        self.report.add(What::OutOfOrder, seq, at - 1, format!("record {seq} stands before record {at}"));
        Step::Next
    }

    fn end(mut self) -> Result<Report, Unreadable> {
        let at = self.trunk.at();
        self.report.size = at;
        for hole in std::mem::take(&mut self.holes) {
            let signed = self.claims.signed;
            let pruned = self.prunings.is_gone(hole.first..hole.last + 1, &mut |seq| seq < signed);
            if pruned && hole.what == What::MissingSegment {
                self.report.add(What::Pruned, hole.first, hole.last, "a record of the log says so");
            } else {
                self.report.add(hole.what, hole.first, hole.last, hole.detail);
            }
        }
        let signed = self.claims.signed;
        let covered = self.claims.end(at, &mut self.report)?;
        // After the heads: what is no leaf of the tree is a change, whoever says that it was taken away.
        self.prunings.tell(&|_| true, &mut |seq| seq < signed, &mut self.report);
        if self.asked.since.is_none() {
            self.standing.tell(signed, &mut self.report);
        }
        self.readings.tell(self.folder, signed, &mut self.report)?;
        for (first, last, detail) in std::mem::take(&mut self.unlike) {
            if !self.report.follows(first, last) {
                self.report.add(What::Modified, first.max(self.report.from), last, detail);
            }
        }
        if let Some((first, last, count)) = self.gaps {
            self.report.add(What::Gap, first, last, format!("{count} records could not be written"));
        }
        unsigned(&mut self.report, self.asked, self.unsigned_since, covered..at);
        // The first cause first; what was found of the same records stays in its order.
        self.report.findings.sort_by_key(|finding| finding.first);
        Ok(self.report)
    }
}

/// Records behind the newest checkpoint.
fn unsigned(report: &mut Report, asked: &Asked<'_>, since: Option<u64>, records: std::ops::Range<u64>) {
    let first = records.start.max(report.from);
    let Some(count) = records.end.checked_sub(first).filter(|count| *count > 0) else { return };
    let age_ms = since.map_or(0, |time| asked.now_ms.saturating_sub(time));
    let class = if age_ms > asked.unsigned_ms { Class::Unsigned } else { Class::Sound };
    let detail = format!("no checkpoint covers {count} records, the oldest {} s old", age_ms / 1_000);
    let last = records.end - 1;
    report.findings.push(Finding { what: What::Unsigned, class, first, last, detail, follow_ups: 0 });
}

fn name(first: u64) -> String {
    format!("segments/{first:020}.seg")
}

/// Where reading begins, and the trees before that: at the last seal before record `from` whose trees are kept, or with the
/// first segment that is there.
fn begin(
    folder: &Folder,
    segments: &[Segment],
    from: u64,
) -> Result<(u64, Option<(Frontier, Books)>), Unreadable> {
    let earliest = segments.first().map_or(0, |segment| segment.first);
    for segment in segments.iter().rev().filter(|segment| segment.first <= from.max(earliest)) {
        if segment.first == 0 {
            break;
        }
        let sealed = folder.heads(segment.first - 1)?.flatten();
        if let Some(sealed) = sealed.filter(|sealed| sealed.trees.size() + 1 == segment.first)
            && let Ok(entry) = Entry::read(&sealed.record)
            && entry.field("heads_root") == Some(Value::Hex(&sealed.trees.heads_root()))
        {
            let book = entry.book.to_owned();
            let (log, books) = sealed.resume(&book).into_parts();
            return Ok((segment.first, Some((log, books))));
        }
    }
    Ok((earliest, (earliest == 0).then(|| (Frontier::new(), Books::default()))))
}
