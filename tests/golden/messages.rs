//! Messages of Protocol Buffers in cases: files of them compiled, bodies written and told in their text format.
//!
//! `=== x.proto` is such a file. A body of a content type of messages is written as text, each message after a line
//! `# proto-message: pkg.Type`; what comes out is told by the first type that the case names. Where an answer says
//! `grpc-encoding: gzip` its messages are compressed.
//! Never: knows what is hidden.

use std::path::Path;

use prost_reflect::DescriptorPool;
use prost_reflect::DynamicMessage;
use prost_reflect::prost::Message as _;
use prost_reflect::text_format::FormatOptions;

const NAMED: &str = "# proto-message: ";

/// The messages that a case has.
#[derive(Clone)]
pub(crate) struct Messages {
    pool: DescriptorPool,
    named: String,
    /// The descriptor set, as `protoc` writes it.
    pub(crate) set: Vec<u8>,
}

impl Messages {
    /// Those of the files in this folder.
    pub(crate) fn of(case: &str, folder: &Path, files: &[&str]) -> Option<Self> {
        if files.is_empty() {
            return None;
        }
        let mut compiler = protox::Compiler::new([folder]).unwrap();
        compiler.include_imports(true);
        for file in files {
            compiler.open_file(file).unwrap();
        }
        let set = compiler.encode_file_descriptor_set();
        let named = case.lines().find_map(|line| line.strip_prefix(NAMED)).unwrap_or_default();
        let named = named.trim().to_owned();
        Some(Self { pool: DescriptorPool::decode(&*set).unwrap(), named, set })
    }

    /// The bytes of a body with this head.
    pub(crate) fn written(&self, head: &str, body: &str) -> Option<Vec<u8>> {
        if !body.starts_with(NAMED) {
            return None;
        }
        let (is_framed, is_coded) = (kind(head)?, head.contains("grpc-encoding: gzip"));
        let parts = body.split(NAMED).filter(|part| !part.trim().is_empty());
        let bytes = parts.map(|part| {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            let kind = self.pool.get_message_by_name(name.trim()).unwrap();
            let message = DynamicMessage::parse_text_format(kind, text).unwrap().encode_to_vec();
            match (is_framed, is_coded) {
                (false, _) => message,
                (true, false) => framed(0, &message),
                (true, true) => framed(1, &super::gzip(&message)),
            }
        });
        Some(bytes.collect::<Vec<_>>().concat())
    }

    /// A body with this head, told.
    pub(crate) fn told(&self, head: &str, mut body: &[u8]) -> Option<String> {
        if body.is_empty() {
            return None;
        }
        if !kind(head)? {
            return Some(self.one(body));
        }
        let mut text = String::new();
        while let Some((length, rest)) = body.get(1..).and_then(|rest| rest.split_first_chunk::<4>()) {
            let (message, after) = rest.split_at(u32::from_be_bytes(*length) as usize);
            assert_eq!(body[0], 0, "what leaves is not compressed");
            text += &format!("# message\n{}", self.one(message));
            body = after;
        }
        assert_eq!(body, b"");
        Some(text)
    }

    fn one(&self, message: &[u8]) -> String {
        let kind = self.pool.get_message_by_name(&self.named).unwrap();
        let message = DynamicMessage::decode(kind, message).unwrap();
        let options = FormatOptions::new().pretty(true);
        format!("{}\n", message.to_text_format_with_options(&options).trim_end())
    }
}

/// Does a head say that its body is messages, and are they behind their lengths?
fn kind(head: &str) -> Option<bool> {
    let head = head.to_ascii_lowercase();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type:"))?.trim();
    match kind {
        "application/x-protobuf" => Some(false),
        "application/grpc" => Some(true),
        _ => None,
    }
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}
