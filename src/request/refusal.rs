//! Every way in which a request can end other than by a released response: one table.
//!
//! A new ending is a new variant, and the compiler then asks for its row. The client sees the status, the code and the
//! decision id; the record sees the code and its detail; neither sees a secret or a hidden value.

use crate::identity::Rejected;
use crate::ids::TenantPath;
use crate::model::Fault;
use crate::model::graphql::Flaw;
use crate::quota::Limit;
use crate::quota::Limited;
use crate::request::guard;
use crate::request::spoken::Unspoken;
use crate::request::target::Unclear;
use crate::tenancy::Disagreement;

/// An ending that refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The head or its framing has more than one reading.
    Flawed(guard::Flaw),
    /// The path, the query or the host has no one normal form.
    Unclear(Unclear),
    /// The host is not the one that the connection was made to.
    Misdirected,
    /// `Connection` names a header that only Palisade may set.
    ProtectedHeader,
    /// `Expect` asks for something else than `100-continue`.
    ExpectationFailed,
    /// More than one credential, or one that cannot be read as one.
    AmbiguousCredential,
    /// No credential.
    Unidentified,
    /// A credential that does not verify.
    BadCredential(Rejected),
    /// The route is for credentials that were issued for something else.
    WrongAudience,
    /// A header, host or path names a tenant in a spelling that no tenant has.
    BadTenantName,
    /// Credentials of this address failed too often; after so many seconds another is looked at.
    TooManyFailures(u64),
    /// It is one too many for a limit of the caller's tenant.
    Limited(Box<Limited>),
    /// The sources that name a tenant do not agree, or name none that exists.
    Tenancy(Disagreement),
    /// No route has this path.
    NoRoute,
    /// A route has this path, with these methods, as `Allow` lists them (RFC 9110 section 10.2.1).
    MethodNotAllowed(Box<str>),
    /// The request does not say which DataKey it is about in a form that a DataKey has.
    BadDataKey,
    /// The DataKey belongs to no tenant, or to another one than the request named.
    DataKeyElsewhere,
    /// The data is closed while its tenant is in maintenance; after so many seconds it may be open.
    Maintenance(u32),
    /// No policy permits it, or one forbids it.
    Denied,
    /// A policy could not be evaluated; that denies.
    PolicyError,
    /// The body of the request cannot be read although something in it would have to be hidden.
    UnreadableBody,
    /// What is sent to a route of GraphQL is no document that can be judged.
    GraphQl(Unspoken),
    /// The body sets what its caller may not set, at these places (JSON pointers) where they can be named.
    FieldDenied(Box<[Box<str>]>),
    /// The body of the request is not as its route's schema says.
    InvalidBody(Box<[Fault]>),
    /// The caller holds a version of the answer as another view of it: what it would overwrite is not what it saw.
    ViewChanged,
    /// The body of the request is larger than allowed.
    BodyTooLarge,
    /// The client broke off its body, or framed it wrongly.
    BodyBroken,
    /// The record could not be written before the app would have seen the request.
    AuditUnavailable,
    /// The app could not be reached.
    Unreachable,
    /// Whoever listens in the app's place could not prove to be it.
    UpstreamUntrusted,
    /// The app fails, and is left alone for a while.
    CircuitOpen,
    /// The app's answer is not sound HTTP.
    BadUpstream,
    /// The app did not answer in time.
    UpstreamTimeout,
    /// The app's answer cannot be read although something in it has to be hidden.
    Unredactable,
    /// The app's answer holds rows of somebody else.
    ForeignRows,
    /// A WebSocket is asked for on a route that takes none.
    NoWebSocket,
    /// The app's answer opens no WebSocket, or another one than was asked for.
    NotAWebSocket,
    /// Too much is going on already.
    Overloaded,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// One line for a person.
    pub title: &'static str,
}

const fn row(status: u16, code: &'static str, title: &'static str) -> Row {
    Row { status, code, title }
}

