//! Which content coding a redacted body leaves in (RFC 9110, section 12.5.3), and what that means for its headers.
//!
//! Never: lets two codings of one body have the same strong entity tag.

use std::sync::Arc;

use ::http::HeaderMap;
use ::http::HeaderValue;
use ::http::header;

use crate::limits;
use crate::redact::http;
use crate::redact::plan::Plan;
use crate::redact::reader::Encoding;

/// All codings, those first that cost least for what they save.
const ALL: [Encoding; 4] = Encoding::CODED;
/// How much a client likes what it says nothing else of, in thousandths.
const LIKED: u16 = 1_000;

/// What one client takes, and what it has already.
#[derive(Debug, Clone, Default)]
pub struct Accepts {
    /// How much it likes each of [`ALL`], in thousandths; 0 is not at all.
    coded: [u16; ALL.len()],
    identity: u16,
    /// The codings that bodies leave in which the app sent plain.
    plain: Arc<[Encoding]>,
    /// The entity tags that it has of coded bodies, as the app knows them.
    known: Vec<(String, Encoding)>,
}

impl Accepts {
    /// Reads the headers of a request as the client sent them. `plain` are the codings, the best first, in which bodies
    /// leave that the app sends plain.
    #[must_use]
    pub fn of(headers: &HeaderMap, plan: &Plan, plain: &Arc<[Encoding]>) -> Self {
        let mut accepts =
            Self { coded: [0; ALL.len()], identity: 1, plain: Arc::clone(plain), known: Vec::new() };
        let mut others = None;
        let mut named = [false; ALL.len()];
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        for (name, weight) in lines.flat_map(|line| line.split(',')).filter_map(weighed) {
            match name.as_str() {
                "*" => others = Some(weight),
                "identity" => accepts.identity = weight,
                name => {
                    let coding = Encoding::named(name);
                    let at = ALL.iter().position(|known| Some(*known) == coding);
                    if let Some((liked, named)) =
                        at.and_then(|at| accepts.coded.get_mut(at).zip(named.get_mut(at)))
                    {
                        *liked = weight;
                        *named = true;
                    }
                }
            }
        }
        if let Some(others) = others {
            for (liked, _) in accepts.coded.iter_mut().zip(named).filter(|(_, named)| !named) {
                *liked = others;
            }
            // `identity` is named by `*` only to be refused.
            if others == 0 && accepts.identity == 1 {
                accepts.identity = 0;
            }
        }
        accepts.known = http::known_codings(headers, plan);
        accepts
    }

    /// The coding that a body leaves in. `bytes` is how long it is, where that is known.
    ///
    /// What arrived coded leaves coded where the client takes that; what arrived plain, in those codings that are
    /// configured, unless the app says that it must stay as it is (`no-transform`).
    #[must_use]
    pub fn coding(&self, headers: &HeaderMap, arrived: Encoding, bytes: Option<usize>) -> Encoding {
        if !self.varies(headers, arrived) {
            return Encoding::Identity;
        }
        let is_plain_better = bytes.is_some_and(|bytes| bytes <= limits::ENCODED_BODY_BYTES_MIN);
        if is_plain_better && self.identity > 0 {
            return Encoding::Identity;
        }
        let offered = std::iter::once(&arrived).chain(self.plain.iter());
        // To a client that takes nothing plain, any other coding is better.
        let last = ALL.iter().filter(|_| self.identity == 0);
        let mut best = (Encoding::Identity, self.identity.saturating_sub(1));
        for coding in offered.chain(last) {
            let liked = ALL.iter().zip(self.coded).find(|(known, _)| *known == coding);
            let liked = liked.map_or(0, |(_, liked)| liked);
            if liked > best.1 || (liked == best.1 && liked > 0 && best.0 == Encoding::Identity) {
                best = (*coding, liked);
            }
        }
        best.0
    }

    /// Does what leaves depend on what the client takes?
    fn varies(&self, headers: &HeaderMap, arrived: Encoding) -> bool {
        let stays = || {
            let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
            lines
                .flat_map(|line| line.split(','))
                .any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
        };
        arrived != Encoding::Identity || (!self.plain.is_empty() && !stays())
    }

    /// Makes the headers of a redacted response say how its body leaves. To be called after
    /// [`http::response_headers`].
    pub fn response_headers(&self, headers: &mut HeaderMap, arrived: Encoding, leaves: Encoding) {
        if !self.varies(headers, arrived) {
            return;
        }
        vary(headers);
        if leaves != Encoding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(leaves.name()));
            http::tag_coding(headers, leaves);
        }
    }

    /// Makes the headers of a redacted answer without a body (304) name the coding of what the client has.
    pub fn unmodified_headers(&self, headers: &mut HeaderMap, tag: Option<&HeaderValue>) {
        if self.plain.is_empty() && self.known.is_empty() {
            return;
        }
        vary(headers);
        let tag = tag.and_then(|tag| tag.to_str().ok());
        let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        let known = self.known.iter().find(|(known, _)| tag.is_some_and(|tag| weak(tag) == weak(known)));
        if let Some((_, coding)) = known {
            http::tag_coding(headers, *coding);
        }
    }
}

