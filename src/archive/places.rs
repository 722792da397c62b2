//! Which field of a record goes into which column.
//!
//! Never: changes what a number of a column stands for: those are in the files. A new column goes to the end of its list.

use std::sync::OnceLock;

use crate::audit::entry;

/// How a text of a column is spelled in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Text,
    /// The id of a decision.
    Id,
    /// So many bytes, as hexadecimal digits.
    Hex(usize),
    /// An address.
    Ip,
}

/// Columns of one text each, with how the record spells it.
pub const TEXTS: [(&str, Form); 23] = [
    ("decision_id", Form::Id),
    ("request_id", Form::Text),
    ("trace_id", Form::Hex(16)),
    ("span_id", Form::Hex(8)),
    ("tenant", Form::Text),
    ("data_key", Form::Text),
    ("principal", Form::Text),
    ("principal_type", Form::Text),
    ("principal_tenant", Form::Text),
    ("action", Form::Text),
    ("resource", Form::Text),
    ("decision", Form::Text),
    ("code", Form::Text),
    ("detail", Form::Text),
    ("purpose", Form::Text),
    ("pathway", Form::Text),
    ("method", Form::Text),
    ("path", Form::Text),
    ("route", Form::Text),
    ("source_ip", Form::Ip),
    ("snapshot", Form::Hex(32)),
    ("event", Form::Text),
    ("ended", Form::Text),
];

/// Columns of one number each.
pub const NUMBERS: [&str; 9] = [
    "status",
    "identify_us",
    "authorize_us",
    "upstream_us",
    "redact_us",
    "total_us",
    "request_bytes",
    "response_bytes",
    "count",
];

/// Columns of a list of texts.
pub const LISTS: [&str; 6] = ["policies", "errors", "revealed", "hidden", "redacted", "roles"];

/// Columns of a list of numbers.
pub const COUNTS: [&str; 1] = ["redacted_counts"];

/// A column that values of records go to, as the files number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Text(usize),
    Number(usize),
    List(usize),
    Count(usize),
    /// The time that policies saw: the record's own, in whole steps. It takes no column.
    Now,
}

/// Where the numbers of the kinds of columns begin.
const NUMBER: usize = 64;
const LIST: usize = 96;
const COUNT: usize = 112;
const NOW: usize = 127;
const _: () = assert!(TEXTS.len() <= NUMBER && NUMBERS.len() <= LIST - NUMBER);
const _: () = assert!(LISTS.len() <= COUNT - LIST && COUNTS.len() < NOW - COUNT);

impl Slot {
    pub(super) fn code(self) -> u8 {
        let code = match self {
            Self::Text(at) => at,
            Self::Number(at) => NUMBER + at,
            Self::List(at) => LIST + at,
            Self::Count(at) => COUNT + at,
            Self::Now => NOW,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        let code = usize::from(code);
        let (slot, at, length) = match code {
            NOW => return Some(Self::Now),
            COUNT.. => (Self::Count as fn(usize) -> Self, code - COUNT, COUNTS.len()),
            LIST.. => (Self::List as fn(usize) -> Self, code - LIST, LISTS.len()),
            NUMBER.. => (Self::Number as fn(usize) -> Self, code - NUMBER, NUMBERS.len()),
            _ => (Self::Text as fn(usize) -> Self, code, TEXTS.len()),
        };
        (at < length).then(|| slot(at))
    }
}

/// Where in a record the columns' values stand; `[]` is an item of a list.
const PLACES: &[(&str, &str)] = &[
    ("decision_id", "decision_id"),
    ("request_id", "request_id"),
    ("trace_id", "trace_id"),
    ("span_id", "span_id"),
    ("tenant", "tenant"),
    ("data_key", "data_key"),
    ("principal.id", "principal"),
    ("principal.type", "principal_type"),
    ("principal.tenant", "principal_tenant"),
    ("principal.roles.[]", "roles"),
    ("action", "action"),
    ("resource", "resource"),
    ("decision", "decision"),
    ("code", "code"),
    ("detail", "detail"),
    ("purpose", "purpose"),
    ("pathway", "pathway"),
    ("http.method", "method"),
    ("http.path", "path"),
    ("http.route", "route"),
    ("http.status", "status"),
    ("status", "status"),
    ("source_ip", "source_ip"),
    ("snapshot", "snapshot"),
    ("event", "event"),
    ("ended", "ended"),
    ("reasons.[].policy_id", "policies"),
    ("reasons.[]", "policies"),
    ("policies.[]", "policies"),
    ("errors.[]", "errors"),
    ("classes.revealed.[]", "revealed"),
    ("classes.hidden.[].class", "hidden"),
    ("redactions.[].class", "redacted"),
    ("redactions.[].count", "redacted_counts"),
    ("latency_us.identify", "identify_us"),
    ("latency_us.authorize", "authorize_us"),
    ("latency_us.upstream", "upstream_us"),
    ("latency_us.redact", "redact_us"),
    ("latency_us.total", "total_us"),
    ("request_bytes", "request_bytes"),
    ("response_bytes", "response_bytes"),
    ("count", "count"),
    ("now", ""),
];

/// The places of a record as a machine: a state for each, and from each the next by the code of a key (0: an item).
pub(super) struct Places {
    next: Vec<[u8; 256]>,
    slots: Vec<Option<Slot>>,
    /// The lists that a value at this place opens.
    opens: Vec<Vec<Slot>>,
}

/// The state of what no column holds.
pub(super) const NOWHERE: u8 = u8::MAX;

/// The state of a record itself.
pub(super) const ROOT: u8 = 0;

impl Places {
    pub(super) fn get() -> &'static Self {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(Self::build)
    }