impl Refusal {
    /// The row of this ending.
    #[must_use]
    pub const fn row(&self) -> Row {
        match self {
            Self::Flawed(flaw) => flawed(*flaw),
            Self::Unclear(Unclear::Path) => row(400, "bad_path", "The path has no single reading."),
            Self::Unclear(Unclear::Query) => row(400, "bad_query", "The query is malformed."),
            Self::Unclear(Unclear::Host) => {
                row(400, "bad_host", "The request does not name exactly one host.")
            }
            Self::Misdirected => row(421, "misdirected", "The connection was made to another host."),
            Self::ProtectedHeader => {
                row(400, "protected_header", "The Connection header names a protected header.")
            }
            Self::ExpectationFailed => row(417, "expectation_failed", "This expectation is not supported."),
            Self::AmbiguousCredential => row(400, "ambiguous_credential", "Send exactly one credential."),
            Self::Unidentified => row(401, "unidentified", "A credential is required."),
            Self::BadCredential(why) => unproven(why),
            Self::TooManyFailures(_) => {
                row(429, "too_many_failures", "Too many credentials from this address failed.")
            }
            Self::Limited(limited) => of_limit(limited.limit),
            Self::WrongAudience => {
                row(403, "wrong_audience", "The credential was not issued for this part of the service.")
            }
            Self::BadTenantName => row(400, "bad_tenant", "The tenant is not named in a valid form."),
            Self::Tenancy(Disagreement::NoTenant) => {
                row(403, "no_tenant", "The caller belongs to no tenant.")
            }
            Self::Tenancy(Disagreement::Unknown(_)) => row(403, "unknown_tenant", "The tenant is not known."),
            Self::Tenancy(Disagreement::Mismatch(..)) | Self::DataKeyElsewhere => {
                row(403, "tenant_mismatch", "The request speaks for one tenant and asks about another.")
            }
            Self::NoRoute => row(404, "no_route", "There is no such route."),
            Self::MethodNotAllowed(_) => row(405, "method_not_allowed", "This route has other methods."),
            Self::BadDataKey => {
                row(400, "bad_data_key", "The request does not name its data in a valid form.")
            }
            Self::Maintenance(_) => {
                row(503, "maintenance", "The tenant is being worked on; come again later.")
            }
            Self::Denied => row(403, "denied", "Policy does not allow this."),
            Self::PolicyError => row(403, "policy_error", "Policy could not be evaluated for this."),
            Self::UnreadableBody => row(415, "unreadable_body", "The body cannot be read as its type says."),
            Self::GraphQl(why) => graphql(*why),
            Self::FieldDenied(_) => row(403, "field_denied", "The body sets what the caller may not set."),
            Self::InvalidBody(_) => row(422, "invalid_body", "The body is not as its schema says."),
            Self::ViewChanged => {
                row(412, "view_changed", "The entity tag belongs to another view of this data.")
            }
            Self::BodyTooLarge => row(413, "body_too_large", "The body is too large."),
            Self::BodyBroken => row(400, "bad_body", "The body ended early or was framed wrongly."),
            Self::AuditUnavailable => {
                row(503, "audit_unavailable", "The decision could not be put on record.")
            }
            Self::Unreachable => row(502, "unreachable", "The service behind could not be reached."),
            Self::UpstreamUntrusted => {
                row(502, "upstream_untrusted", "The service behind could not prove who it is.")
            }
            Self::CircuitOpen => {
                row(503, "circuit_open", "The service behind fails, and is left alone for a while.")
            }
            Self::BadUpstream => row(502, "bad_upstream", "The service behind gave an invalid answer."),
            Self::UpstreamTimeout => {
                row(504, "upstream_timeout", "The service behind did not answer in time.")
            }
            Self::Unredactable => row(502, "unredactable", "The answer could not be redacted."),
            Self::ForeignRows => row(502, "foreign_rows", "The answer holds data of somebody else."),
            Self::NoWebSocket => row(403, "no_websocket", "This route takes no WebSockets."),
            Self::NotAWebSocket => row(502, "not_a_websocket", "The service behind opened no WebSocket."),
            Self::Overloaded => row(503, "overloaded", "Too many requests are in progress."),
        }
    }

