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

use crate::audit::entry::Kind;
use crate::audit::entry::Pen;
use crate::audit::entry::key;
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
    /// Whose books it stands in.
    pub books: Books<'a>,
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
    /// The tenant whose limit the request was too much for, where that is why it was refused.
    pub limited_by: Option<&'a TenantPath>,
    /// Of the data classes that the request's body may carry, those that the caller may set.
    pub settable: &'a [&'a str],
    /// And those that it may not.
    pub unsettable: &'a [&'a str],
}

/// The tenants in whose books a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books<'a> {
    /// The book that holds it in full: the caller's, or the program's own where that is nobody's.
    pub book: &'a str,
    /// The tenant whose data it is, where that is another: it reads there who came from where, and not who exactly.
    pub mirror: Option<&'a str>,
}

/// What stands for the id of a principal in the book of another tenant.
pub const MASKED: &str = "***";

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
    /// `claim`, `api_key`, `workload`, `host`, `path`, `header`.
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
    /// `jwt`, `api_key` or `spiffe`.
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

impl<'a> Decision<'a> {
    /// Appends the record to `out`: one frame of the log, and another where it is mirrored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // The one in full comes last: it is the one that is looked for from the log's end.
        if let Some(book) = self.books.mirror {
            self.encode_in(book, true, out);
        }
        self.encode_in(self.books.book, false, out);
    }

    fn encode_in(&self, book: &str, mirror: bool, out: &mut Vec<u8>) {
        let mut pen = Pen::open(out, Kind::Decision, mirror, self.time_ms, book);
        pen.id(key!("decision_id"), self.decision_id);
        match self.answer {
            Answer::Allow => pen.text(key!("decision"), "allow"),
            Answer::Deny { code, detail } => {
                pen.text(key!("decision"), "deny");
                pen.text(key!("code"), code);
                pen.maybe_text(key!("detail"), detail);
                pen.maybe_text(key!("limited_by"), self.limited_by.map(TenantPath::as_str));
            }
        }
        pen.text(key!("mode"), "enforce");
        if let Some(id) = self.request_id {
            pen.bytes(key!("request_id"), id);
        }
        pen.maybe_text(key!("purpose"), self.purpose);
        pen.hex(key!("trace_id"), self.trace.trace_id());
        pen.hex(key!("span_id"), self.trace.span_id());
        self.encode_who(mirror, &mut pen);
        self.encode_what(mirror, &mut pen);
        self.encode_why(&mut pen);
        pen.close();
    }

    fn encode_who(&self, mirror: bool, pen: &mut Pen<'_>) {
        pen.maybe_text(key!("tenant"), self.tenant.map(TenantPath::as_str));
        pen.maybe_text(key!("data_key"), self.data_key.map(DataKey::as_str));
        pen.list(
            key!("tenant_sources"),
            limits::RECORD_TENANT_SOURCES_MAX,
            self.tenant_sources,
            |pen, named| {
                pen.object_value(|pen| {
                    pen.text(key!("source"), named.source);
                    pen.text(key!("tenant"), named.tenant);
                });
            },
        );
        if let Some(principal) = &self.principal {
            pen.object(key!("principal"), |pen| {
                pen.text(key!("type"), principal.kind);
                pen.text(key!("id"), if mirror { MASKED } else { principal.id });
                pen.maybe_text(key!("tenant"), principal.tenant.map(TenantPath::as_str));
                pen.text(key!("auth_method"), principal.auth_method);
                pen.maybe_text(key!("issuer"), principal.issuer.filter(|_| !mirror));
                let shown = |names: &'a [Box<str>]| if mirror { &[] } else { names };
                names(pen, key!("roles"), shown(principal.roles));
                names(pen, key!("groups"), shown(principal.groups));
                names(pen, key!("scopes"), shown(principal.scopes));
                if mirror {
                    return;
                }
                let deepest = limits::DELEGATION_DEPTH_MAX.min(principal.actors.len());
                encode_actors(pen, principal.actors.get(..deepest).unwrap_or_default());
            });
        }
    }

    fn encode_what(&self, mirror: bool, pen: &mut Pen<'_>) {
        if let Some(action) = self.action {
            pen.text(key!("action"), action.as_str());
        }
        pen.maybe_text(key!("resource"), self.resource);
        pen.object(key!("http"), |pen| {
            pen.text(key!("method"), self.http.method);
            pen.bytes(key!("host"), self.http.host);
            pen.bytes(key!("path"), self.http.path);
            pen.maybe_text(key!("route"), self.http.route);
            if let Some(status) = self.http.status {
                pen.number(key!("status"), status.into());
            }
        });
        if let Some(ip) = self.source_ip.filter(|_| !mirror) {
            pen.ip(key!("source_ip"), ip);
        }
    }

    /// The lists come last, so that the room that is left is theirs to use up.
    fn encode_why(&self, pen: &mut Pen<'_>) {
        pen.digest(key!("snapshot"), &self.snapshot);
        pen.number(key!("generation"), self.generation);
        pen.time(key!("now"), self.now_ms);
        pen.object(key!("latency_us"), |pen| {
            pen.number(key!("identify"), self.latency.identify_us);
            pen.number(key!("authorize"), self.latency.authorize_us);
        });
        pen.maybe_text(key!("pathway"), self.pathway);
        pen.list(key!("reasons"), limits::RECORD_REASONS_MAX, self.reasons, |pen, reason| {
            pen.object_value(|pen| {
                pen.text(key!("policy_id"), reason.policy_id);
                pen.text(key!("effect"), reason.effect.as_str());
            });
        });
        pen.list(key!("errors"), limits::RECORD_REASONS_MAX, self.errors, |pen, id| pen.text_value(id));
        pen.object(key!("classes"), |pen| {
            pen.list(key!("revealed"), limits::CLASSES_MAX, self.revealed, |pen, class| {
                pen.text_value(class);
            });
            pen.list(key!("hidden"), limits::CLASSES_MAX, self.hidden, |pen, hidden| {
                pen.object_value(|pen| {
                    pen.text(key!("class"), hidden.class);
                    pen.text(key!("mask"), hidden.mask);
                });
            });
            let lists = [(key!("settable"), self.settable), (key!("unsettable"), self.unsettable)];
            let carries = lists.iter().any(|(_, classes)| !classes.is_empty());
            for (key, classes) in lists.into_iter().filter(|_| carries) {
                pen.list(key, limits::CLASSES_MAX, classes, |pen, class| {
                    pen.text_value(class);
                });
            }
        });
    }
}

fn names(pen: &mut Pen<'_>, key: u8, all: &[Box<str>]) {
    let bounds = (limits::RECORD_ROLES_MAX, limits::RECORD_ROLES_BYTES_MAX);
    pen.list_within(key, bounds, all, |pen, name| pen.text_value(name));
}

fn encode_actors(pen: &mut Pen<'_>, actors: &[Actor<'_>]) {
    if let [actor, further @ ..] = actors {
        pen.object(key!("actor"), |pen| {
            pen.text(key!("type"), actor.kind);
            pen.text(key!("id"), actor.id);
            encode_actors(pen, further);
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
