//! What a decision log says of policies that were only looked at: counted by direction, policy, route and tenant.
//!
//! Never: keeps more than its bounds, or guesses what no line says.

use std::collections::BTreeMap;

use crate::audit::schema::EventLine;
use crate::audit::schema::Happened;
use crate::audit::schema::RecordLine;
use crate::audit::schema::ShadowClassLine;
use crate::audit::schema::ShadowDirection;
use crate::audit::schema::ShadowLine;
use crate::audit::schema::ShadowOrigin;
use crate::limits;

/// Whose disagreements: the digest of what was looked at, and where it came from.
pub type Whose = (ShadowOrigin, String);

/// All that the log says of one candidate, or of the policies in shadow mode of one snapshot.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Story {
    /// When looking began, the first time.
    pub started: Option<String>,
    /// When the log last says something of it.
    pub last: String,
    /// Policies that were not enforced.
    pub added: Vec<String>,
    /// Enforced policies that it did not have.
    pub removed: Vec<String>,
    /// Policies with another text.
    pub changed: Vec<String>,
    /// Decisions looked at, as far as that is on record.
    pub looked_at: u64,
    /// Decisions that could not be looked at, as an edit was under way.
    pub unknown: u64,
    /// Decisions that there was no room to look at.
    pub dropped: u64,
    /// Disagreements that there was no room for in the log.
    pub unrecorded: u64,
    /// Decisions that would have been others, each once.
    pub disagreements: u64,
    /// Did looking stop by itself? Then when, and at how many new denials of how many decisions.
    pub stopped: Option<Stopped>,
    /// When it went live.
    pub promoted: Option<String>,
    /// By direction.
    pub directions: BTreeMap<ShadowDirection, Group>,
}

/// Looking stopped by itself.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Stopped {
    /// When.
    pub time: String,
    /// Decisions looked at within the window.
    pub looked_at: u64,
    /// The new denials among them.
    pub new_denials: u64,
}

/// The disagreements in one direction.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// By the policies that make the difference.
    pub by_policy: BTreeMap<String, u64>,
    /// By route.
    pub by_route: BTreeMap<String, u64>,
    /// By the tenant whose data is meant.
    pub by_tenant: BTreeMap<String, u64>,
    /// By class of data, where classes would be seen otherwise.
    pub by_class: BTreeMap<String, u64>,
    /// The first of each combination of policies and route, a few.
    pub examples: Vec<Example>,
}

/// One decision that would have been another one.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Example {
    /// Its id.
    pub decision_id: String,
    /// The log that it is in.
    pub log: String,
    /// What was decided: `allow`, or the refusal's code.
    pub enforced: String,
    /// What would have been decided.
    pub shadow: String,
    /// The classes that would be seen otherwise, and how.
    pub classes: Vec<ShadowClassLine>,
    /// The policies that make the difference.
    pub policies: Vec<String>,
    /// The route.
    pub route: String,
    /// The tenant whose data is meant.
    pub tenant: String,
    /// The caller's tenant.
    pub caller: Option<String>,
}

/// All that some logs say.
#[derive(Debug, Default)]
pub struct Disagreements {
    /// In the order in which the logs first speak of them; the oldest go where there are too many.
    pub stories: Vec<(Whose, Story)>,
}

impl Disagreements {
    /// Reads one line of this log. What is no record, or of something else, is passed over.
    pub fn read(&mut self, log: &str, line: &[u8]) {
        // Most lines are decisions; these are told from others without reading them.
        let told = [&b"\"shadow"[..], b"\"reload_applied\""];
        if !told.iter().any(|word| memchr::memmem::find(line, word).is_some()) {
            return;
        }
        match serde_json::from_slice(line) {
            Ok(RecordLine::Shadow(line)) => self.disagreement(log, *line),
            Ok(RecordLine::Event(line)) => self.event(line),
            Ok(RecordLine::Decision(_) | RecordLine::Outcome(_)) | Err(_) => {}
        }
    }

    fn story(&mut self, origin: ShadowOrigin, digest: &str, time: &str) -> Option<&mut Story> {
        let whose = |(whose, _): &(Whose, Story)| whose.0 == origin && whose.1 == digest;
        let at = match self.stories.iter().position(whose) {
            Some(at) => at,
            None => {
                if self.stories.len() >= limits::SHADOW_STORIES_MAX {
                    self.stories.remove(0);
                }
                self.stories.push(((origin, digest.to_owned()), Story::default()));
                self.stories.len() - 1
            }
        };
        let (_, story) = self.stories.get_mut(at)?;
        time.clone_into(&mut story.last);
        Some(story)
    }