    /// What the record adds to the code: never content, always one of a closed set of words.
    #[must_use]
    pub fn detail(&self) -> Option<&'static str> {
        match self {
            Self::BadCredential(rejected) => Some(rejected.as_str()),
            Self::DataKeyElsewhere => Some("data_key"),
            Self::Tenancy(Disagreement::Mismatch(_, other) | Disagreement::Unknown(other)) => {
                Some(other.as_str())
            }
            Self::Flawed(_)
            | Self::Unclear(_)
            | Self::Misdirected
            | Self::ProtectedHeader
            | Self::ExpectationFailed
            | Self::AmbiguousCredential
            | Self::Unidentified
            | Self::TooManyFailures(_)
            | Self::Limited(_)
            | Self::WrongAudience
            | Self::BadTenantName
            | Self::Tenancy(Disagreement::NoTenant)
            | Self::NoRoute
            | Self::MethodNotAllowed(_)
            | Self::BadDataKey
            | Self::Maintenance(_)
            | Self::Denied
            | Self::PolicyError
            | Self::UnreadableBody
            | Self::GraphQl(_)
            | Self::FieldDenied(_)
            | Self::InvalidBody(_)
            | Self::ViewChanged
            | Self::BodyTooLarge
            | Self::BodyBroken
            | Self::AuditUnavailable
            | Self::Unreachable
            | Self::UpstreamUntrusted
            | Self::CircuitOpen
            | Self::BadUpstream
            | Self::UpstreamTimeout
            | Self::Unredactable
            | Self::ForeignRows
            | Self::NoWebSocket
            | Self::NotAWebSocket
            | Self::Overloaded => None,
        }
    }

    /// Where in the body it lies, and by what, as the client is told it: a JSON array. Never a value.
    #[must_use]
    pub fn errors(&self) -> Option<String> {
        // A pointer has the characters of names, digits and slashes; a keyword is a schema's word.
        let path = |pointer: &str| format!("\"path\":{}", serde_json::Value::from(pointer));
        let all: Vec<String> = if let Self::FieldDenied(places) = self {
            places.iter().map(|place| format!("{{{}}}", path(place))).collect()
        } else if let Self::InvalidBody(faults) = self {
            let keyword = |fault: &Fault| serde_json::Value::from(&*fault.keyword);
            let told = faults.iter();
            told.map(|fault| format!("{{{},\"keyword\":{}}}", path(&fault.pointer), keyword(fault))).collect()
        } else if *self == Self::GraphQl(Unspoken::Persisted) {
            // What clients of persisted queries wait for, to send the document after its hash.
            vec![PERSISTED.to_owned()]
        } else {
            return None;
        };
        Some(format!("[{}]", all.join(",")))
    }

    /// What `Allow` says, where the method was the reason.
    #[must_use]
    pub fn allow(&self) -> Option<&str> {
        if let Self::MethodNotAllowed(methods) = self {
            return Some(methods);
        }
        if *self == Self::GraphQl(Unspoken::Method) {
            return Some("POST");
        }
        matches!(self, Self::Flawed(guard::Flaw::Method))
            .then_some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    }

    /// After how many seconds it may be worth another try, where that is known.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        if let Self::Limited(limited) = self {
            return Some(limited.retry_s);
        }
        if let Self::TooManyFailures(wait_s) = self {
            return Some(*wait_s);
        }
        if let Self::Maintenance(seconds) = self {
            return Some((*seconds).into());
        }
        (self.row().status == 503).then_some(1)
    }

    /// The tenant whose limit it was too much for.
    #[must_use]
    pub fn limited_by(&self) -> Option<&TenantPath> {
        if let Self::Limited(limited) = self { Some(&limited.tenant) } else { None }
    }

    /// Must the connection close after the answer, because what follows on it can no longer be told apart?
    #[must_use]
    pub const fn closes(&self) -> bool {
        matches!(self, Self::Flawed(_) | Self::BodyTooLarge | Self::BodyBroken | Self::Overloaded)
    }
}

