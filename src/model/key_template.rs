//! Where in a request the DataKey is found: `{tenant}/claims`, `{path.company}/{path.site}`, `{query.site}`.
//!
//! Never: mends what it finds. A value is the segments that it spells, `acme` or `acme.west`, or the key is unresolved;
//! a value given twice, in any spelling that some app may take for the same name, is unresolved too.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use http::HeaderName;

use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::params::Params;

/// One part of a template, between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Tenant,
    Path(Box<str>),
    Query(Box<str>),
    Header(HeaderName),
    Fixed(Box<str>),
}

/// A rule that finds the DataKey of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTemplate {
    text: Box<str>,
    parts: Box<[Part]>,
}

/// Why a request has no DataKey. Names the place that was looked at, never what was found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUnresolved {
    /// The request has no such value.
    Missing(Box<str>),
    /// It has more than one.
    Ambiguous(Box<str>),
    /// The value is not the name of a slice of data.
    BadValue(Box<str>),
    /// The parts are fine, and together too deep.
    TooDeep,
}

impl fmt::Display for KeyUnresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(part) => write!(f, "the request has no `{part}`"),
            Self::Ambiguous(part) => write!(f, "the request has more than one `{part}`"),
            Self::BadValue(part) => write!(f, "`{part}` of the request does not name a slice of data"),
            Self::TooDeep => f.write_str("the request names a slice of data that is too deep"),
        }
    }
}

impl std::error::Error for KeyUnresolved {}

impl Default for KeyTemplate {
    fn default() -> Self {
        Self { text: "{tenant}".into(), parts: Box::new([Part::Tenant]) }
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl KeyTemplate {
    /// Reads a template: parts between slashes, each `{tenant}` (first only), `{path.NAME}`, `{query.NAME}`,
    /// `{header.NAME}` or a segment.
    ///
    /// # Errors
    /// Says what is wrong with the first bad part.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        for part in text.split('/') {
            parts.push(parse_part(part)?);
        }
        if parts.iter().skip(1).any(|part| *part == Part::Tenant) {
            return Err("`{tenant}` must come first".to_owned());
        }
        if parts.len() > crate::limits::DATA_KEY_DEPTH_MAX {
            return Err(format!("at most {} segments are allowed", crate::limits::DATA_KEY_DEPTH_MAX));
        }
        Ok(Self { text: text.into(), parts: parts.into() })
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path parameters that the template takes.
    pub fn path_params(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Path(name) => Some(&**name),
            Part::Tenant | Part::Query(_) | Part::Header(_) | Part::Fixed(_) => None,
        })
    }

    /// The DataKey of a request whose data is that of `tenant`, as far as the request's tenant sources say.
    ///
    /// # Errors
    /// When a part is missing, given twice, or spells no segments.
    pub fn resolve(
        &self,
        tenant: &TenantPath,
        params: &Params<'_>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<DataKey, KeyUnresolved> {
        if let [Part::Tenant] = &*self.parts {
            return Ok(tenant.data_key());
        }
        let mut key = String::new();
        for part in &self.parts {
            if !key.is_empty() {
                key.push('/');
            }
            match part {
                Part::Tenant => key.push_str(tenant.as_str()),
                Part::Fixed(segment) => key.push_str(segment),
                Part::Path(name) => {
                    let value = params.get(name).ok_or_else(|| KeyUnresolved::Missing(part.name()))?;
                    push_value(&mut key, value, part)?;
                }
                Part::Query(name) => {
                    push_value(&mut key, query_value(query.unwrap_or(""), name, part)?, part)?
                }
                Part::Header(name) => push_value(&mut key, header_value(headers, name, part)?, part)?,
            }
        }
        DataKey::parse(&key).map_err(|_| KeyUnresolved::TooDeep)
    }
}

impl Part {
    fn name(&self) -> Box<str> {
        match self {
            Self::Tenant => "tenant".into(),
            Self::Path(name) => format!("path.{name}").into(),
            Self::Query(name) => format!("query.{name}").into(),
            Self::Header(name) => format!("header.{name}").into(),
            Self::Fixed(segment) => segment.clone(),
        }
    }
}

fn parse_part(part: &str) -> Result<Part, String> {
    let Some(inner) = part.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) else {
        DataKey::parse(part).map_err(|bad| format!("`{}`: {bad}", part.escape_debug()))?;
        return Ok(Part::Fixed(part.into()));
    };
    let named =
        |name: &str| if name.is_empty() { Err(format!("`{part}` needs a name")) } else { Ok(name.into()) };
    match inner.split_once('.') {
        None if inner == "tenant" => Ok(Part::Tenant),
        Some(("path", name)) => Ok(Part::Path(named(name)?)),
        Some(("query", name)) => Ok(Part::Query(named(name)?)),
        Some(("header", name)) => HeaderName::from_bytes(name.as_bytes())
            .map(Part::Header)
            .map_err(|_| format!("`{}` is no name of a header", name.escape_debug())),
        Some(_) | None => Err(format!(
            "`{}` is none of `{{tenant}}`, `{{path.NAME}}`, `{{query.NAME}}`, `{{header.NAME}}`",
            part.escape_debug()
        )),
    }
}

/// Appends the segments that a value spells: `acme`, or `acme.west` for two.
fn push_value(key: &mut String, value: &str, part: &Part) -> Result<(), KeyUnresolved> {
    for (at, segment) in value.split('.').enumerate() {
        // A segment is a DataKey of one segment; the slash is looked for because a DataKey may have more.
        if segment.contains('/') || DataKey::parse(segment).is_err() {
            return Err(KeyUnresolved::BadValue(part.name()));
        }
        if at >= crate::limits::DATA_KEY_DEPTH_MAX {
            return Err(KeyUnresolved::TooDeep);
        }
        if at > 0 {
            key.push('/');
        }
        key.push_str(segment);
    }
    Ok(())
}

fn header_value<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    part: &Part,
) -> Result<&'h str, KeyUnresolved> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| KeyUnresolved::Missing(part.name()))?;
    if values.next().is_some() {
        return Err(KeyUnresolved::Ambiguous(part.name()));
    }
    value.to_str().map_err(|_| KeyUnresolved::BadValue(part.name()))
}

/// The one value of a query parameter. The app may fold case, decode `%73ite`, split at `;`, or read `site[]` as
/// `site`: whatever some app might take for the name counts, and more than one is ambiguous.
fn query_value<'q>(query: &'q str, name: &str, part: &Part) -> Result<&'q str, KeyUnresolved> {
    let mut found = None;
    for pair in query.split(['&', ';']) {
        let (raw, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(raw);
        let base = decoded.split('[').next().unwrap_or("").trim();
        if !base.eq_ignore_ascii_case(name) && !decoded.eq_ignore_ascii_case(name) {
            continue;
        }
        if found.is_some() || raw != name {
            return Err(KeyUnresolved::Ambiguous(part.name()));
        }
        found = Some(value);
    }
    found.ok_or_else(|| KeyUnresolved::Missing(part.name()))
}

/// Percent-decoding as lenient as the most lenient app: what is no escape stays.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, after) {
            (b'%', [high, low, beyond @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = beyond;
                }
                (Some(_) | None, Some(_) | None) => bytes.push(b'%'),
            },
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
