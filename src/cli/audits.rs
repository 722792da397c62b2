//! Who may read the decision log: `Action::"audit"` of each tenant, asked of the policies as a request of that caller would be.
//!
//! Never: decides in a way of its own.

use std::path::Path;

use crate::audit::Event;
use crate::audit::Query;
use crate::disk;
use crate::identity::Principal;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::request::question;
use crate::request::question::Put;
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

/// Who reads, as it is claimed. Without `--as` it is whoever may read the log's files.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Who reads")]
pub(crate) struct Reader {
    /// Read as this principal: the policies say which tenants' books it may see. Default: all, as whoever may read the files.
    #[arg(id = "as", long = "as", value_name = "ID")]
    principal: Option<String>,
    /// What it is: `user` (default) or `service`.
    #[arg(id = "as-kind", long = "as-kind", value_name = "KIND", requires = "as")]
    kind: Option<String>,
    /// Its tenant.
    #[arg(id = "as-tenant", long = "as-tenant", value_name = "TENANT", requires = "as")]
    tenant: Option<String>,
    /// Its roles.
    #[arg(id = "as-roles", long = "as-roles", value_name = "ROLE,…", value_delimiter = ',', requires = "as")]
    roles: Vec<String>,
    /// Its groups.
    #[arg(
        id = "as-groups",
        long = "as-groups",
        value_name = "GROUP,…",
        value_delimiter = ',',
        requires = "as"
    )]
    groups: Vec<String>,
    /// Its scopes.
    #[arg(
        id = "as-scopes",
        long = "as-scopes",
        value_name = "SCOPE,…",
        value_delimiter = ',',
        requires = "as"
    )]
    scopes: Vec<String>,
    /// The issuer of its token; without it, it has an API key.
    #[arg(id = "as-issuer", long = "as-issuer", value_name = "ISSUER", requires = "as")]
    issuer: Option<String>,
    /// What it reads for, as policies see it.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
}

/// What the policies say to a reader.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The tenants whose books it may read.
    pub(crate) tenants: Vec<String>,
    /// The policies that decided, over all tenants.
    pub(crate) reasons: Vec<String>,
    /// The code of a refusal, where no tenant is left.
    pub(crate) code: Option<&'static str>,
    /// The snapshot that decided.
    pub(crate) snapshot: Option<Digest>,
}

/// One reading, for its record.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) statement: &'a str,
    /// The tenants in whose books it looked; empty for all.
    pub(crate) tenants: &'a [String],
    pub(crate) rows: u64,
}

impl Reader {
    /// Is it somebody of whom the policies are asked?
    pub(crate) const fn is_named(&self) -> bool {
        self.principal.is_some()
    }

    fn asking(&self, target: &str) -> Asking {
        Asking {
            principal: self.principal.clone(),
            kind: self.kind.clone(),
            tenant: self.tenant.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            scopes: self.scopes.clone(),
            issuer: self.issuer.clone(),
            purpose: self.purpose.clone(),
            action: Some("audit".to_owned()),
            target: Some(target.to_owned()),
            ..Asking::default()
        }
    }

    /// Which of these tenants' books it may read.
    ///
    /// # Errors
    /// When the configuration is invalid, or what is claimed makes no sense.
    pub(crate) fn may(
        &self,
        global: &Global,
        tenants: &[String],
        world: &World<'_>,
        out: &mut Out,
    ) -> Result<Said, (Exit, String)> {
        let Some(Ready { checked, .. }) = check::ready(global, world, out) else {
            return Err((
                Exit::Invalid,
                "the policies cannot be asked: the configuration is invalid".to_owned(),
            ));
        };
        let snapshot = checked.snapshot();
        said(snapshot, tenants, |tenant| facts::question(&self.asking(tenant)))
            .map_err(|why| (Exit::Usage, why))
    }

    /// Puts a reading on record, in the log of readings of this directory, before anything of it is printed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn record(&self, at: &Path, said: &Said, reading: &Reading<'_>) -> Result<(), String> {
        let asking = self.asking("");
        let claimed: Vec<String> = asking
            .said()
            .into_iter()
            .filter(|(flag, _)| !matches!(*flag, "action" | "principal" | "kind" | "tenant" | "purpose"))
            .map(|(flag, text)| format!("{flag}={text}"))
            .collect();
        let principal = if self.is_named() { Some(facts::principal(&asking)?) } else { None };
        let who = Who { principal: principal.as_ref(), purpose: self.purpose.as_deref(), claimed: &claimed };
        who.record(at, said, reading)
    }
}

/// Which of these tenants' books may be read, each asked as a question of its own.
///
/// # Errors
/// When a question makes no sense.
pub(crate) fn said(
    snapshot: &Snapshot,
    tenants: &[String],
    question: impl Fn(&str) -> Result<Question, String>,
) -> Result<Said, String> {
    let mut said = Said { snapshot: Some(snapshot.digest()), ..Said::default() };
    for tenant in tenants {
        let (code, reasons) = one(snapshot, tenant, &question(tenant)?)?;
        said.reasons.extend(reasons);
        match code {
            None => said.tenants.push(tenant.clone()),
            Some(code) => said.code = Some(code),
        }
    }
    said.reasons.sort();
    said.reasons.dedup();
    Ok(said)
}

/// What the policies say to the book of one tenant: the code of a refusal, and who decided.
fn one(
    snapshot: &Snapshot,
    tenant: &str,
    question: &Question,
) -> Result<(Option<&'static str>, Vec<String>), String> {
    let put = facts::put_question(question, snapshot, |facts| {
        let judgement = question::judge(snapshot, facts);
        let of_meant = snapshot.model().tenants.get(facts.target).path.as_str() == tenant;
        let named = judgement.verdict.reasons.iter().chain(&judgement.verdict.errors);
        let reasons = named.map(|policy| snapshot.policies().id(*policy).to_owned()).collect();
        (judgement.refusal().map(|refusal| refusal.row().code), reasons, of_meant)
    })?;
    Ok(match put {
        Put::Asked((code, reasons, true)) => (code, reasons),
        Put::Asked((_, reasons, false)) => (Some("forbidden"), reasons),
        Put::Refused(refusal) => (Some(refusal.row().code), Vec::new()),
        Put::Public(_) => (Some("forbidden"), Vec::new()),
    })
}

/// Who read, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    /// `None`: whoever may read the files.
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) purpose: Option<&'a str>,
    /// What was said of the principal and not proven.
    pub(crate) claimed: &'a [String],
}

impl Who<'_> {
    /// Puts a reading on record, before anything of it is shown.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn record(&self, at: &Path, said: &Said, reading: &Reading<'_>) -> Result<(), String> {
        let [claimed, reasons, tenants] = [self.claimed, &said.reasons, reading.tenants]
            .map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
        let event = Event::Query(&Query {
            uid: rustix::process::getuid().as_raw(),
            principal: self.principal.map(|principal| (principal.kind.as_str(), &*principal.id)),
            caller: self.principal.and_then(|principal| principal.tenant.as_ref()).map(TenantPath::as_str),
            purpose: self.purpose,
            decision: if said.code.is_none() || !said.tenants.is_empty() { "allow" } else { "deny" },
            code: said.code.filter(|_| said.tenants.is_empty()),
            statement: reading.statement,
            rows: reading.rows,
            snapshot: said.snapshot.as_ref(),
            tenants: &tenants,
            claimed: &claimed,
            reasons: &reasons,
        });
        disk::put_in(at, &event).map_err(|error| format!("nothing is shown that is not on record: {error}"))
    }
}
