//! What is put on record about the program itself: starts, edits of its files, and what the log has lost.
//!
//! Never: tells a line of a policy file, only where and what is wrong with it.

mod kept;
mod query;
mod reveal;

pub use kept::Kept;
pub use query::Query;
pub use reveal::Reveal;

use crate::audit::entry::Kind;
use crate::audit::entry::Pen;
use crate::audit::entry::key;
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
    /// The log was read.
    Query(&'a Query<'a>),
    /// The log ended in half a line, which was taken off.
    TornTail {
        /// How long that half was.
        bytes: u64,
    },
    /// Something happened to the log itself.
    Log(Kept<'a>),
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
    /// Appends the record to `out`: one frame of the log.
    pub fn encode(&self, time_ms: u64, out: &mut Vec<u8>) {
        let mut pen = Pen::open(out, Kind::Event, false, time_ms, self.book());
        pen.text(key!("event"), self.name());
        match self {
            Self::Start { version, snapshot, bundle } => {
                pen.text(key!("version"), version);
                pen.digest(key!("snapshot"), snapshot);
                encode_bundle(&mut pen, *bundle);
            }
            Self::Stop => {}
            Self::ReloadApplied { before, after, generation, cause, bundle, added, removed, changed } => {
                pen.digest(key!("before"), before);
                pen.digest(key!("after"), after);
                pen.number(key!("generation"), *generation);
                pen.text(key!("cause"), cause);
                encode_bundle(&mut pen, *bundle);
                encode_changes(&mut pen, [added, removed, changed]);
            }
            Self::ShadowStarted { origin, snapshot, candidate, added, removed, changed } => {
                pen.text(key!("origin"), origin);
                pen.digest(key!("snapshot"), snapshot);
                pen.digest(key!("candidate"), candidate);
                encode_changes(&mut pen, [added, removed, changed]);
            }
            Self::ShadowEnded { origin, candidate } => {
                pen.text(key!("origin"), origin);
                pen.digest(key!("candidate"), candidate);
            }
            Self::ShadowStopped { origin, candidate, looked_at, new_denials, window_ms } => {
                pen.text(key!("origin"), origin);
                pen.digest(key!("candidate"), candidate);
                pen.number(key!("looked_at"), *looked_at);
                pen.number(key!("new_denials"), *new_denials);
                pen.number(key!("window_ms"), *window_ms);
            }
            Self::ShadowCounted { origin, candidate, counted } => {
                pen.text(key!("origin"), origin);
                pen.digest(key!("candidate"), candidate);
                pen.number(key!("looked_at"), counted.looked_at);
                pen.number(key!("disagreed"), counted.disagreed);
                pen.number(key!("unknown"), counted.unknown);
                pen.number(key!("dropped"), counted.dropped);
                pen.number(key!("unrecorded"), counted.unrecorded);
            }
            Self::ReloadRefused { stays, problems } | Self::ShadowRefused { stays, problems } => {
                pen.digest(key!("stays"), stays);
                pen.list(key!("problems"), usize::MAX, problems, |pen, problem| {
                    pen.object_value(|pen| encode_problem(pen, problem))
                });
            }
            Self::Reveal(reveal) => reveal.encode(&mut pen),
            Self::Query(query) => query.encode(&mut pen),
            Self::TornTail { bytes } => pen.number(key!("bytes"), *bytes),
            Self::Log(kept) => kept.encode(&mut pen),
        }
        pen.close();
    }

    /// The tenant in whose book it stands; the program's own is nobody's.
    fn book(&self) -> &str {
        if let Self::Reveal(reveal) = self { reveal.tenant.unwrap_or_default() } else { "" }
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
            Self::Query(_) => "query",
            Self::TornTail { .. } => "torn_tail",
            Self::Log(kept) => kept.name(),
        }
    }
}

fn encode_bundle(pen: &mut Pen<'_>, bundle: Option<(&str, &Digest)>) {
    if let Some((title, manifest)) = bundle {
        pen.text(key!("bundle"), title);
        pen.digest(key!("bundle_manifest"), manifest);
    }
}

fn encode_changes(pen: &mut Pen<'_>, [added, removed, changed]: [&[&str]; 3]) {
    for (key, ids) in [(key!("added"), added), (key!("removed"), removed), (key!("changed"), changed)] {
        pen.list(key, usize::MAX, ids, |pen, id| pen.text_value(id));
    }
}

fn encode_problem(pen: &mut Pen<'_>, problem: &Problem) {
    pen.text(key!("code"), problem.code);
    pen.text(
        key!("severity"),
        match problem.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
    );
    pen.text(key!("file"), &problem.place.file);
    pen.number(key!("line"), problem.place.line.into());
    pen.number(key!("column"), problem.place.column.into());
    pen.text(key!("message"), &problem.message);
}
