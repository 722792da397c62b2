//! What a mask leaves of one value of a message, in the type that its field has.
//!
//! Never: leaves more of a value than its mask does.

use crate::limits;
use crate::redact::field::spelled;
use crate::redact::mask;
use crate::redact::mask::Scalar;
use crate::redact::plan::Plan;
use crate::redact::plan::Rule;

use super::descriptor::Kind;
use super::descriptor::Number;
use super::wire;
use super::wire::Value;

/// How an act hides.
pub(super) fn rule_of(plan: &Plan, act: u16) -> &Rule {
    plan.act(act).mask.as_ref().unwrap_or(&Rule::Drop)
}

/// Is nothing left of a single value under this rule?
pub(super) fn is_nothing(rule: &Rule) -> bool {
    match rule {
        Rule::Drop => true,
        Rule::Text(json) => json == b"null",
        Rule::Typed | Rule::Made(_) => false,
    }
}

/// A text, or bytes, as it may be seen.
pub(super) fn masked_text(plan: &Plan, rule: u16, kind: Kind, bytes: &[u8]) -> String {
    if kind != Kind::Text {
        return String::new();
    }
    let hidden = || mask::REDACTED.to_owned();
    match rule_of(plan, rule) {
        Rule::Drop => String::new(),
        Rule::Text(json) => spelled(json),
        Rule::Typed => hidden(),
        Rule::Made(made) if made.looks_at(b'"') && bytes.len() <= limits::MASKED_VALUE_BYTES_MAX => {
            let Ok(text) = std::str::from_utf8(bytes) else { return hidden() };
            let mut json = Vec::new();
            made.write(plan.key.as_ref(), Scalar::Text(text), &mut json);
            spelled(&json)
        }
        Rule::Made(_) => hidden(),
    }
}

/// A number as it may be seen: what a mask makes of it if that is one of its kind, or 0.
pub(super) fn masked_number<'v>(plan: &Plan, rule: u16, kind: Kind, value: Value<'v>) -> Value<'v> {
    let nothing = match value {
        Value::Fixed32(_) => Value::Fixed32([0; 4]),
        Value::Fixed64(_) => Value::Fixed64([0; 8]),
        Value::Varint(_) | Value::Bytes(_) => Value::Varint(0),
    };
    let (Rule::Made(made), Kind::Varint(of)) = (rule_of(plan, rule), kind) else { return nothing };
    let mut json = Vec::new();
    match told(kind, Some(value)).filter(|_| made.looks_at(b'0')) {
        Some(text) => made.write(plan.key.as_ref(), Scalar::Number(&text), &mut json),
        None => return nothing,
    }
    let made = spelled(&json);
    let number = match of {
        Number::Int32 | Number::Int64 => made.parse().ok().map(i64::cast_unsigned),
        Number::Uint32 | Number::Uint64 => made.parse().ok(),
        Number::Sint32 | Number::Sint64 => made.parse().ok().map(zigzag),
        Number::Bool | Number::Enum => None,
    };
    number.map_or(nothing, Value::Varint)
}

/// The first of packed numbers, and the others.
pub(super) fn unpacked(kind: Kind, packed: &[u8]) -> Option<(Value<'_>, &[u8])> {
    match kind {
        Kind::Varint(_) => wire::varint(packed).map(|(number, rest)| (Value::Varint(number), rest)),
        Kind::Fixed32 { .. } => {
            packed.split_first_chunk().map(|(bytes, rest)| (Value::Fixed32(*bytes), rest))
        }
        Kind::Fixed64 { .. } => {
            packed.split_first_chunk().map(|(bytes, rest)| (Value::Fixed64(*bytes), rest))
        }
        Kind::Text | Kind::Bytes | Kind::Message(_) => None,
    }
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -((raw & 1).cast_signed())
}