fn vary(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::VARY).iter().filter_map(|line| line.to_str().ok());
    let says = lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"));
    if !says {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// A coding in lower case and how much it is liked; nothing for what is no such thing.
fn weighed(item: &str) -> Option<(String, u16)> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let Some(weight) = parts.next() else { return Some((name, LIKED)) };
    let (key, value) = weight.split_once('=')?;
    if !key.trim_end().eq_ignore_ascii_case("q") || parts.next().is_some() {
        return None;
    }
    Some((name, thousandths(value.trim_start())?))
}

/// `0`, `1`, or up to three digits after a point; at most 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if digits.len() > 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{digits:0<3}").parse::<u16>().ok()?;
    match (whole, digits) {
        ("0", digits) => Some(digits),
        ("1", 0) => Some(LIKED),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(line: Option<&'static str>, plain: &[Encoding]) -> Accepts {
        let mut headers = HeaderMap::new();
        if let Some(line) = line {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        Accepts::of(&headers, &Plan::nothing(), &plain.into())
    }

    #[test]
    fn a_body_leaves_in_the_coding_that_the_client_likes_best() {
        use Encoding::{Brotli, Deflate, Gzip, Identity, Zstd};
        let cases = [
            (None, Identity),
            (Some(""), Identity),
            (Some("gzip"), Gzip),
            (Some("x-gzip"), Gzip),
            (Some("GZIP;Q=1"), Gzip),
            (Some("gzip, zstd"), Zstd),
            (Some("gzip, zstd;q=0.9"), Gzip),
            (Some("gzip;q=0.001"), Gzip),
            (Some("br"), Identity),
            (Some("*"), Zstd),
            (Some("*, zstd;q=0"), Gzip),
            (Some("gzip;q=0"), Identity),
            (Some("gzip;q=0.5, identity"), Identity),
            (Some("gzip, identity"), Gzip),
            (Some("gzip;q=0.5, identity;q=0.4"), Gzip),
            (Some("identity;q=0"), Identity),
            (Some("identity;q=0, br"), Brotli),
            (Some("br, *;q=0"), Brotli),
            (Some("deflate, identity;q=0, gzip;q=0.1"), Deflate),
            (Some("gzip;q=1.001"), Identity),
            (Some("gzip;q=2"), Identity),
            (Some("gzip;q=0.1234"), Identity),
            (Some("gzip;q=-1"), Identity),
            (Some("gzip;x=1"), Identity),
            (Some("gzip;q=1;q=0"), Identity),
            (Some("dcb, compress, exi"), Identity),
        ];
        for (line, wanted) in cases {
            let found = accepts(line, &[Zstd, Gzip]).coding(&HeaderMap::new(), Identity, None);
            assert_eq!(found, wanted, "{line:?}");
        }
    }

    #[test]
    fn what_arrived_coded_leaves_coded_and_what_arrived_plain_stays_plain_unless_told() {
        let all = Some("gzip, deflate, br, zstd");
        for arrived in ALL {
            assert_eq!(accepts(all, &[]).coding(&HeaderMap::new(), arrived, None), arrived);
            assert_eq!(accepts(None, &[]).coding(&HeaderMap::new(), arrived, None), Encoding::Identity);
        }
        let none = accepts(all, &[]);
        assert_eq!(none.coding(&HeaderMap::new(), Encoding::Identity, None), Encoding::Identity);
        let told = accepts(all, &[Encoding::Gzip]);
        assert_eq!(told.coding(&HeaderMap::new(), Encoding::Brotli, None), Encoding::Brotli);
        let stays = [("cache-control", "max-age=1, No-Transform")];
        let stays = stays.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let stays: HeaderMap = stays.into_iter().collect();
        assert_eq!(told.coding(&stays, Encoding::Identity, None), Encoding::Identity);
        assert_eq!(told.coding(&stays, Encoding::Gzip, None), Encoding::Gzip);
    }

    #[test]
    fn a_small_body_leaves_plain_unless_the_client_takes_none() {
        let small = Some(limits::ENCODED_BODY_BYTES_MIN);
        let large = small.map(|bytes| bytes + 1);
        let coding = |line, bytes| {
            accepts(Some(line), &[Encoding::Zstd]).coding(&HeaderMap::new(), Encoding::Identity, bytes)
        };
        assert_eq!(coding("zstd", small), Encoding::Identity);
        assert_eq!(coding("zstd", large), Encoding::Zstd);
        assert_eq!(coding("zstd, identity;q=0", small), Encoding::Zstd);
    }
}
