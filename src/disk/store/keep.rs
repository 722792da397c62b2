//! The log's size: the oldest segments go where all together are more than is allowed.
//!
//! Never: takes a segment away before it is on record that it goes; loses what proves the rest.

use std::io;

use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::disk::store::Files;
use crate::disk::store::Store;

impl<F: Files> Store<F> {
    /// Takes the oldest segments away until all of them are within the bound. The bundles' roots and the heads stay, so
    /// that what is left can still be proven.
    pub(super) fn prune(&mut self, now_ms: u64) -> io::Result<()> {
        let mut segments = Vec::new();
        for name in self.files.list("segments")? {
            let Some(first) = name.split('.').next().and_then(|first| first.parse::<u64>().ok()) else {
                continue;
            };
            let name = format!("segments/{name}");
            let bytes = self.files.length(&name)?;
            segments.push((first, name, bytes));
        }
        let mut all: u64 = segments.iter().map(|(_, _, bytes)| bytes).sum();
        let mut ends = segments.iter().skip(1).map(|(first, _, _)| *first);
        for (first, name, bytes) in &segments {
            let Some(end) = ends.next() else { break };
            if all <= self.settings.bytes_max {
                break;
            }
            self.event(
                &Event::Log(Kept::Prune { first: *first, last: end.saturating_sub(1), reason: "size" }),
                now_ms,
            )?;
            self.sync(now_ms)?;
            self.files.remove(name)?;
            all = all.saturating_sub(*bytes);
        }
        Ok(())
    }
}
