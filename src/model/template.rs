//! Path templates: `/patients/{id}/claims`, and by hand also `/files/{*rest}`.
//!
//! Never: matches a part of a segment. A template that would (`/{id}.json`) is refused, since which route a path
//! meets must be plain to whoever reads the file.

use crate::limits;

/// A template in two halves: the form by which it is matched, and the names of its parameters in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// With parameters named by position, so that `/a/{x}` and `/a/{y}` are one: `/a/{p0}`.
    pub(super) matched: String,
    pub(super) names: Box<[Box<str>]>,
    pub(super) ends_in_parameter: bool,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some(segments) = text.strip_prefix('/') else {
            return Err("a path starts with `/`".to_owned());
        };
        if text.len() > limits::ROUTE_NAME_BYTES_MAX {
            return Err(format!("a path has at most {} bytes", limits::ROUTE_NAME_BYTES_MAX));
        }
        if segments.split('/').count() > limits::PATH_SEGMENTS_MAX {
            return Err(format!("a path has at most {} segments", limits::PATH_SEGMENTS_MAX));
        }
        let mut matched = String::with_capacity(text.len());
        let mut names: Vec<Box<str>> = Vec::new();
        let mut ends_in_parameter = false;
        let mut rest = segments.split('/').peekable();
        while let Some(segment) = rest.next() {
            let is_last = rest.peek().is_none();
            matched.push('/');
            let inner = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            ends_in_parameter = inner.is_some();
            let Some(inner) = inner else {
                check_literal(segment, is_last)?;
                matched.push_str(segment);
                continue;
            };
            let star = inner.starts_with('*');
            let name = inner.strip_prefix('*').unwrap_or(inner);
            if star && !is_last {
                return Err(format!("`{segment}` takes all that follows, so it must come last"));
            }
            if name.is_empty() || name.contains(['{', '}', '*']) {
                return Err(format!("`{segment}` needs one name between its braces"));
            }
            if names.iter().any(|other| **other == *name) {
                return Err(format!("`{name}` stands twice in one path"));
            }
            let star = if star { "*" } else { "" };
            matched.push_str(&format!("{{{star}p{}}}", names.len()));
            names.push(name.into());
        }
        Ok(Self { matched, names: names.into(), ends_in_parameter })
    }
}

/// Requests arrive in one normal form, so a literal in any other form would never match.
fn check_literal(segment: &str, is_last: bool) -> Result<(), String> {
    if segment.contains(['{', '}']) {
        return Err(format!("`{segment}`: a parameter must be a whole segment"));
    }
    if segment == "." || segment == ".." {
        return Err(format!("a path cannot have a segment `{segment}`"));
    }
    if segment.is_empty() && !is_last {
        return Err("a path cannot have an empty segment".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%".contains(c);
    if let Some(odd) = segment.chars().find(|c| !plain(*c)) {
        return Err(format!("{odd:?} must be written percent-encoded"));
    }
    for escape in segment.split('%').skip(1) {
        let mut digits = escape.chars();
        let mut digit = || digits.next().filter(|c| c.is_ascii_digit() || ('A'..='F').contains(c));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("`%` must be followed by two digits or capitals A to F".to_owned());
        };
        let byte = u8::from_str_radix(&format!("{high}{low}"), 16).unwrap_or(0);
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            return Err(format!("write `%{high}{low}` as {:?}", char::from(byte)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_whole_segments_and_known_by_position() {
        let template = Template::parse("/a/{id}/b/{*rest}").unwrap();
        assert_eq!(template.matched, "/a/{p0}/b/{*p1}");
        assert_eq!(template.names.iter().map(|name| &**name).collect::<Vec<_>>(), ["id", "rest"]);
        assert!(template.ends_in_parameter);
        assert_eq!(Template::parse("/").unwrap().matched, "/");
        assert_eq!(Template::parse("/a/").unwrap().matched, "/a/");
    }

    #[test]
    fn a_template_that_no_request_or_the_wrong_one_could_meet_is_refused() {
        for text in [
            "",
            "a",
            "/a//b",
            "/./a",
            "/a/..",
            "/{id}.json",
            "/v{x}",
            "/{}",
            "/{*}",
            "/{*a}/b",
            "/{a}/{a}",
            "/ä",
            "/a b",
            "/a?b",
            "/a#b",
            "/%",
            "/%2",
            "/%2f",
            "/%41",
            "/{a}{b}",
            "/{{a}}",
            "/}a{",
        ] {
            assert!(Template::parse(text).is_err(), "{text:?}");
        }
        assert!(Template::parse("/a%2Fb").is_ok());
        assert!(Template::parse(&"/a".repeat(65)).is_err());
    }
}
