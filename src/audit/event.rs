//! What is put on record about the program itself: starts, edits of its files, and what the log has lost.
//!
//! Never: tells a line of a policy file, only where and what is wrong with it.

use crate::audit::line::Line;
use crate::audit::line::key;
use crate::ids::Digest;
use crate::problem::Problem;
use crate::problem::Severity;

/// Something that happened to the program, worth an auditor's knowing.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// It began to serve.
    Start {
        /// Its version.
        version: &'a str,
        /// The snapshot it serves with.
        snapshot: &'a Digest,
    },
    /// It stopped serving.
    Stop,
    /// An edit took effect.
    ReloadApplied {
        /// The snapshot before.
        before: &'a Digest,
        /// The snapshot from now on.
        after: &'a Digest,
        /// Its generation.
        generation: u64,
        /// Ids of new policies.
        added: &'a [&'a str],
        /// Ids of policies that are gone.
        removed: &'a [&'a str],
        /// Ids of policies whose text differs.
        changed: &'a [&'a str],
    },
    /// An edit was bad; the last good snapshot stays.
    ReloadRefused {
        /// The snapshot that stays.
        stays: &'a Digest,
        /// What is wrong with the edit.
        problems: &'a [Problem],
    },
    /// The log ended in half a line, which was taken off.
    TornTail {
        /// How long that half was.
        bytes: u64,
    },
    /// Records could not be written; their requests were refused.
    RecordsLost {
        /// How many since this was last said.
        count: u64,
    },
}

impl Event<'_> {
    /// Appends the record to `line`: one JSON object and a line feed.
    pub fn encode(&self, time_ms: u64, line: &mut Vec<u8>) {
        let mut line = Line::open(line, "event");
        line.time(key!("time"), time_ms);
        line.word(key!("event"), self.name());
        match self {
            Self::Start { version, snapshot } => {
                line.text(key!("version"), version);
                line.digest(key!("snapshot"), snapshot);
            }
            Self::Stop => {}
            Self::ReloadApplied { before, after, generation, added, removed, changed } => {
                line.digest(key!("before"), before);
                line.digest(key!("after"), after);
                line.number(key!("generation"), *generation);
                let lists = [(key!("added"), added), (key!("removed"), removed), (key!("changed"), changed)];
                for (key, ids) in lists {
                    line.list(key, usize::MAX, ids, |line, id| line.text_value(key.name, id.as_bytes()));
                }
            }
            Self::ReloadRefused { stays, problems } => {
                line.digest(key!("stays"), stays);
                line.list(key!("problems"), usize::MAX, problems, |line, problem| {
                    line.object_value(|line| encode_problem(line, problem))
                });
            }
            Self::TornTail { bytes } => line.number(key!("bytes"), *bytes),
            Self::RecordsLost { count } => line.number(key!("count"), *count),
        }
        line.close();
    }

    /// The event's name in the record.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Stop => "stop",
            Self::ReloadApplied { .. } => "reload_applied",
            Self::ReloadRefused { .. } => "reload_refused",
            Self::TornTail { .. } => "torn_tail",
            Self::RecordsLost { .. } => "records_lost",
        }
    }
}

fn encode_problem(line: &mut Line<'_>, problem: &Problem) {
    line.word(key!("code"), problem.code);
    line.word(
        key!("severity"),
        match problem.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
    );
    line.text(key!("file"), &problem.place.file);
    line.number(key!("line"), problem.place.line.into());
    line.number(key!("column"), problem.place.column.into());
    line.text(key!("message"), &problem.message);
}
