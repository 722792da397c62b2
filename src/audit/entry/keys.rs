//! The names of a record's fields, each with the code that stands for it in the log.
//!
//! Never: loses a name or changes the order of those that are there. A new one goes to the end.

use crate::audit::line::Key;

macro_rules! keys {
    ($($name:literal,)*) => {
        /// Every name, in the order of their codes, which begin at 1.
        const ALL: &[Key] = &[$(Key {
            name: $name,
            first: concat!("\"", $name, "\":"),
            next: concat!(",\"", $name, "\":"),
        },)*];

        /// Every name of a field, in the order of their codes, which begin at 1.
        pub const KEYS: &[&str] = &[$($name,)*];
    };
}

keys![
    "action",
    "actor",
    "added",
    "after",
    "auth_method",
    "authorize",
    "before",
    "body",
    "bundle",
    "bundle_manifest",
    "bytes",
    "caller",
    "candidate",
    "cause",
    "changed",
    "claimed",
    "class",
    "classes",
    "code",
    "column",
    "count",
    "data_key",
    "decision",
    "decision_id",
    "detail",
    "directions",
    "disagreed",
    "dropped",
    "effect",
    "ended",
    "enforced",
    "errors",
    "event",
    "file",
    "foreign_rows",
    "generation",
    "groups",
    "hidden",
    "host",
    "http",
    "id",
    "identify",
    "issuer",
    "keys",
    "latency_us",
    "line",
    "looked_at",
    "mask",
    "message",
    "messages",
    "method",
    "mode",
    "new_denials",
    "now",
    "origin",
    "path",
    "pathway",
    "policies",
    "policy_id",
    "principal",
    "problems",
    "purpose",
    "reasons",
    "redact",
    "redactions",
    "removed",
    "request",
    "request_bytes",
    "request_id",
    "resource",
    "response",
    "response_bytes",
    "revealed",
    "roles",
    "route",
    "scopes",
    "settable",
    "severity",
    "shadow",
    "snapshot",
    "source",
    "source_ip",
    "span_id",
    "status",
    "stays",
    "tenant",
    "tenant_sources",
    "time",
    "total",
    "trace_id",
    "turned_back",
    "type",
    "uid",
    "unknown",
    "unrecorded",
    "unsettable",
    "upstream",
    "values",
    "version",
    "window_ms",
    "reason",
    "first",
    "last",
    "records",
    "root",
    "heads_root",
    "tenants",
    "seq",
    "segment",
    "signer",
    "next",
    "key_file",
    "level",
    "gap_bytes",
    "statement",
    "rows",
    "consumer",
    "hold",
    "until",
    "subject",
    "bytes_before",
    "bytes_after",
    "offset_ms",
    "clock",
    "log_id",
    "mirror",
    "book",
    "key",
    "since",
    "sink",
    "by",
    "gone",
    "pseudonyms",
    "limited_by",
];

const _: () = assert!(ALL.len() < 255);

/// The code of a name, told by the compiler, which refuses what is none.
macro_rules! key {
    ($name:literal) => {
        const {
            let code = $crate::audit::entry::code($name);
            assert!(code > 0, "the list of keys has no such name");
            code
        }
    };
}
pub(in crate::audit) use key;

/// The code of a name, or 0. Only for constants: it takes its time.
#[must_use]
pub const fn code(name: &str) -> u8 {
    let (mut rest, mut code) = (KEYS, 1);
    while let [first, further @ ..] = rest {
        if same(first.as_bytes(), name.as_bytes()) {
            return code;
        }
        (rest, code) = (further, code + 1);
    }
    0
}

const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    loop {
        match (one, other) {
            ([], []) => return true,
            ([a, ones @ ..], [b, others @ ..]) if *a == *b => (one, other) = (ones, others),
            _ => return false,
        }
    }
}

/// The name that a code stands for, where there is one.
#[must_use]
pub fn name(code: u8) -> Option<&'static str> {
    KEYS.get(usize::from(code).checked_sub(1)?).copied()
}

/// The same, as a JSON line spells it.
pub(super) fn spelling(code: u8) -> Option<&'static Key> {
    ALL.get(usize::from(code).checked_sub(1)?)
}