    fn event(&mut self, EventLine { time, event, .. }: EventLine) {
        match event {
            Happened::ShadowStarted(line) => {
                if let Some(story) = self.story(line.origin, &line.candidate, &time) {
                    story.started.get_or_insert(time);
                    (story.added, story.removed, story.changed) = (line.added, line.removed, line.changed);
                    story.stopped = None;
                }
            }
            Happened::ShadowCounted(line) => {
                if let Some(story) = self.story(line.origin, &line.candidate, &time) {
                    story.looked_at += line.looked_at;
                    story.unknown += line.unknown;
                    story.dropped += line.dropped;
                    story.unrecorded += line.unrecorded;
                }
            }
            Happened::ShadowStopped(line) => {
                if let Some(story) = self.story(line.origin, &line.candidate, &time) {
                    let (looked_at, new_denials) = (line.looked_at, line.new_denials);
                    story.stopped = Some(Stopped { time, looked_at, new_denials });
                }
            }
            Happened::ReloadApplied { after, .. } => {
                let is_it =
                    |(whose, _): &&mut (Whose, Story)| whose.0 == ShadowOrigin::Candidate && whose.1 == after;
                if let Some((_, story)) = self.stories.iter_mut().find(is_it) {
                    story.promoted = Some(time);
                }
            }
            Happened::ShadowEnded(line) => drop(self.story(line.origin, &line.candidate, &time)),
            Happened::ShadowRefused(_)
            | Happened::Start { .. }
            | Happened::Stop
            | Happened::ReloadRefused { .. }
            | Happened::Erase { .. }
            | Happened::Hold { .. }
            | Happened::Readings { .. }
            | Happened::NotShipped { .. }
            | Happened::Reveal(_)
            | Happened::Query(_)
            | Happened::TornTail { .. }
            | Happened::Idle
            | Happened::Sealed { .. }
            | Happened::Crash { .. }
            | Happened::ClockStepped { .. }
            | Happened::KeyRotated { .. }
            | Happened::Prune { .. }
            | Happened::RecordsLost { .. } => {}
        }
    }

    fn disagreement(&mut self, log: &str, line: ShadowLine) {
        let Some(story) = self.story(line.origin, &line.candidate, &line.time) else { return };
        story.disagreements += 1;
        for direction in &line.directions {
            story.directions.entry(*direction).or_default().add(log, *direction, &line);
        }
    }
}

impl Group {
    fn add(&mut self, log: &str, direction: ShadowDirection, line: &ShadowLine) {
        self.count += 1;
        line.policies.iter().for_each(|policy| count(&mut self.by_policy, policy));
        count(&mut self.by_route, &line.resource);
        count(&mut self.by_tenant, &line.tenant);
        let fits = |class: &&ShadowClassLine| match direction {
            ShadowDirection::ShowsMore => class.shadow == "shown",
            ShadowDirection::ShowsLess => class.enforced == "shown",
            ShadowDirection::OtherMask => {
                !["shown", "settable", "unsettable"].contains(&&*class.enforced) && class.shadow != "shown"
            }
            ShadowDirection::SetsMore => class.shadow == "settable",
            ShadowDirection::SetsLess => class.enforced == "settable",
            ShadowDirection::NewDenial | ShadowDirection::NewAllow | ShadowDirection::Error => false,
        };
        let classes: Vec<ShadowClassLine> = line.classes.iter().filter(fits).cloned().collect();
        classes.iter().for_each(|class| count(&mut self.by_class, &class.class));
        let known = |known: &Example| known.policies == line.policies && known.route == line.resource;
        if self.examples.len() < limits::COMPARE_EXAMPLES_MAX && !self.examples.iter().any(known) {
            let word = |code: &Option<String>| code.clone().unwrap_or_else(|| "allow".to_owned());
            self.examples.push(Example {
                decision_id: line.decision_id.clone(),
                log: log.to_owned(),
                enforced: word(&line.enforced.code),
                shadow: word(&line.shadow.code),
                classes,
                policies: line.policies.clone(),
                route: line.resource.clone(),
                tenant: line.tenant.clone(),
                caller: line.caller.clone(),
            });
        }
    }
}

impl Story {
    /// How many there are in this direction.
    #[must_use]
    pub fn count(&self, direction: ShadowDirection) -> u64 {
        self.directions.get(&direction).map_or(0, |group| group.count)
    }
}

/// One more of a name; names beyond the bound are counted together.
fn count(by: &mut BTreeMap<String, u64>, name: &str) {
    let name = if by.len() < limits::COMPARE_NAMES_MAX || by.contains_key(name) { name } else { "(others)" };
    *by.entry(name.to_owned()).or_default() += 1;
}
