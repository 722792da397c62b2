//! What signed heads claim: the log's own checkpoints one after the other, and those that were kept elsewhere; each held
//! against the tree when that has come to its size.
//!
//! A key other than the one before must have been announced by a record that a checkpoint of the one before covers.
//! Never: takes a claim of a key that is not known, or lets one that fails pass because a later one holds.

use crate::audit::note::Checkpoint;
use crate::audit::note::KeyKind;
use crate::audit::note::Note;
use crate::audit::note::Signed;
use crate::audit::note::VerifierKey;
use crate::audit::tree::BUNDLE_LEAVES;
use crate::limits;

use super::Asked;
use super::folder::Folder;
use super::folder::Notes;
use super::folder::Unreadable;
use super::report::Report;
use super::report::What;
use super::trunk::Agrees;

/// A head that somebody signed.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) head: Checkpoint,
    /// Which of those from elsewhere; `None` for one of the log's own.
    anchor: Option<usize>,
}

/// The first of several claims that fail, and whether one after it holds.
#[derive(Debug)]
struct Failed {
    first: u64,
    last: u64,
    holds_after: bool,
    more: u64,
}

/// All claims, the smallest first.
pub(super) struct Claims<'a> {
    asked: &'a Asked<'a>,
    folder: &'a Folder,
    notes: Notes,
    keys: Vec<VerifierKey>,
    key: Option<VerifierKey>,
    /// Was the key, or one that announced it, brought from outside?
    trusted: bool,
    announced: Vec<(u64, VerifierKey)>,
    adopted: Vec<VerifierKey>,
    own: Option<Claim>,
    outside: Vec<Claim>,
    /// No record before this one is read.
    start: u64,
    /// The size of the newest of the log's own.
    pub(super) size: u64,
    /// The size of the newest of the log's own that holds.
    pub(super) signed: u64,
    failed: Vec<Failed>,
    anchored: u64,
}

impl<'a> Claims<'a> {
    pub(super) fn new(
        folder: &'a Folder,
        asked: &'a Asked<'a>,
        (start, notes): (u64, Notes),
        report: &mut Report,
    ) -> Result<Self, Unreadable> {
        let mut keys: Vec<VerifierKey> =
            asked.keys.iter().filter(|key| key.kind() == KeyKind::Note).cloned().collect();
        keys.extend(folder.keys()?);
        let mut claims = Self {
            asked,
            folder,
            notes,
            keys,
            key: None,
            trusted: false,
            announced: Vec::new(),
            adopted: Vec::new(),
            own: None,
            outside: Vec::new(),
            start,
            size: 0,
            signed: 0,
            failed: Vec::new(),
            anchored: 0,
        };
        claims.bring(report);
        claims.read_own(report)?;
        Ok(claims)
    }

    /// Reads what was brought from elsewhere, the largest first, so that the smallest is taken off the end.
    fn bring(&mut self, report: &mut Report) {
        let anchors = self.asked.anchors.iter().map(|(_, note)| note).enumerate();
        let since = self.asked.since.map(|since| (self.asked.anchors.len(), since));
        for (index, note) in anchors.chain(since) {
            match self.brought(note) {
                Ok(head) => self.outside.push(Claim { head, anchor: Some(index) }),
                Err(why) => report.add(What::BadCheckpoint, 0, 0, format!("{}: {why}", self.name(index))),
            }
        }
        if let Some(since) = self.asked.since {
            let signed = |key: &&VerifierKey| matches!(since.signed_by(key), Signed::Yes { .. });
            self.key = self.keys.iter().find(signed).cloned();
            self.trusted = self.key.is_some();
        }
        self.outside.sort_by_key(|claim| std::cmp::Reverse(claim.head.size));
    }

