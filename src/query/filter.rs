//! Questions without SQL: what is asked by flags, written as the SQL that answers it.
//!
//! Never: lets a text end its quotes.

use crate::limits;

use super::engine::TABLE;

/// Which records are asked for. What is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `decision`, `outcome`, `shadow` or `event`; decisions where nothing is said.
    pub kind: Option<String>,
    /// `allow` or `deny`.
    pub decision: Option<&'static str>,
    /// Records from this time on, in microseconds since 1970.
    pub since_us: Option<i64>,
    /// Records before this time.
    pub until_us: Option<i64>,
    /// A data class that the answer may have carried, shown or hidden: this one or one below it.
    pub class: Option<String>,
    /// A data class that was shown: this one or one below it.
    pub shown: Option<String>,
    /// The id of who called.
    pub principal: Option<String>,
    /// What stands for that id in a log that is written with pseudonyms.
    pub pseudonyms: Vec<String>,
    /// The tenant of who called.
    pub caller: Option<String>,
    /// What was attempted.
    pub action: Option<String>,
    /// The id of a policy that decided.
    pub policy: Option<String>,
    /// The id of the route, or its template.
    pub route: Option<String>,
    /// The name of a pathway.
    pub pathway: Option<String>,
    /// The code of a refusal.
    pub code: Option<String>,
    /// The id of the decision, or that which the caller gave the request.
    pub id: Option<String>,
    /// Leaves out what another book holds in full.
    pub without_mirrors: bool,
}