/// As servers of GraphQL say that they do not know a document.
const PERSISTED: &str =
    r#"{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}"#;

const fn graphql(why: Unspoken) -> Row {
    match why {
        Unspoken::Request => row(400, "graphql_request", "The request holds no GraphQL document."),
        Unspoken::Persisted => row(400, "graphql_persisted", "Send the GraphQL document itself."),
        Unspoken::Method => row(405, "graphql_method", "A GraphQL mutation is sent by POST."),
        Unspoken::Document(Flaw::Syntax) => {
            row(400, "graphql_syntax", "The GraphQL document cannot be read.")
        }
        Unspoken::Document(Flaw::Unclear) => {
            row(400, "graphql_unclear", "The GraphQL request has more than one reading.")
        }
        Unspoken::Document(Flaw::TooLarge) => {
            row(400, "graphql_too_large", "The GraphQL document is too large.")
        }
        Unspoken::Document(Flaw::Operation) => {
            row(400, "graphql_operation", "It is not clear which GraphQL operation is meant.")
        }
        Unspoken::Document(Flaw::Introspection) => {
            row(403, "graphql_introspection", "The GraphQL schema is not told.")
        }
        Unspoken::Document(Flaw::Incremental) => {
            row(400, "graphql_incremental", "Ask for the whole GraphQL answer at once.")
        }
        Unspoken::Document(Flaw::Mismatch) => {
            row(400, "graphql_mismatch", "The GraphQL document is not as its schema says.")
        }
        Unspoken::Document(Flaw::Ownerless) => {
            row(400, "graphql_ownerless", "The GraphQL document does not ask of each row whose it is.")
        }
    }
}

const fn of_limit(limit: Limit) -> Row {
    match limit {
        Limit::Requests => row(429, "rate_limited", "The tenant sends requests too fast."),
        Limit::Concurrent => row(429, "too_many_concurrent", "The tenant has too many requests in progress."),
        Limit::Bytes => row(429, "quota_spent", "The tenant's bytes of this day are spent."),
    }
}

const fn unproven(why: &Rejected) -> Row {
    if matches!(why, Rejected::NoKeys) {
        return row(503, "keys_unavailable", "The keys that would prove the credential are not there.");
    }
    row(401, "bad_credential", "The credential is not valid.")
}

const fn flawed(flaw: guard::Flaw) -> Row {
    use guard::Flaw;
    match flaw {
        Flaw::RequestLine => row(400, "bad_request_line", "The request line is malformed."),
        Flaw::Method => row(405, "method_not_allowed", "This method is not supported."),
        Flaw::Target => row(400, "bad_path", "The path has no single reading."),
        Flaw::TargetTooLong => row(414, "target_too_long", "The request target is too long."),
        Flaw::HeaderLine => row(400, "bad_header", "A header line is malformed."),
        Flaw::HeadTooLarge => row(431, "head_too_large", "The request head is too large."),
        Flaw::TooManyHeaders => row(431, "head_too_large", "The request has too many headers."),
        Flaw::ContentLength | Flaw::TransferEncoding | Flaw::Chunk => {
            row(400, "bad_framing", "The length of the body has more than one reading.")
        }
        Flaw::Forwarded => row(400, "bad_forwarded", "A proxy in front does not say clearly who calls."),
        Flaw::ProxyHeader => row(400, "bad_proxy_header", "The PROXY header is missing or malformed."),
    }
}