    /// What a checkpoint from elsewhere claims, where a key that is known signed it.
    fn brought(&self, note: &Note) -> Result<Checkpoint, &'static str> {
        let head = Checkpoint::parse(note.text())?;
        if head.origin != self.folder.origin() {
            return Err("it is of another log");
        }
        let signed: Vec<Signed> =
            self.keys.iter().chain(self.asked.keys).map(|key| note.signed_by(key)).collect();
        if signed.contains(&Signed::Wrong) {
            return Err("a signature in it is wrong");
        }
        let known = signed.iter().any(|signed| matches!(signed, Signed::Yes { .. }));
        if known { Ok(head) } else { Err("no known key signed it") }
    }

    /// What findings call a checkpoint from elsewhere by.
    fn name(&self, index: usize) -> String {
        let since = || "the checkpoint up to which all was verified".to_owned();
        self.asked.anchors.get(index).map_or_else(since, |(name, _)| format!("`{name}`"))
    }

    /// The next claim about a tree of at most this size.
    pub(super) fn due(&mut self, at: u64, report: &mut Report) -> Result<Option<Claim>, Unreadable> {
        let own = self.own.as_ref().map_or(u64::MAX, |claim| claim.head.size);
        let outside = self.outside.last().map_or(u64::MAX, |claim| claim.head.size);
        if own.min(outside) > at || (self.own.is_none() && self.outside.is_empty()) {
            return Ok(None);
        }
        if outside < own || self.own.is_none() {
            return Ok(self.outside.pop());
        }
        let claim = self.own.take();
        Ok(claim.inspect(|claim| {
            debug_assert!(claim.head.size <= at, "not due");
            report.checkpoints += 1;
        }))
    }

    /// Is a claim about a tree of at most this size there?
    pub(super) fn is_due(&self, at: u64) -> bool {
        let due = |claim: Option<&Claim>| claim.is_some_and(|claim| claim.head.size <= at);
        due(self.own.as_ref()) || due(self.outside.last())
    }

    /// A record announces the next key.
    pub(super) fn announce(&mut self, seq: u64, key: VerifierKey) {
        self.announced.push((seq, key));
    }

    /// Takes note of how a claim compares.
    pub(super) fn judge(
        &mut self,
        claim: &Claim,
        agrees: Agrees,
        report: &mut Report,
    ) -> Result<(), Unreadable> {
        let size = claim.head.size;
        if let Some(index) = claim.anchor {
            self.judge_anchor(index, size, agrees, report);
            return Ok(());
        }
        match agrees {
            Agrees::Yes | Agrees::WithRecordsOnly => {
                self.signed = size;
                if let Some(failed) = self.failed.last_mut() {
                    failed.holds_after = true;
                }
                if agrees == Agrees::WithRecordsOnly {
                    blame_bundles(size, report);
                }
                let (covered, left) = self.announced.drain(..).partition(|(seq, _)| *seq < size);
                self.announced = left;
                self.adopted.extend(Vec::into_iter(covered).map(|(_, key): (u64, VerifierKey)| key));
            }
            Agrees::No => {
                let failed = Failed {
                    first: self.signed.min(size.saturating_sub(1)),
                    last: size.saturating_sub(1),
                    holds_after: false,
                    more: 0,
                };
                let full = self.failed.len() >= limits::FINDINGS_MAX;
                match self.failed.last_mut() {
                    Some(before) if full || !before.holds_after => {
                        before.more += 1;
                    }
                    Some(_) | None => self.failed.push(failed),
                }
            }
            Agrees::Unknown => {
                (report.unchecked, report.checkpoints) = (report.unchecked + 1, report.checkpoints - 1);
            }
        }
        self.read_own(report)
    }

    fn judge_anchor(&mut self, index: usize, size: u64, agrees: Agrees, report: &mut Report) {
        match agrees {
            Agrees::Yes | Agrees::WithRecordsOnly => {
                self.anchored = size;
                report.anchors += u64::from(index < self.asked.anchors.len());
            }
            Agrees::No => {
                let (first, last) = (self.anchored.min(size.saturating_sub(1)), size.saturating_sub(1));
                // What is changed under the log's own checkpoints is no second history.
                let own = self.failed.iter().any(|failed| failed.first <= last);
                if !own && !report.follows(first, last) {
                    let detail = format!("{} has another root for {size} records", self.name(index));
                    report.add(What::Forked, first, last, detail);
                }
            }
            Agrees::Unknown => report.unchecked += 1,
        }
    }

    /// Reads up to the next of the log's own checkpoints that is one.
    fn read_own(&mut self, report: &mut Report) -> Result<(), Unreadable> {
        while let Some(text) = self.notes.next()? {
            let note = Note::parse(&text);
            let head = note.as_ref().map_err(|why| *why).and_then(|note| Checkpoint::parse(note.text()));
            let since = self.asked.since.and_then(|since| Checkpoint::parse(since.text()).ok());
            if let (Ok(head), Some(since)) = (&head, since)
                && head.size < since.size
            {
                self.size = head.size;
                continue;
            }
            let head = head.and_then(|head| note.and_then(|note| self.proven(&note, &head)).map(|()| head));
            match head {
                Ok(head) if head.size < self.size => {
                    let detail =
                        format!("a checkpoint of {} records follows one of {}", head.size, self.size);
                    report.add(What::RolledBack, head.size, self.size - 1, detail);
                }
                Ok(head) => {
                    self.size = head.size;
                    self.own = Some(Claim { head, anchor: None });
                    return Ok(());
                }
                Err(why) => {
                    let size = text.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(self.size);
                    let (first, last) = (self.size.min(size), size.max(self.size).saturating_sub(1));
                    report.add(
                        What::BadCheckpoint,
                        first,
                        last,
                        format!("a checkpoint of {size} records: {why}"),
                    );
                }
            }
        }
        Ok(())
    }

    /// Did the log's key of that time sign it?
    fn proven(&mut self, note: &Note, head: &Checkpoint) -> Result<(), &'static str> {
        if head.origin != self.folder.origin() {
            return Err("it is of another log");
        }
        let known = || self.keys.iter().chain(&self.adopted);
        if known().any(|key| note.signed_by(key) == Signed::Wrong) {
            return Err("its signature is wrong");
        }
        let key = known().find(|key| matches!(note.signed_by(key), Signed::Yes { .. }));
        let key = key.ok_or("no known key signed it")?;
        // What announced a key may stand in records that are gone or were verified before.
        let brought = self.asked.keys.contains(key);
        let follows = self.key.as_ref().is_none_or(|before| {
            before == key || brought || self.adopted.contains(key) || head.size <= self.start
        });
        if !follows {
            return Err("its key is another than before, and no record announced it");
        }
        self.trusted |= brought;
        self.key = Some(key.clone());
        Ok(())
    }

    /// Says what is left at the end of the records. The answer is the size of the newest checkpoint.
    pub(super) fn end(mut self, at: u64, report: &mut Report) -> Result<u64, Unreadable> {
        for failed in std::mem::take(&mut self.failed) {
            let (what, why) = if failed.holds_after {
                (What::Forked, "a checkpoint of this size has another root, and later ones hold")
            } else {
                (What::Modified, "the checkpoint at their end has another root")
            };
            // Within a bundle a change is seen here first, and named by the bundle.
            let from = failed.first / BUNDLE_LEAVES * BUNDLE_LEAVES;
            if !report.follows(from, failed.last) {
                report.add(what, failed.first, failed.last, why);
            }
            for _ in 0..failed.more {
                report.follows(failed.first, failed.last);
            }
        }
        let mut truncated = None;
        while let Some(claim) = self.own.take() {
            truncated = Some(claim.head.size);
            self.read_own(report)?;
        }
        if let Some(size) = truncated {
            let whole = (at / BUNDLE_LEAVES * BUNDLE_LEAVES).saturating_sub(1);
            if !report.follows(whole, size - 1) {
                report.add(What::Truncated, at, size - 1, format!("{at} of {size} records are there"));
            }
        }
        for claim in self.outside.iter().rev() {
            let size = claim.head.size;
            let name = self.name(claim.anchor.unwrap_or_default());
            if !report.follows(at, size.saturating_sub(1)) {
                let detail = format!("{name} has seen {size} records, of which {at} are there");
                report.add(What::RolledBack, at, size.saturating_sub(1), detail);
            }
        }
        let brought = self.asked.keys.iter().any(|key| key.kind() == KeyKind::Note);
        if brought && !self.trusted && self.key.is_some() {
            let why = "no key that was brought signed a checkpoint, nor one that announced its key";
            report.add(What::BadCheckpoint, 0, self.signed.saturating_sub(1), why);
        }
        (report.signed, report.key_trusted) = (self.signed, self.trusted);
        report.key = self.key.map(|key| key.to_string());
        Ok(self.size)
    }
}

/// What `bundles` says differs from the records, and the records are as they were signed.
fn blame_bundles(size: u64, report: &mut Report) {
    for finding in &mut report.findings {
        if finding.detail == super::scan::OTHER_BUNDLE && finding.last < size {
            "`bundles` has another root for them; they are as they were signed"
                .clone_into(&mut finding.detail);
        }
    }
}
