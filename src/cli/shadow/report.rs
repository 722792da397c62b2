//! `palisade shadow report`: the disagreements of a decision log, for people and for machines.
//!
//! Never: counts what no line says; what was dropped or not recorded is told beside what was.

use std::io::BufRead as _;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_json::json;

use crate::audit::schema::ShadowDirection;
use crate::audit::schema::ShadowOrigin;
use crate::cli::Exit;
use crate::cli::Global;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::check;
use crate::cli::diff::report::NAMES_MAX;
use crate::cli::diff::report::counts;
use crate::cli::diff::report::quoted;
use crate::cli::formats;
use crate::cli::load;
use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;
use crate::compare::disagreements::Disagreements;
use crate::compare::disagreements::Example;
use crate::compare::disagreements::Group;
use crate::compare::disagreements::Story;
use crate::compare::disagreements::Whose;
use crate::limits;

use super::FailOn;
use super::Report;

const DIRECTIONS: [(ShadowDirection, &str); 8] = [
    (ShadowDirection::NewDenial, "new denial"),
    (ShadowDirection::NewAllow, "new allow"),
    (ShadowDirection::ShowsMore, "shows more"),
    (ShadowDirection::ShowsLess, "shows less"),
    (ShadowDirection::OtherMask, "other mask"),
    (ShadowDirection::SetsMore, "sets more"),
    (ShadowDirection::SetsLess, "sets less"),
    (ShadowDirection::Error, "error"),
];

pub(super) fn report(
    global: &Global,
    arguments: &Report,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let mut logs = arguments.log.clone();
    if logs.is_empty() {
        let loaded = load(global, world);
        match loaded.config {
            Ok((config, _)) => logs.extend(config.decision_log.file),
            Err(problems) => {
                check::pretty(global, &problems, &loaded.text, None, |text| out.aside(text));
                return Ok(Exit::Invalid);
            }
        }
    }
    if logs.is_empty() {
        out.error("the configuration names no file for the decision log: name one with `--log`");
        return Ok(Exit::Usage);
    }
    let mut all = Disagreements::default();
    for log in &logs {
        if let Err(why) = read(log, &mut all) {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    }
    let chosen = chosen(&all.stories, arguments.candidate.as_deref());
    if global.output.is_json() {
        let stories: Vec<Json> = chosen.iter().map(|(whose, story)| as_json(whose, story)).collect();
        out.raw(formats::pretty(&json!({ "looked_at": stories })).as_bytes());
    } else if chosen.is_empty() {
        out.line(&match &arguments.candidate {
            Some(begin) if begin != "all" => format!("the log knows of no candidate `{}`", printable(begin)),
            Some(_) | None => "the log says of no policies that they were only looked at".to_owned(),
        });
    } else {
        pretty(&chosen, out);
    }
    Ok(if arguments.fail_on.is_some_and(|on| fails(&chosen, on)) { Exit::Threshold } else { Exit::Ok })
}

fn read(log: &Path, all: &mut Disagreements) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("`{}` cannot be read: {error}", log.display());
    let mut lines = std::io::BufReader::new(std::fs::File::open(log).map_err(failed)?);
    let name = log.display().to_string();
    let most = u64::try_from(limits::RECORD_BYTES_MAX).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        all.read(&name, &line);
    }
}

/// The stories that are asked for, in the order of the log.
fn chosen<'s>(stories: &'s [(Whose, Story)], candidate: Option<&str>) -> Vec<&'s (Whose, Story)> {
    let last = |origin: ShadowOrigin| stories.iter().rposition(|((of, _), _)| *of == origin);
    let lasts = [last(ShadowOrigin::Candidate), last(ShadowOrigin::Mode)];
    let is_chosen = |at: usize, digest: &str| match candidate {
        None => lasts.contains(&Some(at)),
        Some("all") => true,
        Some(begin) => digest.starts_with(begin),
    };
    let numbered = stories.iter().enumerate();
    numbered.filter(|(at, ((_, digest), _))| is_chosen(*at, digest)).map(|(_, story)| story).collect()
}

fn fails(stories: &[&(Whose, Story)], on: FailOn) -> bool {
    let kinds: &[ShadowDirection] = match on {
        FailOn::NewDenial => &[ShadowDirection::NewDenial],
        FailOn::Widening => {
            &[ShadowDirection::NewAllow, ShadowDirection::ShowsMore, ShadowDirection::SetsMore]
        }
        FailOn::Any => &DIRECTIONS.map(|(direction, _)| direction),
    };
    stories.iter().any(|(_, story)| kinds.iter().any(|kind| story.count(*kind) > 0))
}

fn as_json((origin, digest): &Whose, story: &Story) -> Json {
    let mut all = json!({ "origin": origin, "candidate": digest });
    if let (Some(all), Ok(Json::Object(story))) = (all.as_object_mut(), serde_json::to_value(story)) {
        all.extend(story);
    }
    all
}