/// So much of a varint as a field of 32 bits keeps.
const fn low(raw: u64) -> u32 {
    let [a, b, c, d, ..] = raw.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A number, or the key of a map, as JSON writes it; of one that is not there, what stands for it. `None` for what JSON
/// writes as neither a text nor a whole number.
pub(super) fn told(kind: Kind, value: Option<Value<'_>>) -> Option<String> {
    Some(match (kind, value) {
        (Kind::Text, None) => String::new(),
        (Kind::Text, Some(Value::Bytes(bytes))) => std::str::from_utf8(bytes).ok()?.to_owned(),
        (Kind::Varint(number), value @ (None | Some(Value::Varint(_)))) => {
            let raw = if let Some(Value::Varint(raw)) = value { raw } else { 0 };
            match number {
                Number::Int32 | Number::Enum => low(raw).cast_signed().to_string(),
                Number::Int64 => raw.cast_signed().to_string(),
                Number::Uint32 => low(raw).to_string(),
                Number::Uint64 => raw.to_string(),
                Number::Sint32 => unzigzag(u64::from(low(raw))).to_string(),
                Number::Sint64 => unzigzag(raw).to_string(),
                Number::Bool => (raw != 0).to_string(),
            }
        }
        (Kind::Fixed32 { is_float: false, is_signed }, value @ (None | Some(Value::Fixed32(_)))) => {
            let raw = if let Some(Value::Fixed32(raw)) = value { raw } else { [0; 4] };
            if is_signed { i32::from_le_bytes(raw).to_string() } else { u32::from_le_bytes(raw).to_string() }
        }
        (Kind::Fixed64 { is_float: false, is_signed }, value @ (None | Some(Value::Fixed64(_)))) => {
            let raw = if let Some(Value::Fixed64(raw)) = value { raw } else { [0; 8] };
            if is_signed { i64::from_le_bytes(raw).to_string() } else { u64::from_le_bytes(raw).to_string() }
        }
        _ => return None,
    })
}

/// A value made anew.
pub(super) enum Made {
    Value(Value<'static>),
    Text(String),
}

impl Made {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Value(value) => *value,
            Self::Text(text) => Value::Bytes(text.as_bytes()),
        }
    }
}

impl Kind {
    /// What stands for nothing.
    pub(super) const fn zero(self) -> Made {
        Made::Value(match self {
            Self::Varint(_) => Value::Varint(0),
            Self::Fixed32 { .. } => Value::Fixed32([0; 4]),
            Self::Fixed64 { .. } => Value::Fixed64([0; 8]),
            Self::Text | Self::Bytes | Self::Message(_) => Value::Bytes(&[]),
        })
    }
}

/// A number of rows, or its text, less so many; `None` where it counts none, or fewer.
pub(super) fn less(kind: Kind, value: Value<'_>, taken: u64) -> Option<Made> {
    let left = owner_text(kind, value)?.parse::<u64>().ok()?.checked_sub(taken)?;
    Some(match kind {
        Kind::Text | Kind::Bytes => Made::Text(left.to_string()),
        Kind::Varint(Number::Sint32 | Number::Sint64) => {
            Made::Value(Value::Varint(zigzag(left.cast_signed())))
        }
        Kind::Varint(_) => Made::Value(Value::Varint(left)),
        Kind::Fixed32 { .. } => Made::Value(Value::Fixed32(u32::try_from(left).ok()?.to_le_bytes())),
        Kind::Fixed64 { .. } => Made::Value(Value::Fixed64(left.to_le_bytes())),
        Kind::Message(_) => return None,
    })
}

/// What names the owner of a row, as its text; `None` for what can name none.
pub(super) fn owner_text(kind: Kind, value: Value<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Text | Kind::Bytes, Value::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        (Kind::Varint(Number::Bool | Number::Enum) | Kind::Message(_), _) => None,
        (Kind::Varint(_) | Kind::Fixed32 { .. } | Kind::Fixed64 { .. } | Kind::Text | Kind::Bytes, _) => {
            told(kind, Some(value))
        }
    }
}
