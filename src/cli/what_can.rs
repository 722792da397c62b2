//! `palisade what-can`: everything that the policies let one caller do, over all routes, tenants and DataKeys.
//!
//! Never: decides in a way of its own, or keeps quiet about what it did not go through.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::identity::Principal;
use crate::ids::DataKey;
use crate::limits;
use crate::model::Route;
use crate::model::TenantIx;
use crate::policy::Mentions;
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
use super::facts::Asking;
use super::formats;
use super::out::BOLD;
use super::out::paint;
use super::reach;
use super::reach::Count;
use super::reach::May;
use super::report::printable;

pub(super) const AFTER: &str = "\
Examples:
  palisade what-can dana --tenant acme/west --roles clinician
  palisade what-can finn --tenant globex --roles auditor --purpose audit
  palisade what-can robot --kind service --tenant acme --roles billing -o json

Every route is gone through for every tenant that the caller could reach: with the DataKey that the route says, or where
the request would say it, with the tenant's own and those that policies name. What was not gone through is told with the
answer.";

/// What `what-can` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Who calls.
    #[arg(value_name = "PRINCIPAL")]
    id: String,
    /// The caller's tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: String,
    /// What the caller is: `user` (default) or `service`.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The caller's roles.
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    roles: Vec<String>,
    /// The caller's groups.
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    groups: Vec<String>,
    /// The caller's scopes.
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    scopes: Vec<String>,
    /// The issuer of the caller's token; without it the caller has an API key.
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    /// Who acts for the caller, as `user:ID` or `service:ID`, the nearest first.
    #[arg(long, value_name = "KIND:ID,…", value_delimiter = ',')]
    actor: Vec<String>,
    /// What the caller says the data is for. Default: each purpose that policies speak of, and none.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// Where the connection comes from.
    #[arg(long, value_name = "IP")]
    source_ip: Option<std::net::IpAddr>,
    /// The time of the question (RFC 3339). Default: now.
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
struct Row {
    data_key: String,
    action: &'static str,
    route: String,
    /// Purposes with which it is allowed; `any` for all that were gone through.
    purposes: String,
    #[serde(flatten)]
    may: May,
}

/// The answer.
#[derive(Debug, serde::Serialize)]
struct Report {
    what_can: Vec<Row>,
    /// Routes that anybody may call.
    public: Vec<String>,
    asked: usize,
    /// Tenants whose data the caller cannot reach, whatever the route.
    cannot_reach: usize,
    left_out: Vec<String>,
}

pub(super) fn what_can(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { checked, .. }) = check::ready(global, world, out) else { return Ok(Exit::Invalid) };
    let report = match report(checked.snapshot(), arguments) {
        Ok(report) => report,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    if global.output.is_json() {
        out.raw(formats::pretty(&serde_json::to_value(&report).unwrap_or(Json::Null)).as_bytes());
    } else {
        out.line(pretty(&report).trim_end());
    }
    Ok(Exit::Ok)
}

fn report(snapshot: &Snapshot, arguments: &Arguments) -> Result<Report, String> {
    let asking = Asking {
        principal: Some(arguments.id.clone()),
        kind: arguments.kind.clone(),
        tenant: Some(arguments.tenant.clone()),
        roles: arguments.roles.clone(),
        groups: arguments.groups.clone(),
        scopes: arguments.scopes.clone(),
        issuer: arguments.issuer.clone(),
        actor: arguments.actor.clone(),
        ..Asking::default()
    };
    let principal = Arc::new(facts::principal(&asking)?);
    let model = snapshot.model();
    let names = || model.tenants.iter().map(|(_, tenant)| tenant.path.as_str());
    let caller = model.tenants.find(&arguments.tenant);
    let caller = caller.ok_or_else(|| facts::unknown("tenant", &arguments.tenant, names()))?;
    let mentions = snapshot.policies().mentions(|_| true);
    let mut left_out =
        reach::not_gone_through(&mentions, arguments.purpose.is_some(), arguments.source_ip.is_some());
    // The caller is one, as given.
    left_out.remove(0);
    left_out.retain(|left| !left.starts_with("callers"));
    left_out.push("DataKeys deeper than a tenant's own that neither a route nor a policy names".to_owned());
    let mut through = Through {
        snapshot,
        principal,
        purposes: match &arguments.purpose {
            Some(purpose) => vec![Some(purpose.clone())],
            None => reach::purposes(&mentions),
        },
        source_ip: arguments.source_ip,
        now_ms: facts::now_ms(arguments.now.as_deref())?,
        count: Count::default(),
        found: BTreeMap::new(),
    };
    let mut cannot_reach = 0;
    for (target, _) in reach::tenants(snapshot) {
        if reach::may_reach(snapshot, caller, target) {
            through.tenant(target, &mentions);
        } else {
            cannot_reach += 1;
        }
    }
    if through.count.is_full() {
        left_out.insert(0, format!("what comes after {} questions", limits::REPORT_QUESTIONS_MAX));
    }
    let public = model.routes.iter().filter(|(_, route)| route.public).map(|(_, route)| route.id.to_string());
    let (asked, public) = (through.count.asked, public.collect());
    Ok(Report { what_can: through.rows(), public, asked, cannot_reach, left_out })
}

