//! PEM (RFC 7468): the lines around a key in base64, as OpenSSL reads and writes them.
//!
//! Never: opens a file, or takes more than one block of a kind for a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is between the lines of a PEM text, which must have one block, and of this kind.
#[must_use]
pub fn read(text: &str, kind: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {kind}-----"))?;
    let (body, rest) = rest.split_once(&format!("-----END {kind}-----"))?;
    if rest.contains("-----BEGIN") {
        return None;
    }
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}

/// The PEM text of some bytes.
#[must_use]
pub fn write(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
