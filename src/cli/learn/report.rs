//! A proposal for people, as a table, and for machines.
//!
//! Never: leaves out what contradicts, or shows a value.

use anstyle::Style;
use serde_json::Value as Json;
use serde_json::json;

use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::report::printable;
use crate::learn::Choice;
use crate::learn::Line;
use crate::learn::OfBody;
use crate::learn::OfRoute;
use crate::learn::Proposal;
use crate::learn::Standing;

const fn style(standing: Standing) -> Style {
    match standing {
        Standing::Contradicts => BAD,
        Standing::New => WARN,
        Standing::Agrees => GOOD,
        Standing::Stands | Standing::Unseen => DIM,
    }
}

/// The classes of a line: what it is, and what it would be.
fn classes(proposal: &Proposal<'_>, line: &Line) -> String {
    let was: Vec<String> = line.was.iter().map(|class| proposal.name(Choice::Known(*class))).collect();
    let was = was.join(", ");
    match line.choice {
        None => was,
        Some(choice) => {
            let is_missing = matches!(choice, Choice::Missing(_));
            let missing = if is_missing { " (no class yet)" } else { "" };
            let arrow = if was.is_empty() { "" } else { " -> " };
            format!("{was}{arrow}{}{missing}", proposal.name(choice))
        }
    }
}

/// For people: the routes of which bodies were seen.
pub(super) fn pretty(proposal: &Proposal<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let (seen, unseen): (Vec<_>, Vec<_>) = proposal.routes.iter().partition(|route| is_seen(route));
    for of in seen {
        let head = format!("{}  {} {}", of.route.id, of.route.method, of.route.template);
        out.push(paint(BOLD, printable(&head)));
        for body in of.bodies.iter().filter(|body| body.bodies != [0; 3]) {
            table(proposal, of, body, &mut out);
        }
    }
    let counts: Vec<String> = Standing::ALL
        .into_iter()
        .map(|standing| {
            let count = proposal.count(standing);
            let text = format!("{count} {}", standing.word());
            if count == 0 { text } else { paint(style(standing), text) }
        })
        .collect();
    out.push(counts.join(", "));
    let missing: Vec<&str> = proposal.missing().map(crate::learn::Concept::word).collect();
    if !missing.is_empty() {
        let text = format!("no class is for: {}; `--classes` prints some", missing.join(", "));
        out.push(paint(WARN, text));
    }
    if !unseen.is_empty() {
        out.push(format!("no body was seen of {} of {} routes", unseen.len(), proposal.routes.len()));
    }
    if !proposal.gone.is_empty() {
        out.push(format!("{} routes that were learned of are no longer there", proposal.gone.len()));
    }
    if proposal.routes_over > 0 {
        out.push(format!("over the bound of routes: {} bodies", proposal.routes_over));
    }
    out
}

fn is_seen(of: &&OfRoute<'_>) -> bool {
    of.bodies.iter().any(|body| body.bodies != [0; 3])
}

fn table(proposal: &Proposal<'_>, of: &OfRoute<'_>, body: &OfBody, out: &mut Vec<String>) {
    let [bodies, cut, unread] = body.bodies;
    let more = [(cut, "cut"), (unread, "not read")].into_iter().filter(|(count, _)| *count > 0);
    let more: String = more.map(|(count, what)| format!(", {count} {what}")).collect();
    let public = if of.route.public && !body.lines.is_empty() { ", and the route is public" } else { "" };
    out.push(format!("  {}: {bodies} seen{more}{public}", body.side.as_str()));
    let mut lines: Vec<&Line> = body.lines.iter().collect();
    lines.sort_by(|a, b| (a.standing, &a.path).cmp(&(b.standing, &b.path)));
    let paths: Vec<String> = lines.iter().map(|line| printable(&line.path)).collect();
    let names: Vec<String> = lines.iter().map(|line| classes(proposal, line)).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let (wide, wide_name) = (widest(&paths), widest(&names));
    for (line, (path, name)) in lines.iter().zip(paths.iter().zip(&names)) {
        let standing = paint(style(line.standing), format!("{:<11}", line.standing.word()));
        let why = if line.standing == Standing::Unseen { String::new() } else { line.why.words() };
        out.push(format!("    {standing}  {path:<wide$}  {name:<wide_name$}  {why}").trim_end().to_owned());
    }
    for text in &body.texts {
        let (values, of, path) = (text.values, text.of, printable(&text.path));
        out.push(paint(DIM, format!("    {} within {values} of {of} texts of {path}", text.concept)));
    }
    if body.untold > 0 {
        out.push(paint(DIM, format!("    {} keys are in too few bodies to be told", body.untold)));
    }
    for (what, count) in body.over.each().into_iter().filter(|(_, count)| *count > 0) {
        out.push(paint(WARN, format!("    over the bound of {what}: {count}")));
    }
}

/// For machines: every route of which a body was seen.
pub(super) fn json(proposal: &Proposal<'_>) -> Json {
    let routes: Vec<Json> = proposal.routes.iter().filter(is_seen).map(|of| route(proposal, of)).collect();
    let counts = Standing::ALL.map(|standing| (standing.word().to_owned(), proposal.count(standing).into()));
    let missing: Vec<Json> = proposal
        .missing()
        .map(|concept| {
            let class = proposal.name(Choice::Missing(concept));
            json!({ "concept": concept.word(), "class": class })
        })
        .collect();
    json!({
        "paths": counts.into_iter().collect::<serde_json::Map<String, Json>>(),
        "routes": routes,
        "missing_classes": missing,
        "routes_gone": proposal.gone,
        "routes_over_bounds": proposal.routes_over,
    })
}

fn route(proposal: &Proposal<'_>, of: &OfRoute<'_>) -> Json {
    let mut told = json!({
        "id": of.route.id,
        "method": of.route.method.as_str(),
        "path": of.route.template,
        "public": of.route.public,
    });
    if let Some(told) = told.as_object_mut() {
        for body in of.bodies.iter().filter(|body| body.bodies != [0; 3]) {
            told.insert(body.side.as_str().to_owned(), self::body(proposal, body));
        }
    }
    told
}

fn body(proposal: &Proposal<'_>, body: &OfBody) -> Json {
    let line = |line: &Line| {
        json!({
            "path": line.path,
            "standing": line.standing.word(),
            "class": line.choice.map(|choice| proposal.name(choice)),
            "exists": line.choice.map(|choice| matches!(choice, Choice::Known(_))),
            "classified": line.was.iter().map(|class| proposal.name(Choice::Known(*class))).collect::<Vec<_>>(),
            "concept": line.why.concept.map(crate::learn::Concept::word),
            "values": line.why.values,
            "found": line.why.found.values,
            "found_whole": line.why.found.whole,
            "by_name": line.why.by_name,
        })
    };
    let [bodies, cut, unread] = body.bodies;
    let texts = body.texts.iter().map(|text| {
        json!({ "path": text.path, "concept": text.concept.word(), "found": text.values, "values": text.of })
    });
    let over = body.over.each().map(|(what, count)| (what.to_owned(), count.into()));
    json!({
        "bodies": bodies,
        "cut": cut,
        "unread": unread,
        "untold_keys": body.untold,
        "over_bounds": over.into_iter().collect::<serde_json::Map<String, Json>>(),
        "paths": body.lines.iter().map(line).collect::<Vec<Json>>(),
        "texts": texts.collect::<Vec<Json>>(),
        "json": body.json,
    })
}