/// One report on its way.
struct Through<'a> {
    snapshot: &'a Snapshot,
    principal: Arc<Principal>,
    purposes: Vec<Option<String>>,
    source_ip: Option<std::net::IpAddr>,
    now_ms: u64,
    count: Count,
    found: BTreeMap<(String, &'static str, String, May), Vec<Option<String>>>,
}

impl Through<'_> {
    fn tenant(&mut self, target: TenantIx, mentions: &Mentions) {
        let snapshot = self.snapshot;
        let tenants = &snapshot.model().tenants;
        let own = tenants.get(target).path.data_key();
        let named = mentions.of_type("DataKey").filter_map(|key| DataKey::parse(key).ok());
        let keys: BTreeSet<DataKey> =
            named.filter(|key| tenants.owner(key) == Some(target)).chain([own]).collect();
        for (_, route) in snapshot.model().routes.iter().filter(|(_, route)| !route.public) {
            // Where the route itself says the DataKey from the tenant alone, there is one; else the request says it.
            if reach::own_keys(snapshot, route).is_some() {
                self.route(route, target, None);
                continue;
            }
            for key in &keys {
                self.route(route, target, Some(key));
            }
        }
    }

    fn route(&mut self, route: &Route, target: TenantIx, key: Option<&DataKey>) {
        for purpose in &self.purposes {
            if self.count.is_full() {
                return;
            }
            let question = Question {
                principal: Some(Arc::clone(&self.principal)),
                call: Call::Route(route.id.to_string()),
                action: None,
                method: None,
                target: Some(self.snapshot.model().tenants.get(target).path.clone()),
                data_key: key.cloned(),
                purpose: purpose.clone(),
                host: None,
                source_ip: self.source_ip,
                now_ms: self.now_ms,
            };
            let Some((key, may)) = self.count.ask(self.snapshot, &question) else { continue };
            let at = (key, route.action.as_str(), route.id.to_string(), may);
            let purposes = self.found.entry(at).or_default();
            if !purposes.contains(purpose) {
                purposes.push(purpose.clone());
            }
        }
    }

    fn rows(self) -> Vec<Row> {
        let all = self.purposes.len();
        let row = |((data_key, action, route, may), purposes): (_, Vec<Option<String>>)| Row {
            data_key,
            action,
            route,
            purposes: reach::purposes_in_words(&purposes, all),
            may,
        };
        self.found.into_iter().map(row).collect()
    }
}

fn pretty(report: &Report) -> String {
    let mut out = String::new();
    let mut at = None;
    for row in &report.what_can {
        if at != Some(&row.data_key) {
            at = Some(&row.data_key);
            out += &format!("{}\n", paint(BOLD, printable(&row.data_key)));
        }
        let purposes = match row.purposes.as_str() {
            "any" => String::new(),
            some => format!("  purpose {some}"),
        };
        out += &format!("  {:<7} {}{}\n", row.action, printable(&row.route), printable(&purposes));
        out += &reach::pretty(&row.may);
    }
    if report.what_can.is_empty() {
        out += &format!("{}\n", paint(BOLD, "nothing of what was gone through"));
    }
    if !report.public.is_empty() {
        out += &format!("public, so anybody may: {}\n", printable(&report.public.join(", ")));
    }
    out += &format!("\n{} questions were asked; not gone through:\n", report.asked);
    for left in &report.left_out {
        out += &format!("  {}\n", printable(left));
    }
    if report.cannot_reach > 0 {
        out += &format!("data of {} tenants cannot be reached, whatever the route\n", report.cannot_reach);
    }
    out
}
