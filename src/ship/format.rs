//! What is made of a record before it is sent.
//!
//! Never: leaves out what tells a record from all others.

use crate::audit::cloudevents;
use crate::audit::entry;
use crate::audit::entry::Malformed;
use crate::audit::ocsf;

/// What is made of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The record's own line, with the id of its log before all else.
    #[default]
    Native,
    /// An event of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// A CloudEvent with the record in it.
    CloudEvents,
}

impl Format {
    /// Every format, with the word for it.
    pub const ALL: [(&'static str, Self); 3] =
        [("native", Self::Native), ("ocsf", Self::Ocsf), ("cloudevents", Self::CloudEvents)];

    /// What an array of such is called on the wire.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Native | Self::Ocsf => "application/json",
            Self::CloudEvents => "application/cloudevents-batch+json",
        }
    }

    /// Appends what is made of a record, as one line without its end.
    pub(super) fn write(self, log_id: &str, record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Self::Native => native(log_id, record, out)?,
            Self::Ocsf => ocsf::event_line(log_id, record, out)?,
            Self::CloudEvents => cloudevents::event_line(log_id, record, out)?,
        }
        out.pop();
        Ok(())
    }
}

fn native(log_id: &str, record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let start = out.len();
    entry::line(record, out)?;
    // A record has a type at least, so there is a member to go before.
    let before = format!("{{\"log_id\":\"{log_id}\",");
    out.splice(start..=start, before.into_bytes());
    Ok(())
}
