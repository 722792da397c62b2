//! `palisade who-can`: everyone whom the policies let do an action on some data, over all that they can tell apart.
//!
//! Never: decides in a way of its own, or keeps quiet about what it did not go through.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::identity::Auth;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::limits;
use crate::model::TenantIx;
use crate::policy::Mentions;
use crate::policy::REVEAL;
use crate::policy::WRITE;
use crate::redact::ClassIx;
use crate::request::question::Call;
use crate::request::question::Question;
use crate::snapshot::Snapshot;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::check::Ready;
use super::facts;
use super::formats;
use super::out::BOLD;
use super::out::paint;
use super::reach;
use super::reach::Count;
use super::reach::May;
use super::reach::Person;
use super::report::printable;

pub(super) const AFTER: &str = "\
Examples:
  palisade who-can read acme/west                    on which routes, and by which policies
  palisade who-can list listClaims                   the route, for the data of every tenant
  palisade who-can list listClaims --data-key acme/claims
  palisade who-can reveal pii.contact --data-key acme/west
  palisade who-can write pii.contact --data-key acme/west
  palisade who-can read acme/west --principals people.json -o json

RESOURCE is a DataKey, the id of a route, or for `reveal` and `write` a data class. Callers are one of each kind that policies tell
apart, in every tenant: anybody, each role, group and scope by itself, users and services that are named; the callers of
the test files; and those of --principals: a JSON array with the names of `eval`'s flags. What was not gone through is
told with the answer.";

/// What `who-can` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// What is attempted: an action, or `reveal`, or `write` (to set a class).
    #[arg(value_name = "ACTION")]
    action: String,
    /// A DataKey, the id of a route, or for `reveal` and `write` a data class.
    #[arg(value_name = "RESOURCE")]
    resource: String,
    /// The DataKey, where RESOURCE is a route or a class. Default: that of every tenant.
    #[arg(long, value_name = "KEY")]
    data_key: Option<String>,
    /// Go through these callers too: a JSON array in a file, or on the standard input (`-`).
    #[arg(long, value_name = "FILE")]
    principals: Option<String>,
    /// What callers say the data is for. Default: each purpose that policies speak of, and none.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// Where connections come from.
    #[arg(long, value_name = "IP")]
    source_ip: Option<std::net::IpAddr>,
    /// The time of the question (RFC 3339). Default: now.
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
}

/// What is asked about.
struct About {
    /// Each route by its id, with the DataKeys that its requests can be about; an action alone where no route leads there.
    calls: Vec<(String, Call, Vec<DataKey>)>,
    /// The class that must be shown, or settable.
    class: Option<(ClassIx, Wanted)>,
}

/// What one must be able to do with a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    See,
    Set,
}

/// One line of the answer: who, on which route, about which data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
struct Row {
    data_key: String,
    route: String,
    who: String,
    tenants: Vec<String>,
    kinds: Vec<&'static str>,
    /// Purposes with which it is allowed; `any` for all that were gone through.
    purposes: String,
    #[serde(flatten)]
    may: May,
}

/// The answer.
#[derive(Debug, serde::Serialize)]
struct Report {
    who_can: Vec<Row>,
    asked: usize,
    /// Tenants whose callers are refused before a policy is asked, for each DataKey.
    cannot_reach: BTreeMap<String, usize>,
    left_out: Vec<String>,
}

pub(super) fn who_can(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { config, checked, .. }) = check::ready(global, world, out) else {
        return Ok(Exit::Invalid);
    };
    let snapshot = checked.snapshot();
    let report = reach::people_in(arguments.principals.as_deref()).and_then(|mut people| {
        let now_ms = facts::now_ms(arguments.now.as_deref())?;
        people.extend(reach::people_of_tests(&config, now_ms));
        report(snapshot, arguments, &people, now_ms)
    });
    let report = match report {
        Ok(report) => report,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    if global.output.is_json() {
        out.raw(formats::pretty(&serde_json::to_value(&report).unwrap_or(Json::Null)).as_bytes());
    } else {
        out.line(pretty(&report, arguments).trim_end());
    }
    Ok(Exit::Ok)
}

