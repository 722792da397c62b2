//! `x-forwarded-client-cert`, as Envoy and the meshes built on it write it: who showed which certificate, hop by hop.
//!
//! Elements are split by `,`, their pairs by `;`; a value that has one of these is in quotes, in which `\"` is a quote. The last
//! element is of the nearest hop: of who connected to the proxy that connects to us.
//! Never: is read of anybody but a trusted peer, or takes a text that has two readings.

use crate::limits;

use super::spiffe::SpiffeId;

/// What the nearest hop showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A certificate of this workload.
    Workload(SpiffeId),
    /// A certificate that names no workload, or more than one.
    Nobody,
}

/// The keys that an element may have; each but `URI` and `DNS` once.
const KEYS: [&str; 8] = ["by", "hash", "cert", "chain", "subject", "uri", "dns", "issuer"];

/// Reads the one header line. `None`: it cannot be read.
#[must_use]
pub fn nearest(line: &[u8]) -> Option<Shown> {
    let elements = split(line, b',')?;
    if elements.len() > limits::HOPS_MAX {
        return None;
    }
    let mut last = None;
    for element in elements {
        last = Some(read(element)?);
    }
    last
}

fn read(element: &[u8]) -> Option<Shown> {
    let mut seen = [false; KEYS.len()];
    let mut uris = Vec::new();
    for pair in split(element, b';')? {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (pair.get(..at)?, value(pair.get(at + 1..)?)?);
        let found = KEYS.iter().position(|known| key.eq_ignore_ascii_case(known.as_bytes()))?;
        let many = matches!(KEYS.get(found), Some(&("uri" | "dns" | "by")));
        if std::mem::replace(seen.get_mut(found)?, true) && !many {
            return None;
        }
        // Envoy writes the key without a value where the certificate has no such name.
        if KEYS.get(found) == Some(&"uri") && !value.is_empty() {
            uris.push(value);
        }
    }
    Some(match &uris[..] {
        [uri] => SpiffeId::parse(uri).map_or(Shown::Nobody, Shown::Workload),
        _ => Shown::Nobody,
    })
}

/// The parts between separators that stand in no quotes. There is always one.
fn split(text: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if *byte == separator && !quoted => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            // Control characters, and what is not ASCII outside of quotes, occur in none.
            0..=0x1f | 0x7f => return None,
            _ => {}
        }
    }
    if quoted || escaped {
        return None;
    }
    parts.push(text.get(start..)?);
    Some(parts)
}

/// The text of a value: all of it in quotes, or none of it.
fn value(written: &[u8]) -> Option<Vec<u8>> {
    let Some(inner) = written.strip_prefix(b"\"") else {
        let plain = written.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        return plain.then(|| written.to_vec());
    };
    let inner = inner.strip_suffix(b"\"")?;
    let (mut text, mut escaped) = (Vec::with_capacity(inner.len()), false);
    for byte in inner {
        match byte {
            b'\\' if !escaped => escaped = true,
            b'"' if !escaped => return None,
            _ => {
                text.push(*byte);
                escaped = false;
            }
        }
    }
    (!escaped).then_some(text)
}
