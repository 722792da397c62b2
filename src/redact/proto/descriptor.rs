//! Descriptor sets (`FileDescriptorSet`, what `protoc --descriptor_set_out` writes): which message has which fields.
//!
//! Never: takes a set in which a message refers to one that is not there.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::ids::Digest;
use crate::limits;

use super::wire;
use super::wire::Value;

/// The option of a field that names its data classes: an extension of `google.protobuf.FieldOptions`, of strings.
pub const CLASS_OPTION: u32 = 57_310;

/// What is wrong with a descriptor set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadDescriptors(pub String);

impl fmt::Display for BadDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadDescriptors {}

/// How a field's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number of this wire type, and how it is read from a varint.
    Varint(Number),
    Fixed64 {
        is_float: bool,
        is_signed: bool,
    },
    Fixed32 {
        is_float: bool,
        is_signed: bool,
    },
    Text,
    Bytes,
    /// The place of its message.
    Message(usize),
}

/// How a number is read from a varint. Readers cut one that is too wide for its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Bool,
    Enum,
}

/// The messages that a body is of.
#[derive(Debug, Clone)]
pub(in crate::redact) struct Messages {
    pub(in crate::redact) descriptors: Arc<Descriptors>,
    /// The place of the message that is the document.
    pub(in crate::redact) root: usize,
    pub(in crate::redact) unknown: Unknown,
}

/// What becomes of a field that the descriptors do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// It is left out.
    #[default]
    Drop,
    /// The message is refused.
    Refuse,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) json_name: Box<str>,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
    /// Must it be there?
    pub(super) is_required: bool,
    /// The number of its `oneof`.
    pub(super) oneof: Option<u32>,
    pub(super) classes: Vec<Box<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) name: Box<str>,
    pub(super) fields: BTreeMap<u32, Field>,
    pub(super) special: Special,
    /// Has it a `oneof` of several fields?
    pub(super) has_oneofs: bool,
    /// Has it a message that is no item of a list?
    pub(super) has_single_messages: bool,
}

/// Messages that are not read as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Special {
    #[default]
    No,
    /// A key and a value of a map.
    MapEntry,
    /// Its fields stand for themselves in JSON.
    Transparent,
    /// It says of which type the message in it is.
    Any,
}

/// Messages whose fields stand for themselves in JSON.
const TRANSPARENT: [&str; 12] = [
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "google.protobuf.DoubleValue",
    "google.protobuf.FloatValue",
    "google.protobuf.Int64Value",
    "google.protobuf.UInt64Value",
    "google.protobuf.Int32Value",
    "google.protobuf.UInt32Value",
    "google.protobuf.BoolValue",
    "google.protobuf.StringValue",
    "google.protobuf.BytesValue",
];

/// A message that says of which type the one in it is.
const ANY: &str = "google.protobuf.Any";

impl Field {
    /// Is 0, or nothing, what readers take for it where it is not there?
    pub(super) const fn is_zero_absent(&self) -> bool {
        !self.is_repeated && !self.is_required && self.oneof.is_none()
    }
}

impl Kind {
    /// Is it a number, of which many may be packed?
    pub(super) const fn is_number(self) -> bool {
        match self {
            Self::Varint(_) | Self::Fixed32 { .. } | Self::Fixed64 { .. } => true,
            Self::Text | Self::Bytes | Self::Message(_) => false,
        }
    }

    /// Is a value of this kind written so?
    pub(super) const fn is_of(self, value: Value<'_>) -> bool {
        match self {
            Self::Varint(_) => matches!(value, Value::Varint(_)),
            Self::Fixed32 { .. } => matches!(value, Value::Fixed32(_)),
            Self::Fixed64 { .. } => matches!(value, Value::Fixed64(_)),
            Self::Text | Self::Bytes | Self::Message(_) => matches!(value, Value::Bytes(_)),
        }
    }
}

/// All messages of one or more descriptor sets.
#[derive(Debug)]
pub struct Descriptors {
    pub(super) messages: Vec<Message>,
    names: HashMap<Box<str>, usize>,
    pub(in crate::redact) digest: Digest,
}

/// A field before the message that it holds is found.
struct Draft {
    number: u32,
    kind: u64,
    type_name: String,
    extendee: String,
    field: Field,
}