fn report(
    snapshot: &Snapshot,
    arguments: &Arguments,
    people: &[Person],
    now_ms: u64,
) -> Result<Report, String> {
    let about = about(snapshot, arguments)?;
    let mentions = snapshot.policies().mentions(|_| true);
    let purposes = match &arguments.purpose {
        Some(purpose) => vec![Some(purpose.clone())],
        None => reach::purposes(&mentions),
    };
    let mut left_out =
        reach::not_gone_through(&mentions, arguments.purpose.is_some(), arguments.source_ip.is_some());
    let mut through = Through {
        snapshot,
        arguments,
        about: &about,
        purposes,
        now_ms,
        count: Count::default(),
        found: BTreeMap::new(),
    };
    let mut cannot_reach = BTreeMap::new();
    for (route, call, keys) in &about.calls {
        for key in keys {
            let Some(target) = snapshot.model().tenants.owner(key) else { continue };
            let refused = through.key((route, call), key, target, &mentions, people);
            cannot_reach.insert(key.to_string(), refused);
        }
    }
    left_out.push("data below the DataKeys that are told".to_owned());
    if through.count.is_full() {
        left_out.insert(
            0,
            format!(
                "what comes after {} questions: narrow it with `--data-key`",
                limits::REPORT_QUESTIONS_MAX
            ),
        );
    }
    Ok(Report { asked: through.count.asked, who_can: through.rows(), cannot_reach, left_out })
}

fn about(snapshot: &Snapshot, arguments: &Arguments) -> Result<About, String> {
    let model = snapshot.model();
    let resource = arguments.resource.as_str();
    let given = arguments.data_key.as_deref().map(|text| data_key(snapshot, text)).transpose()?;
    let wanted = [(REVEAL, Wanted::See), (WRITE, Wanted::Set)];
    if let Some((_, wanted)) = wanted.into_iter().find(|(action, _)| arguments.action == *action) {
        let names = || model.classes.iter().map(|(_, class)| class.name.as_str());
        let class = model.classes.find(resource);
        let class = class.ok_or_else(|| facts::unknown("data class", resource, names()))?;
        let calls = reach::routes(snapshot, given.as_ref(), |route| match wanted {
            Wanted::See => route.classes.contains(&class),
            Wanted::Set => route.request_classes.contains(&class),
        });
        return Ok(About { calls, class: Some((class, wanted)) });
    }
    let action = Action::ALL.into_iter().find(|action| action.as_str() == arguments.action);
    let names = || Action::ALL.map(Action::as_str).into_iter().chain([REVEAL, WRITE]);
    let action = action.ok_or_else(|| facts::unknown("action", &arguments.action, names()))?;
    if let Some((_, route)) = model.routes.iter().find(|(_, route)| &*route.id == resource) {
        if route.action != action {
            return Err(format!("the action of `{resource}` is `{}`", route.action.as_str()));
        }
        return Ok(About {
            calls: reach::routes(snapshot, given.as_ref(), |one| one.ix == route.ix),
            class: None,
        });
    }
    let key = data_key(snapshot, resource)?;
    let mut calls = reach::routes(snapshot, Some(&key), |route| route.action == action);
    if calls.is_empty() {
        calls.push(("no route".to_owned(), Call::Action(action, Vec::new()), vec![key]));
    }
    Ok(About { calls, class: None })
}

fn data_key(snapshot: &Snapshot, text: &str) -> Result<DataKey, String> {
    let key = DataKey::parse(text).map_err(|why| format!("`{text}` is not a DataKey: {why}"))?;
    match snapshot.model().tenants.owner(&key) {
        Some(_) => Ok(key),
        None => Err(format!("no tenant owns `{text}`")),
    }
}

/// What was found for one caller on one route: by kind and tenant, with the purposes that do.
type Found = BTreeMap<(String, String, String, May), Vec<Circumstances>>;

