//! One document of a web server that is fetched again and again: keys, a provider's configuration.
//!
//! Never: follows a redirect, or takes more than its bound or its time.

use std::time::Duration;

use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;

use super::Access;
use super::Failed;
use super::Tag;
use super::web;
use super::web::Web;

/// What a server has.
#[derive(Debug)]
pub struct Document {
    /// Its bytes, and perhaps a tag to ask by the next time; `None`: what it had when the tag was given.
    pub new: Option<(Vec<u8>, Option<Tag>)>,
    /// For how long the server says that it stays so.
    pub fresh_for: Option<Duration>,
}

/// Gets a document of at most so many bytes, where it is not what the tag was given for.
///
/// # Errors
/// When the server cannot be reached in time, refuses, leads elsewhere, or has too much.
pub fn document(url: &Uri, access: &Access, known: Option<&Tag>, most: usize) -> Result<Document, Failed> {
    let web = Web::new(url, access)?;
    let mut headers = vec![(header::ACCEPT, HeaderValue::from_static("application/json"))];
    if let Some(value) = known.and_then(|tag| HeaderValue::from_str(&tag.0).ok()) {
        headers.push((header::IF_NONE_MATCH, value));
    }
    let reply = web.send(Method::GET, url, &[&headers], None)?;
    let fresh_for = reply.header("cache-control").and_then(fresh_for);
    match reply.status {
        StatusCode::OK => {
            let tag = reply.header("etag").map(|tag| Tag(tag.to_owned()));
            Ok(Document { new: Some((reply.bytes(most)?, tag)), fresh_for })
        }
        StatusCode::NOT_MODIFIED if known.is_some() => Ok(Document { new: None, fresh_for }),
        status if status.is_redirection() => Err(Failed(format!(
            "the server answered {}: it leads elsewhere, which is not followed",
            status.as_u16()
        ))),
        status => Err(web::refused(status)),
    }
}

/// For how long `Cache-Control` says that an answer stays fresh (RFC 9111 section 5.2.2); `None` where it says nothing.
fn fresh_for(text: &str) -> Option<Duration> {
    let mut found = None;
    for directive in text.split(',') {
        let directive = directive.trim().to_ascii_lowercase();
        if directive == "no-cache" || directive == "no-store" {
            return Some(Duration::ZERO);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=").and_then(seconds) {
            // Named twice, the shorter one counts.
            found = Some(found.map_or(seconds, |before: u64| before.min(seconds)));
        }
    }
    found.map(Duration::from_secs)
}

/// Digits, quoted or not; more than a number holds is as long as can be.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim_matches('"');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::from(u32::MAX)).min(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_says_how_long_an_answer_stays_fresh() {
        let says = |text| fresh_for(text).map(|time| time.as_secs());
        assert_eq!(says("public, max-age=600, must-revalidate"), Some(600));
        assert_eq!(says("MAX-AGE=\"7\""), Some(7));
        assert_eq!(says("max-age=9, max-age=5"), Some(5));
        assert_eq!(says("max-age=60, no-cache"), Some(0));
        assert_eq!(says("no-store"), Some(0));
        assert_eq!(says("max-age=99999999999999999999999"), Some(u64::from(u32::MAX)));
        for text in ["", "public", "max-age=", "max-age=-1", "max-age=1.5", "s-maxage=5", "max-age"] {
            assert_eq!(says(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_fail(text in "\\PC*") {
            let bound = u64::from(u32::MAX);
            proptest::prop_assert!(fresh_for(&text).is_none_or(|time| time.as_secs() <= bound));
        }
    }
}