#[derive(Default)]
struct Collected {
    messages: Vec<(Message, Vec<Draft>)>,
    extensions: Vec<Draft>,
}

impl Descriptors {
    /// Reads a descriptor set.
    ///
    /// # Errors
    /// When the bytes are none, or name a message that is not in it (it was written without `--include_imports`).
    pub fn parse(bytes: &[u8]) -> Result<Self, BadDescriptors> {
        let bad = || {
            BadDescriptors("it is no descriptor set, as `protoc --descriptor_set_out` writes it".to_owned())
        };
        let mut all = Collected::default();
        for (_, value) in fields(bytes, 1).ok_or_else(bad)? {
            file(value, &mut all).ok_or_else(bad)?;
        }
        if all.messages.is_empty() {
            return Err(bad());
        }
        let mut names = HashMap::new();
        for (at, (message, _)) in all.messages.iter().enumerate() {
            if names.insert(message.name.clone(), at).is_some() {
                return Err(BadDescriptors(format!("it has the message `{}` twice", message.name)));
            }
        }
        let Collected { mut messages, extensions } = all;
        for draft in extensions {
            let at = names.get(draft.extendee.trim_start_matches('.'));
            // Options of descriptors are extensions too, of messages that nobody sends.
            if let Some((_, drafts)) = at.and_then(|at| messages.get_mut(*at)) {
                drafts.push(draft);
            }
        }
        let mut finished = Vec::with_capacity(messages.len());
        for (mut message, drafts) in messages {
            for mut draft in drafts {
                draft.field.kind = kind(&draft, &names)?;
                if message.fields.insert(draft.number, draft.field).is_some() {
                    let message = format!("`{}` has the field {} twice", message.name, draft.number);
                    return Err(BadDescriptors(message));
                }
            }
            let mut oneofs = HashSet::new();
            let mut numbers = message.fields.values().filter_map(|field| field.oneof);
            message.has_oneofs = numbers.any(|number| !oneofs.insert(number));
            let is_single = |field: &Field| !field.is_repeated && matches!(field.kind, Kind::Message(_));
            message.has_single_messages = message.fields.values().any(is_single);
            finished.push(message);
        }
        Ok(Self { messages: finished, names, digest: Digest::of(bytes) })
    }

    /// The place of a message by its full name, `pkg.Type`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The full names of all messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.messages
            .iter()
            .filter(|message| message.special != Special::MapEntry)
            .map(|message| &*message.name)
    }

    /// The fields that name a data class, as `pkg.Type.field`, each with its classes.
    pub fn classified(&self) -> impl Iterator<Item = (String, &[Box<str>])> {
        self.messages.iter().flat_map(|message| {
            let fields = message.fields.values().filter(|field| !field.classes.is_empty());
            fields.map(|field| (format!("{}.{}", message.name, field.name), &*field.classes))
        })
    }
}