/// A tenant, a kind of caller and a purpose.
type Circumstances = (String, &'static str, Option<String>);

/// What anybody of a tenant may.
type Plain = (&'static str, Auth, Option<String>, May);

/// One report on its way.
struct Through<'a> {
    snapshot: &'a Snapshot,
    arguments: &'a Arguments,
    about: &'a About,
    purposes: Vec<Option<String>>,
    now_ms: u64,
    count: Count,
    found: Found,
}

impl Through<'_> {
    /// Goes through all callers for one route and DataKey; how many tenants' callers cannot reach it.
    fn key(
        &mut self,
        on: (&str, &Call),
        key: &DataKey,
        target: TenantIx,
        mentions: &Mentions,
        people: &[Person],
    ) -> usize {
        let mut refused = 0;
        for (tenant, _) in reach::tenants(self.snapshot) {
            if !reach::may_reach(self.snapshot, tenant, target) {
                refused += 1;
                continue;
            }
            let mut plain = Vec::new();
            for person in reach::people_of(self.snapshot, mentions, tenant) {
                self.person(on, key, &person, &mut plain);
            }
        }
        for person in people {
            self.person(on, key, person, &mut Vec::new());
        }
        refused
    }

    /// Puts every question about one caller. `plain` holds what anybody of its tenant may, which is not told again of
    /// those who have a role besides.
    fn person(&mut self, on: (&str, &Call), key: &DataKey, person: &Person, plain: &mut Vec<Plain>) {
        let ((route, call), kind) = (on, person.principal.kind.as_str());
        let tenant = person.principal.tenant.as_ref().map_or(String::new(), ToString::to_string);
        let classes = &self.snapshot.model().classes;
        let class = self.about.class.and_then(|(class, wanted)| Some((classes.get(class)?, wanted)));
        for purpose in &self.purposes {
            if self.count.is_full() {
                return;
            }
            let question = Question {
                principal: Some(Arc::clone(&person.principal)),
                call: call.clone(),
                action: None,
                method: None,
                target: None,
                data_key: Some(key.clone()),
                purpose: purpose.clone(),
                host: None,
                source_ip: self.arguments.source_ip,
                now_ms: self.now_ms,
            };
            let Some((_, may)) = self.count.ask(self.snapshot, &question) else { continue };
            let may_not = class.is_some_and(|(class, wanted)| {
                let those = match wanted {
                    Wanted::See => &may.shown,
                    Wanted::Set => &may.settable,
                };
                !those.iter().any(|one| *one == *class.name.as_str())
            });
            if may_not {
                continue;
            }
            let same = (kind, person.principal.auth.clone(), purpose.clone(), may.clone());
            if person.is_plain {
                plain.push(same);
            } else if plain.contains(&same) {
                continue;
            }
            let found = (tenant.clone(), kind, purpose.clone());
            // Who of a test file may what one of its roles may is told with the role.
            if person.is_from_tests && self.is_told(key, route, &may, &found) {
                continue;
            }
            let at = (key.to_string(), route.to_owned(), person.who.clone(), may);
            self.found.entry(at).or_default().push(found);
        }
    }

    fn is_told(&self, key: &DataKey, route: &str, may: &May, found: &Circumstances) -> bool {
        let same = |(of, on, _, told): &(String, String, String, May)| {
            of == key.as_str() && on == route && told == may
        };
        self.found.iter().any(|(at, all)| same(at) && all.contains(found))
    }

    fn rows(self) -> Vec<Row> {
        let all = self.purposes.len();
        let mut rows = Vec::new();
        for ((data_key, route, who, may), found) in self.found {
            // Tenants and kinds with the same purposes stand in one row.
            let mut by_caller: BTreeMap<(String, &'static str), Vec<Option<String>>> = BTreeMap::new();
            for (tenant, kind, purpose) in found {
                let purposes = by_caller.entry((tenant, kind)).or_default();
                if !purposes.contains(&purpose) {
                    purposes.push(purpose);
                }
            }
            let mut by_kinds: BTreeMap<(String, String), Vec<&'static str>> = BTreeMap::new();
            for ((tenant, kind), purposes) in by_caller {
                by_kinds.entry((tenant, reach::purposes_in_words(&purposes, all))).or_default().push(kind);
            }
            let mut by_tenants: BTreeMap<(Vec<&'static str>, String), Vec<String>> = BTreeMap::new();
            for ((tenant, purposes), kinds) in by_kinds {
                by_tenants.entry((kinds, purposes)).or_default().push(tenant);
            }
            for ((kinds, purposes), tenants) in by_tenants {
                let (data_key, route, who) = (data_key.clone(), route.clone(), who.clone());
                rows.push(Row { data_key, route, who, tenants, kinds, purposes, may: may.clone() });
            }
        }
        rows
    }
}

fn pretty(report: &Report, arguments: &Arguments) -> String {
    let mut out = String::new();
    let mut at = None;
    for row in &report.who_can {
        if at != Some((&row.data_key, &row.route)) {
            at = Some((&row.data_key, &row.route));
            let head = format!("{} {} on {}", arguments.action, row.data_key, row.route);
            out += &format!("{}\n", paint(BOLD, printable(&head)));
        }
        let kinds =
            if row.kinds.len() > 1 { String::new() } else { format!(", {} only", row.kinds.join("")) };
        let purposes = match row.purposes.as_str() {
            "any" => String::new(),
            some => format!(", purpose {some}"),
        };
        let who = format!("{} of {}{kinds}{purposes}", row.who, row.tenants.join(", "));
        out += &format!("  {}\n", printable(&who));
        out += &reach::pretty(&row.may);
    }
    if report.who_can.is_empty() {
        out += &format!("{}\n", paint(BOLD, "nobody of those that were gone through"));
    }
    let refused: usize = report.cannot_reach.values().sum();
    out += &format!("\n{} questions were asked; not gone through:\n", report.asked);
    for left in &report.left_out {
        out += &format!("  {}\n", printable(left));
    }
    if refused > 0 {
        let keys = if report.cannot_reach.len() > 1 { ", over all DataKeys" } else { "" };
        out += &format!("callers of {refused} tenants cannot reach the data, whatever they are{keys}\n");
    }
    out
}
