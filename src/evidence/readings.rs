//! The log of readings beside a log, held against what that log says of its head.
//!
//! Never: tells what was read.

use std::collections::VecDeque;

use crate::audit::entry::Entry;
use crate::audit::entry::Value;
use crate::audit::tree;
use crate::audit::tree::Hash;
use crate::limits;

use super::Asked;
use super::folder::Folder;
use super::folder::Unreadable;
use super::prove::Records;
use super::report::Class;
use super::report::Report;
use super::report::What;

/// Heads of the log of readings: the number of the event, how many records, the root.
#[derive(Debug, Default)]
pub(super) struct Readings(VecDeque<(u64, u64, Hash)>);

impl Readings {
    /// Takes note of a `readings` event.
    pub(super) fn saw(&mut self, entry: &Entry<'_>) {
        if let (Some(Value::Number(records)), Some(Value::Hex(root))) =
            (entry.field("records"), entry.field("root"))
            && let Ok(root) = Hash::try_from(root)
        {
            self.0.push_back((entry.seq, records, root));
            if self.0.len() > limits::READINGS_HEADS {
                self.0.pop_front();
            }
        }
    }

    /// Says where the readings that are there are not those of the newest head that a checkpoint covers.
    pub(super) fn tell(&self, log: &Folder, signed: u64, report: &mut Report) -> Result<(), Unreadable> {
        let Some((seq, records, root)) = self.0.iter().rev().find(|(seq, ..)| *seq < signed) else {
            return Ok(());
        };
        let mut wrong = |why: String| report.add(What::Reads, *seq, *seq, why);
        let Ok(Some(readings)) = log.readings() else {
            wrong(format!("the log of readings had {records} records, and is not there"));
            return Ok(());
        };
        let asked = Asked { unsigned_ms: u64::MAX, ..Asked::default() };
        let own = super::scan::Scan::new(&readings, &asked)?.run(&mut |_| {})?;
        if let Some(first) = own.findings.iter().find(|finding| finding.class > Class::Sound) {
            wrong(format!("in the log of readings: {} {}", first.what.as_str(), super::told::line(first)));
            return Ok(());
        }
        // Its bundles and checkpoints agree with its records, so they speak for them.
        let there = Records::new(&readings).map(|mut all| tree::root(&mut all, *records).ok())?;
        if there != Some(*root) {
            wrong(format!("the log of readings is another than it was with {records} records"));
        }
        Ok(())
    }
}
