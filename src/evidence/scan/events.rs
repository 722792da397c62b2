//! What records say of the log itself: seals, keys, prunings, gaps.
//!
//! Never: believes such a record before a checkpoint covers it.

use crate::audit::entry::Entry;
use crate::audit::entry::Value;
use crate::audit::heads::Sealed;
use crate::audit::note::VerifierKey;

use super::super::folder::Segment;
use super::super::folder::Unreadable;
use super::super::report::What;
use super::super::trunk::Agrees;
use super::Scan;

impl Scan<'_> {
    pub(super) fn event(
        &mut self,
        entry: &Entry<'_>,
        record: &[u8],
        segment: &Segment,
    ) -> Result<(), Unreadable> {
        let Some(Value::Text(event, _)) = entry.field("event") else { return Ok(()) };
        let number = |name| match entry.field(name) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        match event {
            "sealed" => {
                let root = match entry.field("heads_root") {
                    Some(Value::Hex(root)) => root,
                    _ => &[],
                };
                self.seal((root, number("tenants")), entry.seq, record, segment)?;
            }
            "key_rotated" => {
                if let Some(Value::Text(key, false)) = entry.field("key")
                    && let Ok(key) = VerifierKey::parse(key)
                {
                    self.claims.announce(entry.seq, key);
                }
            }
            "prune" if entry.book.is_empty() => self.prunings.said(entry),
            "readings" if entry.book.is_empty() => self.readings.saw(entry),
            "hold" if entry.book.is_empty() => self.standing.saw(entry),
            "records_lost" => {
                let (first, _, count) = self.gaps.unwrap_or((entry.seq, entry.seq, 0));
                self.gaps = Some((first, entry.seq, count.saturating_add(number("count").unwrap_or(0))));
            }
            _ => {}
        }
        Ok(())
    }

    /// Holds the trees of the books against a seal, and takes up those that were kept there where they are not known.
    fn seal(
        &mut self,
        (root, count): (&[u8], Option<u64>),
        seq: u64,
        record: &[u8],
        segment: &Segment,
    ) -> Result<(), Unreadable> {
        let kept = self.folder.heads(seq)?;
        let spoilt = matches!(kept, Some(None));
        let kept = kept.flatten();
        let holds = self
            .books
            .as_ref()
            .is_some_and(|books| books.root() == *root && Some(books.len() as u64) == count);
        let same = |kept: &Sealed| {
            let books = self.books.as_ref().is_none_or(|books| !holds || kept.trees.all_books() == books);
            books && kept.trees.heads_root() == *root && kept.record == record && kept.trees.size() == seq
        };
        let kept_well = kept.as_ref().is_none_or(same);
        let detail = format!("`heads/{seq:020}.heads` is not what the seal commits to");
        if spoilt || !kept_well {
            self.report.add(What::Modified, seq, seq, detail);
        } else if kept.as_ref().is_some_and(|kept| self.trunk.agrees(&kept.trees.root()) == Agrees::No) {
            self.unlike.push((0, seq, detail));
        }
        if holds {
            self.report.seals += 1;
            return Ok(());
        }
        if self.books.is_some() {
            let detail = "the seal at their end has other heads of books".to_owned();
            self.unlike.push((segment.first, seq, detail));
        }
        self.books = kept.filter(|_| kept_well).map(|kept| kept.trees.into_parts().1);
        Ok(())
    }
}