/// The values of one field of bytes, in order.
fn fields(message: &[u8], wanted: u32) -> Option<Vec<(u32, &[u8])>> {
    let mut found = Vec::new();
    for field in wire::fields(message) {
        if let (number, Value::Bytes(bytes)) = field?
            && number == wanted
        {
            found.push((number, bytes));
        }
    }
    Some(found)
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// `FileDescriptorProto`.
fn file(bytes: &[u8], all: &mut Collected) -> Option<()> {
    let package = match fields(bytes, 2)?.last() {
        Some((_, package)) => text(package)?,
        None => String::new(),
    };
    for (_, message) in fields(bytes, 4)? {
        self::message(message, &package, 0, all)?;
    }
    for (_, extension) in fields(bytes, 7)? {
        all.extensions.push(field(extension, Some(&package))?);
    }
    Some(())
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// `DescriptorProto`.
fn message(bytes: &[u8], scope: &str, depth: usize, all: &mut Collected) -> Option<()> {
    if depth > limits::PROTOBUF_NESTED_TYPES_MAX || all.messages.len() >= limits::PROTOBUF_MESSAGES_MAX {
        return None;
    }
    let name = join(scope, &text(fields(bytes, 1)?.last()?.1)?);
    let special = match &*name {
        ANY => Special::Any,
        name if TRANSPARENT.contains(&name) => Special::Transparent,
        _ => Special::No,
    };
    let mut message = Message { name: name.clone().into(), special, ..Message::default() };
    for (_, options) in fields(bytes, 7)? {
        for option in wire::fields(options) {
            if let (7, Value::Varint(1..)) = option? {
                message.special = Special::MapEntry;
            }
        }
    }
    let drafts = fields(bytes, 2)?.into_iter().map(|(_, bytes)| field(bytes, None));
    let drafts = drafts.collect::<Option<Vec<_>>>()?;
    all.messages.push((message, drafts));
    for (_, nested) in fields(bytes, 3)? {
        self::message(nested, &name, depth + 1, all)?;
    }
    for (_, extension) in fields(bytes, 6)? {
        all.extensions.push(field(extension, Some(&name))?);
    }
    Some(())
}

/// `FieldDescriptorProto`; of an extension in this scope, which gives it its full name.
fn field(bytes: &[u8], scope: Option<&str>) -> Option<Draft> {
    let (mut name, mut json_name, mut classes) = (None, None, Vec::new());
    let (mut number, mut kind, mut label, mut oneof) = (0, 0, 0, None);
    let (mut type_name, mut extendee) = (String::new(), String::new());
    for part in wire::fields(bytes) {
        match part? {
            (1, Value::Bytes(bytes)) => name = Some(text(bytes)?),
            (2, Value::Bytes(bytes)) => extendee = text(bytes)?,
            (3, Value::Varint(found)) => number = u32::try_from(found).ok()?,
            (4, Value::Varint(found)) => label = found,
            (5, Value::Varint(found)) => kind = found,
            (6, Value::Bytes(bytes)) => type_name = text(bytes)?,
            (8, Value::Bytes(options)) => {
                for (_, class) in fields(options, CLASS_OPTION)? {
                    classes.push(text(class)?.into());
                }
            }
            (9, Value::Varint(found)) => oneof = Some(u32::try_from(found).ok()?),
            (10, Value::Bytes(bytes)) => json_name = Some(text(bytes)?),
            _ => {}
        }
    }
    let name = name?;
    let json_name = match scope {
        Some(scope) => format!("[{}]", join(scope, &name)),
        None => json_name.unwrap_or_else(|| name.clone()),
    };
    let field = Field {
        name: name.into(),
        json_name: json_name.into(),
        kind: Kind::Bytes,
        is_repeated: label == 3,
        is_required: label == 2,
        oneof,
        classes,
    };
    Some(Draft { number, kind, type_name, extendee, field })
}

fn kind(draft: &Draft, names: &HashMap<Box<str>, usize>) -> Result<Kind, BadDescriptors> {
    Ok(match draft.kind {
        1 => Kind::Fixed64 { is_float: true, is_signed: true },
        2 => Kind::Fixed32 { is_float: true, is_signed: true },
        3 => Kind::Varint(Number::Int64),
        4 => Kind::Varint(Number::Uint64),
        5 => Kind::Varint(Number::Int32),
        6 => Kind::Fixed64 { is_float: false, is_signed: false },
        7 => Kind::Fixed32 { is_float: false, is_signed: false },
        8 => Kind::Varint(Number::Bool),
        9 => Kind::Text,
        11 => {
            let name = draft.type_name.trim_start_matches('.');
            let missing = || {
                let message = format!("it has no message `{name}`: write it with `protoc --include_imports`");
                BadDescriptors(message)
            };
            Kind::Message(names.get(name).copied().ok_or_else(missing)?)
        }
        // A group has no length that could be skipped: where one is sent, the message is refused.
        10 | 12 => Kind::Bytes,
        13 => Kind::Varint(Number::Uint32),
        14 => Kind::Varint(Number::Enum),
        15 => Kind::Fixed32 { is_float: false, is_signed: true },
        16 => Kind::Fixed64 { is_float: false, is_signed: true },
        17 => Kind::Varint(Number::Sint32),
        18 => Kind::Varint(Number::Sint64),
        _ => {
            let message = format!("the field `{}` is of a type that is not known", draft.field.name);
            return Err(BadDescriptors(message));
        }
    })
}
