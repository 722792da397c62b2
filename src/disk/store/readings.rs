//! The log of readings beside this one: it is written here, and its head is put on record in the log that is read, so that no reading can be
//! taken away unseen.
//!
//! Never: believes of that head more than that it stood there; whoever verifies holds it against the readings.

use std::io;

use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::audit::note::Checkpoint;
use crate::audit::note::Note;
use crate::disk::readings::READINGS;
use crate::disk::store::Files;
use crate::disk::store::Store;
use crate::ids::Digest;

impl<F: Files> Store<F> {
    /// Puts a reading on record, signed.
    pub(in crate::disk) fn read(&mut self, event: &Event<'_>, now_ms: u64) -> io::Result<()> {
        self.event(event, now_ms)?;
        self.sync(now_ms)?;
        self.sign(now_ms)?;
        self.tick(now_ms)
    }

    /// Puts the head of the log of readings on record, where it is another than before.
    pub(super) fn note_readings(&mut self, now_ms: u64) -> io::Result<()> {
        let Some(bytes) = self.files.read(&format!("{READINGS}/checkpoint"))? else { return Ok(()) };
        let note = std::str::from_utf8(&bytes).ok().and_then(|text| Note::parse(text).ok());
        let Some(head) = note.and_then(|note| Checkpoint::parse(note.text()).ok()) else { return Ok(()) };
        if self.readings == Some((head.size, head.root)) {
            return Ok(());
        }
        let root = Digest::from_bytes(head.root);
        self.event(&Event::Log(Kept::Readings { records: head.size, root: &root }), now_ms)?;
        self.sync(now_ms)?;
        self.readings = Some((head.size, head.root));
        Ok(())
    }
}