fn pretty(stories: &[&(Whose, Story)], out: &mut Out) {
    for (at, ((origin, digest), story)) in stories.iter().enumerate() {
        if at > 0 {
            out.line("");
        }
        let what = match origin {
            ShadowOrigin::Candidate => "candidate",
            ShadowOrigin::Mode => "policies in shadow mode",
        };
        out.line(&paint(BOLD, format!("{what} {}", printable(digest))));
        head(story, out);
        out.line(&format!(
            "  {}",
            many(
                story.disagreements,
                "decision would have been another one",
                "decisions would have been others"
            )
        ));
        for (direction, name) in DIRECTIONS {
            match story.directions.get(&direction) {
                None => out.line(&format!("  {name:<11} {}", paint(DIM, "none"))),
                Some(group) => told(direction, name, group, out),
            }
        }
    }
}

fn many(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn head(story: &Story, out: &mut Out) {
    let since = story.started.as_deref().unwrap_or("before the log begins");
    out.line(&paint(DIM, printable(&format!("  looked at since {since}; last said {}", story.last))));
    let lists = [("added", &story.added), ("removed", &story.removed), ("changed", &story.changed)];
    let lists = lists.iter().filter(|(_, ids)| !ids.is_empty());
    for (what, ids) in lists {
        let more = ids.len().saturating_sub(NAMES_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let ids: Vec<&str> = ids.iter().take(NAMES_MAX).map(String::as_str).collect();
        out.line(&format!("  {what} {}{more}", printable(&ids.join(", "))));
    }
    // The count comes once a minute, and what disagreed comes at once.
    let looked_at = story.looked_at.max(story.disagreements);
    let looked_at = many(looked_at, "decision was looked at", "decisions were looked at");
    let mut counted = format!("  {looked_at}, as far as that is on record");
    for (count, what) in [
        (story.dropped, "there was no room to look at"),
        (story.unknown, "came while an edit was under way"),
        (story.unrecorded, "disagreements are not on record"),
    ] {
        if count > 0 {
            counted += &format!("; {count} {what}");
        }
    }
    out.line(&counted);
    if let Some(stopped) = &story.stopped {
        let line = format!(
            "  stopped by itself at {}: {} new denials among {}",
            stopped.time, stopped.new_denials, stopped.looked_at
        );
        out.line(&paint(WARN, printable(&line)));
    }
    if let Some(time) = &story.promoted {
        out.line(&printable(&format!("  promoted at {time}")));
    }
}

fn told(direction: ShadowDirection, name: &str, group: &Group, out: &mut Out) {
    let style = match direction {
        ShadowDirection::NewDenial | ShadowDirection::Error => BAD,
        ShadowDirection::NewAllow | ShadowDirection::ShowsMore | ShadowDirection::SetsMore => WARN,
        ShadowDirection::ShowsLess | ShadowDirection::OtherMask | ShadowDirection::SetsLess => BOLD,
    };
    out.line(&format!("  {name:<11} {}", paint(style, group.count)));
    counts("policy", &group.by_policy, out);
    counts("route", &group.by_route, out);
    counts("tenant", &group.by_tenant, out);
    counts("class", &group.by_class, out);
    for example in &group.examples {
        let log = PathBuf::from(&example.log);
        let line =
            format!("palisade explain --log {} {}", quoted(&log.to_string_lossy()), example.decision_id);
        out.line(&format!("    {}", paint(DIM, printable(&line))));
        let by = if example.policies.is_empty() {
            String::new()
        } else {
            format!(", by {}", example.policies.join(", "))
        };
        out.line(&printable(&format!("      {}: {}{by}", example.route, differs(example))));
    }
}

/// In what an example differs.
fn differs(example: &Example) -> String {
    let seen = |seen: &str| if seen == "shown" { seen.to_owned() } else { format!("hidden by `{seen}`") };
    let classes: Vec<String> = example
        .classes
        .iter()
        .map(|class| {
            format!("`{}` is {}, would be {}", class.class, seen(&class.enforced), seen(&class.shadow))
        })
        .collect();
    if classes.is_empty() {
        format!("`{}`, would be `{}`", example.enforced, example.shadow)
    } else {
        classes.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::beside::Direction;

    #[test]
    fn each_direction_that_serving_writes_is_one_that_a_report_reads_and_shows() {
        let read = Direction::ALL.map(|direction| {
            let word = serde_json::json!(direction.as_str());
            serde_json::from_value::<ShadowDirection>(word).unwrap()
        });
        assert_eq!(read, DIRECTIONS.map(|(direction, _)| direction));
        for (direction, (_, name)) in Direction::ALL.iter().zip(DIRECTIONS) {
            assert_eq!(direction.as_str(), name.replace(' ', "_"), "it is called the same");
        }
    }
}
