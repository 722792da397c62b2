//! What is put on record for each request: a decision and an outcome.
//!
//! Each borrows its facts and writes itself as one JSON line; [`crate::audit::schema`] describes the same lines to
//! readers. All texts are escaped and bounded, whoever made them; caller-made ones may be any bytes.
//! Never: carries a credential, a query string, or a value of a body. Classes and counts only.

mod outcome;

use std::net::IpAddr;

pub use outcome::Outcome;
pub use outcome::OutcomeLatency;
pub use outcome::Redaction;

use crate::audit::line::Key;
use crate::audit::line::Line;
use crate::audit::line::key;
use crate::audit::trace::Trace;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;

/// What was decided for one request, and why. Written before the app sees the request.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// The decision's name, which its outcome repeats.
    pub decision_id: DecisionId,
    /// When it was decided, in milliseconds since 1970.
    pub time_ms: u64,
    /// Allow, or deny with the refusal's code.
    pub answer: Answer<'a>,
    /// The id that the caller gave the request, as sent.
    pub request_id: Option<&'a [u8]>,
    /// What the caller said the data is for, as policies saw it.
    pub purpose: Option<&'a str>,
    /// Where the request stands in its trace.
    pub trace: &'a Trace,
    /// The tenant whose data is meant.
    pub tenant: Option<&'a TenantPath>,
    /// The slice of data that is meant.
    pub data_key: Option<&'a DataKey>,
    /// Every source that named a tenant, and which.
    pub tenant_sources: &'a [TenantSource<'a>],
    /// Who called, where that was found out.
    pub principal: Option<Principal<'a>>,
    /// What was attempted, where the route was found.
    pub action: Option<Action>,
    /// The id of the route.
    pub resource: Option<&'a str>,
    /// The request as HTTP saw it.
    pub http: Http<'a>,
    /// The address that the connection came from.
    pub source_ip: Option<IpAddr>,
    /// The snapshot that decided.
    pub snapshot: Digest,
    /// Its generation in this process.
    pub generation: u64,
    /// The time that policies saw as `context.now`, in milliseconds since 1970.
    pub now_ms: u64,
    /// How long the steps took.
    pub latency: DecisionLatency,
    /// The policies that made the decision.
    pub reasons: &'a [Reason<'a>],
    /// The policies that could not be evaluated; each denies.
    pub errors: &'a [&'a str],
    /// The name of the pathway by which data crosses tenants, where one was needed.
    pub pathway: Option<&'a str>,
    /// The data classes that may be seen.
    pub revealed: &'a [&'a str],
    /// The data classes that may not.
    pub hidden: &'a [Hidden<'a>],
    /// Of the data classes that the request's body may carry, those that the caller may set.
    pub settable: &'a [&'a str],
    /// And those that it may not.
    pub unsettable: &'a [&'a str],
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It may go to the app.
    Allow,
    /// It may not.
    Deny {
        /// The refusal's code.
        code: &'a str,
        /// What the code leaves open: one of a closed set of words.
        detail: Option<&'a str>,
    },
}

/// One source that named a tenant.
#[derive(Debug, Clone, Copy)]
pub struct TenantSource<'a> {
    /// `claim`, `api_key`, `host`, `path`, `header`.
    pub source: &'static str,
    /// The tenant it named.
    pub tenant: &'a str,
}

/// Who called.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    /// `User` or `Service`.
    pub kind: &'static str,
    /// Its id.
    pub id: &'a str,
    /// The tenant it belongs to.
    pub tenant: Option<&'a TenantPath>,
    /// `jwt` or `api_key`.
    pub auth_method: &'static str,
    /// The token's issuer, or the API key's id.
    pub issuer: Option<&'a str>,
    /// Its roles. With them and what follows the decision can be made again.
    pub roles: &'a [Box<str>],
    /// Its groups.
    pub groups: &'a [Box<str>],
    /// Its scopes.
    pub scopes: &'a [Box<str>],
    /// Who acts for the principal, nearest first (RFC 8693).
    pub actors: &'a [Actor<'a>],
}

/// Who acts for a principal.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// `User` or `Service`.
    pub kind: &'static str,
    /// Its id.
    pub id: &'a str,
}

/// The request as HTTP saw it.
#[derive(Debug, Clone, Copy)]
pub struct Http<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The host, as sent.
    pub host: &'a [u8],
    /// The path that was judged, without its query.
    pub path: &'a [u8],
    /// The template of the route.
    pub route: Option<&'a str>,
    /// The status, where the decision is the answer.
    pub status: Option<u16>,
}

/// A policy that made a decision.
#[derive(Debug, Clone, Copy)]
pub struct Reason<'a> {
    /// Its id.
    pub policy_id: &'a str,
    /// What it says.
    pub effect: Effect,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It allows.
    Permit,
    /// It denies.
    Forbid,
}

/// A data class that may not be seen.
#[derive(Debug, Clone, Copy)]
pub struct Hidden<'a> {
    /// Its name.
    pub class: &'a str,
    /// The kind of mask.
    pub mask: &'a str,
}

/// How long the steps up to the decision took, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct DecisionLatency {
    /// Identifying.
    pub identify_us: u64,
    /// Authorizing.
    pub authorize_us: u64,
}

