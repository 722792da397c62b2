//! SPIFFE ids: the names of workloads, and the certificates (X.509-SVID) that prove them.
//!
//! The grammar is that of the SPIFFE-ID standard, section 2, byte by byte: nothing is decoded, folded or normalised, so that an id
//! has one spelling.
//! Never: takes a certificate with two names, one that may sign others, or a name without a path.

use std::fmt;
use std::sync::Arc;

use crate::limits;

use super::leaf::Leaf;

/// The scheme of every id.
const SCHEME: &str = "spiffe://";

/// The name of a workload: `spiffe://trust.domain/path`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: Arc<str>,
    /// Where the trust domain ends and the path begins.
    path_at: usize,
}

/// Why a text is no SPIFFE id of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnId {
    /// It is longer than [`limits::SPIFFE_ID_BYTES_MAX`], or its trust domain than [`limits::TRUST_DOMAIN_BYTES_MAX`].
    TooLong,
    /// It does not begin with `spiffe://`, in this spelling.
    Scheme,
    /// The trust domain is empty or has something else than `[a-z0-9._-]`.
    TrustDomain,
    /// The path is missing, has an empty segment, `.` or `..`, or something else than `[A-Za-z0-9._-]` and `/`.
    Path,
}

impl SpiffeId {
    /// Reads an id.
    ///
    /// # Errors
    /// Whenever it is not in the one spelling that an id has.
    pub fn parse(text: &[u8]) -> Result<Self, NotAnId> {
        if text.len() > limits::SPIFFE_ID_BYTES_MAX {
            return Err(NotAnId::TooLong);
        }
        let rest = text.strip_prefix(SCHEME.as_bytes()).ok_or(NotAnId::Scheme)?;
        let slash = rest.iter().position(|byte| *byte == b'/');
        let domain = rest.get(..slash.unwrap_or(rest.len())).unwrap_or_default();
        if !is_trust_domain(domain) {
            let too_long = domain.len() > limits::TRUST_DOMAIN_BYTES_MAX;
            return Err(if too_long { NotAnId::TooLong } else { NotAnId::TrustDomain });
        }
        let path = slash.and_then(|at| rest.get(at + 1..)).ok_or(NotAnId::Path)?;
        if !path.split(|byte| *byte == b'/').all(is_segment) {
            return Err(NotAnId::Path);
        }
        // All of it is ASCII by now.
        let text = std::str::from_utf8(text).map_err(|_| NotAnId::Path)?;
        Ok(Self { text: text.into(), path_at: SCHEME.len() + domain.len() })
    }

    /// The whole of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Who vouches for it: what stands between `spiffe://` and the path.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.text.get(SCHEME.len()..self.path_at).unwrap_or_default()
    }

    /// The segments of its path; at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.get(self.path_at + 1..).unwrap_or_default().split('/')
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

/// May this be a trust domain?
#[must_use]
pub fn is_trust_domain(text: &[u8]) -> bool {
    let byte = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= limits::TRUST_DOMAIN_BYTES_MAX && text.iter().all(byte)
}

/// May this be a segment of a path?
pub(super) fn is_segment(text: &[u8]) -> bool {
    let byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text != b"." && text != b".." && text.iter().all(byte)
}

/// A workload whose certificate was verified by whoever has its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svid {
    /// Its name.
    pub id: SpiffeId,
    /// From this second since 1970 on, its certificate says nothing. `u64::MAX` where only its name was told.
    pub expires: u64,
}

/// Why a verified certificate names no workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSvid {
    /// It cannot be read.
    Unreadable,
    /// It has not exactly one URI among its names (X509-SVID section 2).
    Names,
    /// That URI is no SPIFFE id of a workload.
    Id(NotAnId),
    /// It may sign certificates (X509-SVID section 5.2).
    Authority,
    /// Its key may sign certificates or lists of revoked ones, or may not sign anything else (X509-SVID sections 4.3 and 5.2).
    KeyUsage,
}

impl Svid {
    /// What a verified certificate of a client proves.
    ///
    /// # Errors
    /// It names no workload by the rules of X509-SVID.
    pub fn of_certificate(der: &[u8]) -> Result<Self, NoSvid> {
        let leaf = Leaf::read(der).ok_or(NoSvid::Unreadable)?;
        let [uri] = &leaf.uris[..] else { return Err(NoSvid::Names) };
        let id = SpiffeId::parse(uri).map_err(NoSvid::Id)?;
        if leaf.is_ca {
            return Err(NoSvid::Authority);
        }
        let signs =
            |usage: super::leaf::Usage| usage.digital_signature && !usage.key_cert_sign && !usage.crl_sign;
        if !leaf.usage.is_some_and(signs) {
            return Err(NoSvid::KeyUsage);
        }
        Ok(Self { id, expires: leaf.not_after })
    }
}
