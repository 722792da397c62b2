//! The holds that stand by the log's own events, against those of the file beside it that size and age go by.
//!
//! Never: ends a hold because the file does not name it.

use crate::audit::entry::Entry;
use crate::audit::keeping::Hold;
use crate::audit::keeping::Holds;

use super::folder::Folder;
use super::report::Report;
use super::report::What;

/// What stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// By the events that were read.
    holds: Holds,
    /// The events that began them or said them again, by the names of the holds.
    events: Vec<(String, u64)>,
    /// By the file; `None` where it cannot be read.
    file: Option<Holds>,
}

impl Standing {
    /// Reads the file. The checkpoints were read before it, so what they cover is in it.
    pub(super) fn new(folder: &Folder) -> Self {
        // One that cannot be read names no hold, which is told where one stands.
        let file = folder.holds().ok().map(Option::unwrap_or_default);
        Self { file, ..Self::default() }
    }

    /// Takes note of a `hold` event.
    pub(super) fn saw(&mut self, entry: &Entry<'_>) {
        if !self.holds.saw(entry) {
            return;
        }
        self.events.retain(|(name, _)| self.holds.get(name).is_some());
        if let Some(Hold { hold, .. }) = self.holds.0.last().filter(|_| !is_release(entry)) {
            self.events.retain(|(name, _)| name != hold);
            self.events.push((hold.clone(), entry.seq));
        }
    }

    /// Names those that a signed record begins and the file does not have as it says.
    pub(super) fn tell(&self, signed: u64, report: &mut Report) {
        for (name, seq) in self.events.iter().filter(|(_, seq)| *seq < signed) {
            let there = self.file.as_ref().and_then(|file| file.get(name));
            if there != self.holds.get(name) {
                let why = format!("the hold `{name}` stands, and `holds.json` does not say so");
                report.add(What::Hold, *seq, *seq, why);
            }
        }
    }
}

fn is_release(entry: &Entry<'_>) -> bool {
    entry.field("action") == Some(crate::audit::entry::Value::Text("release", false))
}
