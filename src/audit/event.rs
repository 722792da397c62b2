//! What is put on record about the program itself: starts, edits of its files, and what the log has lost.
//!
//! Never: tells a line of a policy file, only where and what is wrong with it.

mod reveal;

pub use reveal::Reveal;

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
        /// The bundle that brought it, `name@version`, and the digest of its manifest.
        bundle: Option<(&'a str, &'a Digest)>,
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
        /// `edit`, `promotion` or `rollback`.
        cause: &'static str,
        /// The bundle that brought it, `name@version`, and the digest of its manifest.
        bundle: Option<(&'a str, &'a Digest)>,
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
    /// Policies are looked at beside the enforced ones from now on.
    ShadowStarted {
        /// `candidate` or `mode`.
        origin: &'static str,
        /// The snapshot that decides.
        snapshot: &'a Digest,
        /// What is looked at.
        candidate: &'a Digest,
        /// Ids of policies that are not enforced.
        added: &'a [&'a str],
        /// Ids of enforced policies that it does not have.
        removed: &'a [&'a str],
        /// Ids of policies whose text differs.
        changed: &'a [&'a str],
    },
    /// The candidate is broken, and is not looked at.
    ShadowRefused {
        /// The snapshot that decides.
        stays: &'a Digest,
        /// What is wrong with the candidate.
        problems: &'a [Problem],
    },
    /// Policies are no longer looked at: they are gone, broken, or live.
    ShadowEnded {
        /// `candidate` or `mode`.
        origin: &'static str,
        /// What was looked at.
        candidate: &'a Digest,
    },
    /// Looking at policies stopped by itself, until their text changes.
    ShadowStopped {
        /// `candidate` or `mode`.
        origin: &'static str,
        /// What was looked at.
        candidate: &'a Digest,
        /// Decisions looked at within the window.
        looked_at: u64,
        /// The new denials among them.
        new_denials: u64,
        /// The window, in milliseconds.
        window_ms: u64,
    },
    /// How much was looked at since this was last said.
    ShadowCounted {
        /// `candidate` or `mode`.
        origin: &'static str,
        /// What was looked at.
        candidate: &'a Digest,
        /// How much.
        counted: Counted,
    },
    /// Values were to be turned back by hand.
    Reveal(&'a Reveal<'a>),
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

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Decisions looked at.
    pub looked_at: u64,
    /// Those that would have been others.
    pub disagreed: u64,
    /// Those of another snapshot than the policies were made beside.
    pub unknown: u64,
    /// Decisions that there was no room for.
    pub dropped: u64,
    /// Disagreements that there was no room for in the log.
    pub unrecorded: u64,
}

impl Event<'_> {
    /// Appends the record to `line`: one JSON object and a line feed.
    pub fn encode(&self, time_ms: u64, line: &mut Vec<u8>) {
        let mut line = Line::open(line, "event");
        line.time(key!("time"), time_ms);
        line.word(key!("event"), self.name());
        match self {
            Self::Start { version, snapshot, bundle } => {
                line.text(key!("version"), version);
                line.digest(key!("snapshot"), snapshot);
                encode_bundle(&mut line, *bundle);
            }
            Self::Stop => {}
            Self::ReloadApplied { before, after, generation, cause, bundle, added, removed, changed } => {
                line.digest(key!("before"), before);
                line.digest(key!("after"), after);
                line.number(key!("generation"), *generation);
                line.word(key!("cause"), cause);
                encode_bundle(&mut line, *bundle);
                encode_changes(&mut line, [added, removed, changed]);
            }
            Self::ShadowStarted { origin, snapshot, candidate, added, removed, changed } => {
                line.word(key!("origin"), origin);
                line.digest(key!("snapshot"), snapshot);
                line.digest(key!("candidate"), candidate);
                encode_changes(&mut line, [added, removed, changed]);
            }
            Self::ShadowEnded { origin, candidate } => {
                line.word(key!("origin"), origin);
                line.digest(key!("candidate"), candidate);
            }
            Self::ShadowStopped { origin, candidate, looked_at, new_denials, window_ms } => {
                line.word(key!("origin"), origin);
                line.digest(key!("candidate"), candidate);
                line.number(key!("looked_at"), *looked_at);
                line.number(key!("new_denials"), *new_denials);
                line.number(key!("window_ms"), *window_ms);
            }
            Self::ShadowCounted { origin, candidate, counted } => {
                line.word(key!("origin"), origin);
                line.digest(key!("candidate"), candidate);
                line.number(key!("looked_at"), counted.looked_at);
                line.number(key!("disagreed"), counted.disagreed);
                line.number(key!("unknown"), counted.unknown);
                line.number(key!("dropped"), counted.dropped);
                line.number(key!("unrecorded"), counted.unrecorded);
            }
            Self::ReloadRefused { stays, problems } | Self::ShadowRefused { stays, problems } => {
                line.digest(key!("stays"), stays);
                line.list(key!("problems"), usize::MAX, problems, |line, problem| {
                    line.object_value(|line| encode_problem(line, problem))
                });
            }
            Self::Reveal(reveal) => reveal.encode(&mut line),
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
            Self::ShadowStarted { .. } => "shadow_started",
            Self::ShadowRefused { .. } => "shadow_refused",
            Self::ShadowEnded { .. } => "shadow_ended",
            Self::ShadowStopped { .. } => "shadow_stopped",
            Self::ShadowCounted { .. } => "shadow_counted",
            Self::Reveal(_) => "reveal",
            Self::TornTail { .. } => "torn_tail",
            Self::RecordsLost { .. } => "records_lost",
        }
    }
}

fn encode_bundle(line: &mut Line<'_>, bundle: Option<(&str, &Digest)>) {
    if let Some((title, manifest)) = bundle {
        line.text(key!("bundle"), title);
        line.digest(key!("bundle_manifest"), manifest);
    }
}

fn encode_changes(line: &mut Line<'_>, [added, removed, changed]: [&[&str]; 3]) {
    for (key, ids) in [(key!("added"), added), (key!("removed"), removed), (key!("changed"), changed)] {
        line.list(key, usize::MAX, ids, |line, id| line.text_value(key.name, id.as_bytes()));
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