/// By what requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Who called.
    Principal,
    /// The policies that decided.
    Policy,
    /// The route.
    Route,
    /// The code of the refusal.
    Code,
    /// Whose data it is.
    Tenant,
    /// What was attempted.
    Action,
    /// The class of data that was shown.
    Class,
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A time in microseconds since 1970 as SQL writes it.
fn moment(us: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(us).unwrap_or(jiff::Timestamp::MAX);
    format!("TIMESTAMP '{}'", at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
}

/// Does a list of classes hold this one or one below it?
fn holds(list: &str, class: &str) -> String {
    let all = format!("concat(' ', array_to_string({list}, ' '), ' ')");
    let (itself, below) = (quoted(&format!(" {class} ")), quoted(&format!(" {class}.")));
    format!("(strpos({all}, {itself}) > 0 OR strpos({all}, {below}) > 0)")
}

impl Filter {
    fn conditions(&self) -> String {
        let mut all = vec![format!("type = {}", quoted(self.kind.as_deref().unwrap_or("decision")))];
        let texts = [
            ("decision", self.decision),
            ("principal_tenant", self.caller.as_deref()),
            ("action", self.action.as_deref()),
            ("pathway", self.pathway.as_deref()),
            ("code", self.code.as_deref()),
        ];
        for (column, text) in texts {
            all.extend(text.map(|text| format!("{column} = {}", quoted(text))));
        }
        all.extend(self.principal.as_deref().map(|id| {
            let all = std::iter::once(id).chain(self.pseudonyms.iter().map(String::as_str));
            match &*all.map(quoted).collect::<Vec<_>>() {
                [only] => format!("principal = {only}"),
                several => format!("principal IN ({})", several.join(", ")),
            }
        }));
        all.extend(self.since_us.map(|us| format!("time >= {}", moment(us))));
        all.extend(self.until_us.map(|us| format!("time < {}", moment(us))));
        all.extend(self.shown.as_deref().map(|class| holds("revealed", class)));
        all.extend(
            self.class
                .as_deref()
                .map(|class| format!("({} OR {})", holds("revealed", class), holds("hidden", class))),
        );
        all.extend(self.policy.as_deref().map(|id| format!("array_has(policies, {})", quoted(id))));
        all.extend(self.route.as_deref().map(|id| format!("(resource = {0} OR route = {0})", quoted(id))));
        all.extend(
            self.id.as_deref().map(|id| format!("(decision_id = {0} OR request_id = {0})", quoted(id))),
        );
        if self.without_mirrors {
            all.push("NOT mirror".to_owned());
        }
        all.join(" AND ")
    }

    /// The newest records, at most so many, the newest last.
    #[must_use]
    pub fn newest(&self, columns: &str, most: usize) -> String {
        let conditions = self.conditions();
        let most = most.min(limits::QUERY_ROWS_MAX);
        format!(
            "SELECT {columns} FROM (SELECT * FROM {TABLE} WHERE {conditions} ORDER BY time DESC, seq DESC LIMIT {most}) \
             ORDER BY time, seq"
        )
    }

    /// The records with a number from this on, in their order, at most so many.
    #[must_use]
    pub fn following(&self, seq: u64, most: usize) -> String {
        format!(
            "SELECT * FROM {TABLE} WHERE {} AND seq >= {seq} ORDER BY seq LIMIT {most}",
            self.conditions()
        )
    }

    /// How often each comes, the most frequent first.
    #[must_use]
    pub fn top(&self, by: By, most: usize) -> String {
        let (name, value) = match by {
            By::Principal => ("principal", "principal"),
            By::Policy => ("policy", "unnest(policies)"),
            By::Route => ("route", "resource"),
            By::Code => ("code", "code"),
            By::Tenant => ("tenant", "tenant"),
            By::Action => ("action", "action"),
            By::Class => ("class", "unnest(revealed)"),
        };
        let more = if by == By::Principal { ", principal_tenant" } else { "" };
        format!(
            "SELECT {name}{more}, count(*) AS requests, sum(CASE WHEN decision = 'deny' THEN 1 ELSE 0 END) AS denied, \
             max(time) AS last FROM (SELECT {value} AS {name}{more}, decision, time FROM {TABLE} WHERE {}) \
             WHERE {name} IS NOT NULL GROUP BY {name}{more} ORDER BY requests DESC, {name} LIMIT {most}",
            self.conditions()
        )
    }

    /// Who reached across from which tenant into which, the most frequent first.
    #[must_use]
    pub fn pathways(&self, most: usize) -> String {
        format!(
            "SELECT principal_tenant AS caller, tenant, pathway, action, count(*) AS requests, \
             sum(CASE WHEN decision = 'deny' THEN 1 ELSE 0 END) AS denied, max(time) AS last FROM {TABLE} WHERE {} \
             AND (pathway IS NOT NULL OR (principal_tenant <> tenant \
             AND NOT starts_with(tenant, concat(principal_tenant, '/')) \
             AND NOT starts_with(principal_tenant, concat(tenant, '/')))) \
             GROUP BY principal_tenant, tenant, pathway, action ORDER BY requests DESC, caller, tenant, action LIMIT {most}",
            self.conditions()
        )
    }

    /// What there is of each day.
    #[must_use]
    pub fn stats(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        all.extend(self.since_us.map(|us| format!("time >= {}", moment(us))));
        all.extend(self.until_us.map(|us| format!("time < {}", moment(us))));
        let conditions = if all.is_empty() { "true".to_owned() } else { all.join(" AND ") };
        let sum = |what: &str| format!("sum(CASE WHEN {what} THEN 1 ELSE 0 END)");
        let full = |kind: &str| sum(&format!("type = '{kind}' AND NOT mirror"));
        let answered =
            |answer: &str| sum(&format!("type = 'decision' AND NOT mirror AND decision = '{answer}'"));
        let (requests, outcomes, events) = (full("decision"), full("outcome"), full("event"));
        let (allowed, denied, mirrors) = (answered("allow"), answered("deny"), sum("mirror"));
        format!(
            "SELECT date_trunc('day', time) AS day, count(*) AS records, {requests} AS requests, {allowed} AS allowed, \
             {denied} AS denied, {outcomes} AS outcomes, {events} AS events, {mirrors} AS mirrors FROM {TABLE} \
             WHERE {conditions} GROUP BY date_trunc('day', time) ORDER BY day"
        )
    }
}