impl Decision<'_> {
    /// Appends the record to `line`: one JSON object and a line feed.
    pub fn encode(&self, line: &mut Vec<u8>) {
        let mut line = Line::open(line, "decision");
        line.id(self.decision_id);
        line.time(key!("time"), self.time_ms);
        match self.answer {
            Answer::Allow => line.word(key!("decision"), "allow"),
            Answer::Deny { code, detail } => {
                line.word(key!("decision"), "deny");
                line.text(key!("code"), code);
                line.maybe_text(key!("detail"), detail);
            }
        }
        line.word(key!("mode"), "enforce");
        if let Some(id) = self.request_id {
            line.bytes(key!("request_id"), id);
        }
        line.maybe_text(key!("purpose"), self.purpose);
        line.hex(key!("trace_id"), self.trace.trace_id());
        line.hex(key!("span_id"), self.trace.span_id());
        self.encode_who(&mut line);
        self.encode_what(&mut line);
        self.encode_why(&mut line);
        line.close();
    }

    fn encode_who(&self, line: &mut Line<'_>) {
        line.maybe_text(key!("tenant"), self.tenant.map(TenantPath::as_str));
        line.maybe_text(key!("data_key"), self.data_key.map(DataKey::as_str));
        line.list(
            key!("tenant_sources"),
            limits::RECORD_TENANT_SOURCES_MAX,
            self.tenant_sources,
            |line, named| {
                line.object_value(|line| {
                    line.word(key!("source"), named.source);
                    line.text(key!("tenant"), named.tenant);
                });
            },
        );
        if let Some(principal) = &self.principal {
            line.object(key!("principal"), |line| {
                line.word(key!("type"), principal.kind);
                line.text(key!("id"), principal.id);
                line.maybe_text(key!("tenant"), principal.tenant.map(TenantPath::as_str));
                line.word(key!("auth_method"), principal.auth_method);
                line.maybe_text(key!("issuer"), principal.issuer);
                names(line, key!("roles"), principal.roles);
                names(line, key!("groups"), principal.groups);
                names(line, key!("scopes"), principal.scopes);
                let deepest = limits::DELEGATION_DEPTH_MAX.min(principal.actors.len());
                encode_actors(line, principal.actors.get(..deepest).unwrap_or_default());
            });
        }
    }

    fn encode_what(&self, line: &mut Line<'_>) {
        if let Some(action) = self.action {
            line.word(key!("action"), action.as_str());
        }
        line.maybe_text(key!("resource"), self.resource);
        line.object(key!("http"), |line| {
            line.text(key!("method"), self.http.method);
            line.bytes(key!("host"), self.http.host);
            line.bytes(key!("path"), self.http.path);
            line.maybe_text(key!("route"), self.http.route);
            if let Some(status) = self.http.status {
                line.number(key!("status"), status.into());
            }
        });
        if let Some(ip) = self.source_ip {
            line.ip(key!("source_ip"), ip);
        }
    }

    /// The lists come last, so that the room that is left is theirs to use up.
    fn encode_why(&self, line: &mut Line<'_>) {
        line.digest(key!("snapshot"), &self.snapshot);
        line.number(key!("generation"), self.generation);
        line.time(key!("now"), self.now_ms);
        line.object(key!("latency_us"), |line| {
            line.number(key!("identify"), self.latency.identify_us);
            line.number(key!("authorize"), self.latency.authorize_us);
        });
        line.maybe_text(key!("pathway"), self.pathway);
        line.list(key!("reasons"), limits::RECORD_REASONS_MAX, self.reasons, |line, reason| {
            line.object_value(|line| {
                line.text(key!("policy_id"), reason.policy_id);
                line.word(key!("effect"), reason.effect.as_str());
            });
        });
        line.list(key!("errors"), limits::RECORD_REASONS_MAX, self.errors, |line, id| {
            line.text_value("errors", id.as_bytes())
        });
        line.object(key!("classes"), |line| {
            line.list(key!("revealed"), limits::CLASSES_MAX, self.revealed, |line, class| {
                line.text_value("revealed", class.as_bytes());
            });
            line.list(key!("hidden"), limits::CLASSES_MAX, self.hidden, |line, hidden| {
                line.object_value(|line| {
                    line.text(key!("class"), hidden.class);
                    line.text(key!("mask"), hidden.mask);
                });
            });
            let lists = [(key!("settable"), self.settable), (key!("unsettable"), self.unsettable)];
            let carries = lists.iter().any(|(_, classes)| !classes.is_empty());
            for (key, classes) in lists.into_iter().filter(|_| carries) {
                line.list(key, limits::CLASSES_MAX, classes, |line, class| {
                    line.text_value(key.name, class.as_bytes());
                });
            }
        });
    }
}

fn names(line: &mut Line<'_>, key: &'static Key, all: &[Box<str>]) {
    let bounds = (limits::RECORD_ROLES_MAX, limits::RECORD_ROLES_BYTES_MAX);
    line.list_within(key, bounds, all, |line, name| line.text_value(key.name, name.as_bytes()));
}

fn encode_actors(line: &mut Line<'_>, actors: &[Actor<'_>]) {
    if let [actor, further @ ..] = actors {
        line.object(key!("actor"), |line| {
            line.word(key!("type"), actor.kind);
            line.text(key!("id"), actor.id);
            encode_actors(line, further);
        });
    }
}

impl Effect {
    /// `permit` or `forbid`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        }
    }
}
