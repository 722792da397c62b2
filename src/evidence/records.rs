//! The records of a log directory, one after the other, for whoever asks what they say.
//!
//! Never: vouches for them. What is damaged is passed over here; `verify` tells of it.

use std::ops::Range;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::ids::DecisionId;
use crate::limits;

use super::folder::Folder;
use super::folder::Unreadable;
use super::prove::Left;
use super::prove::Records;

/// Hands on each record with a number within the range, in the order of their numbers, with its bytes, until `take` says
/// `false`.
///
/// # Errors
/// When a file cannot be read for a reason of the machine.
pub fn each(
    folder: &Folder,
    range: Range<u64>,
    take: &mut dyn FnMut(&Entry<'_>, &[u8]) -> bool,
) -> Result<(), Unreadable> {
    Records::new(folder)?.each(range, take)
}

/// The same, with what is left of records that were taken away.
///
/// # Errors
/// When a file cannot be read for a reason of the machine.
pub fn all(
    folder: &Folder,
    range: Range<u64>,
    take: &mut dyn FnMut(Left<'_>) -> bool,
) -> Result<(), Unreadable> {
    Records::new(folder)?.all(range, take)
}

/// The records of one decision, in the order of their numbers: its mirror, itself, what policies in shadow mode said, its
/// outcome. Each with its number; none where it is not in the log.
///
/// # Errors
/// When a file cannot be read for a reason of the machine.
pub fn of_decision(folder: &Folder, id: DecisionId) -> Result<Vec<(u64, Vec<u8>)>, Unreadable> {
    let records = Records::new(folder)?;
    let Some(seq) = records.find(id)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let (mut waits, mut behind) = (true, 0_usize);
    // The mirror stands just before it; what a stream ends with may stand far behind.
    records.each(seq.saturating_sub(1)..u64::MAX, &mut |entry, record| {
        if entry.field("decision_id") == Some(Value::Id(id)) {
            found.push((entry.seq, record.to_vec()));
            match entry.kind {
                Kind::Decision if !entry.mirror => {
                    waits = entry.field("decision") == Some(Value::Text("allow", false));
                }
                Kind::Outcome if !entry.mirror => waits = false,
                Kind::Decision | Kind::Outcome | Kind::Shadow | Kind::Event => {}
            }
        }
        behind += usize::from(!waits);
        behind < limits::FIND_BEHIND_RECORDS
    })?;
    Ok(found)
}