    pub(super) fn next(&self, state: u8, key: u8) -> u8 {
        let after = self.next.get(usize::from(state)).and_then(|next| next.get(usize::from(key)));
        after.copied().unwrap_or(NOWHERE)
    }

    pub(super) fn slot(&self, state: u8) -> Option<Slot> {
        self.slots.get(usize::from(state)).copied().flatten()
    }

    pub(super) fn opens(&self, state: u8) -> &[Slot] {
        self.opens.get(usize::from(state)).map_or(&[], Vec::as_slice)
    }

    fn build() -> Self {
        let mut places = Self { next: Vec::new(), slots: Vec::new(), opens: Vec::new() };
        places.state();
        for (path, column) in PLACES {
            let (mut state, mut list) = (ROOT, None);
            for part in path.split('.') {
                if part == "[]" {
                    list = list.or(Some(state));
                }
                let code = if part == "[]" { 0 } else { code(part) };
                state = places.child(state, code);
            }
            let slot = slot_of(column);
            if let Some(place) = places.slots.get_mut(usize::from(state)) {
                *place = slot;
            }
            if let (Some(slot), Some(list)) = (slot, list)
                && let Some(opens) = places.opens.get_mut(usize::from(list))
                && !opens.contains(&slot)
            {
                opens.push(slot);
            }
        }
        places
    }

    fn state(&mut self) -> u8 {
        self.next.push([NOWHERE; 256]);
        self.slots.push(None);
        self.opens.push(Vec::new());
        // The list above is far shorter.
        u8::try_from(self.next.len().saturating_sub(1)).unwrap_or(NOWHERE)
    }

    fn child(&mut self, state: u8, code: u8) -> u8 {
        let known = self.next(state, code);
        if known != NOWHERE {
            return known;
        }
        let new = self.state();
        let place = self.next.get_mut(usize::from(state)).and_then(|next| next.get_mut(usize::from(code)));
        if let Some(place) = place {
            *place = new;
        }
        new
    }
}

fn code(name: &str) -> u8 {
    let at = entry::KEYS.iter().position(|key| *key == name);
    at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(NOWHERE)
}

fn slot_of(column: &str) -> Option<Slot> {
    if column.is_empty() {
        return Some(Slot::Now);
    }
    let text = TEXTS.iter().position(|(name, _)| *name == column).map(Slot::Text);
    let number = NUMBERS.iter().position(|name| *name == column).map(Slot::Number);
    let list = LISTS.iter().position(|name| *name == column).map(Slot::List);
    let count = COUNTS.iter().position(|name| *name == column).map(Slot::Count);
    text.or(number).or(list).or(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_column_and_every_key_a_code() {
        for (path, column) in PLACES {
            assert!(slot_of(column).is_some(), "{path}: no column `{column}`");
            for part in path.split('.').filter(|part| *part != "[]") {
                assert!(entry::KEYS.contains(&part), "{path}: no key `{part}`");
            }
        }
        assert!(Places::get().next.len() < usize::from(NOWHERE));
    }

    #[test]
    fn a_columns_number_reads_back() {
        let texts = (0..TEXTS.len()).map(Slot::Text);
        let numbers = (0..NUMBERS.len()).map(Slot::Number);
        let lists = (0..LISTS.len()).map(Slot::List);
        let all = texts.chain(numbers).chain(lists).chain([Slot::Count(0), Slot::Now]);
        let mut seen = std::collections::BTreeSet::new();
        for slot in all {
            assert_eq!(Slot::from_code(slot.code()), Some(slot));
            assert!(slot.code() < 128 && seen.insert(slot.code()));
        }
        assert_eq!(Slot::from_code(63), None);
    }
}
