//! Objects of S3-compatible stores, addressed by path, asked for with Signature Version 4.
//!
//! The signature is a few hashes over a text of one form, so it is made here, of the same cryptography as all else; tests hold
//! it against Amazon's own examples and a real store.
//! Never: follows a redirect: a signature is for one host.

use std::time::SystemTime;

use aws_lc_rs::hmac;
use base64::Engine as _;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;

use crate::ids::Digest;

use super::Access;
use super::Failed;
use super::Tag;
use super::escaped;
use super::secret;
use super::web;
use super::web::Credential;
use super::web::Reply;
use super::web::Web;

/// The keys of a caller of a store.
struct Keys {
    id: String,
    secret: String,
    session: Option<String>,
}

/// What became of an object that was to be put where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// It is there now.
    Put,
    /// It was there already: a try before had come through.
    Same,
    /// There is another one of that key, and it stays.
    Differs,
}

/// An S3-compatible store.
pub(super) struct Store<'a> {
    web: Web,
    endpoint: Uri,
    region: &'a str,
    keys: Option<Keys>,
}

impl<'a> Store<'a> {
    pub(super) fn new(access: &'a Access) -> Result<Self, Failed> {
        let endpoint = match &access.s3_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => super::endpoint(&format!("https://s3.{}.amazonaws.com", access.s3_region))?,
        };
        let keys = match (&access.s3_access_key_file, &access.s3_secret_key_file) {
            (Some(id), Some(key)) => Some(Keys {
                id: secret(id)?,
                secret: secret(key)?,
                session: access.s3_session_token_file.as_deref().map(secret).transpose()?,
            }),
            _ => None,
        };
        Ok(Self { web: Web::new(&endpoint, access)?, endpoint, region: &access.s3_region, keys })
    }

    /// Gets an object; `None` where it is still what the tag was given for.
    pub(super) fn get(&self, bucket: &str, key: &str, known: Option<&Tag>) -> Result<Option<Reply>, Failed> {
        let (url, mut headers) = self.request(&Method::GET, bucket, key, &[], &[])?;
        if let Some(value) = known.and_then(|tag| HeaderValue::from_str(&tag.0).ok()) {
            headers.push((header::IF_NONE_MATCH, value));
        }
        let reply = self.web.send(Method::GET, &url, &[&headers], None)?;
        match reply.status {
            StatusCode::OK => Ok(Some(reply)),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(None),
            status => Err(web::refused(status)),
        }
    }

    /// Puts an object.
    pub(super) fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<(), Failed> {
        let (url, headers) = self.request(&Method::PUT, bucket, key, bytes, &[])?;
        self.web.put(&url, &headers, bytes)
    }

    /// Puts an object, unless there is one of that key already; then says whether that one is the same.
    pub(super) fn put_once(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<Once, Failed> {
        let sum = base64::engine::general_purpose::STANDARD.encode(Digest::of(bytes).as_bytes());
        // A bucket that keeps objects for a time takes none without a checksum.
        let extra = [
            ("if-none-match", "*"),
            ("x-amz-checksum-sha256", &*sum),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ];
        let (url, headers) = self.request(&Method::PUT, bucket, key, bytes, &extra)?;
        let reply = self.web.send(Method::PUT, &url, &[&headers], Some(bytes))?;
        // A second put of the same key, or one at the same time.
        if !matches!(reply.status, StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT) {
            return if reply.status.is_success() { Ok(Once::Put) } else { Err(web::refused(reply.status)) };
        }
        let Some(there) = self.get(bucket, key, None)? else { return Ok(Once::Differs) };
        let same = there.bytes(bytes.len().max(1)).is_ok_and(|there| there == bytes);
        Ok(if same { Once::Same } else { Once::Differs })
    }

    /// The URL of an object, and what signs a request for it.
    fn request(
        &self,
        method: &Method,
        bucket: &str,
        key: &str,
        body: &[u8],
        extra: &[(&str, &str)],
    ) -> Result<(Uri, Credential), Failed> {
        let path = format!("/{bucket}/{}", escaped(key, "/"));
        let (scheme, authority) = (self.endpoint.scheme_str(), self.endpoint.authority());
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(Failed("the endpoint is not a URL".to_owned()));
        };
        let url = web::url(&format!("{scheme}://{authority}{path}"))?;
        let header = |(name, value): (String, String)| {
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        let Some(keys) = &self.keys else {
            let plain = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            return Ok((url, plain.filter_map(header).collect()));
        };
        let default = if scheme == "https" { ":443" } else { ":80" };
        let host = authority.as_str().trim_end_matches(default);
        let now = jiff::Timestamp::try_from(SystemTime::now())
            .map_err(|_| Failed("the clock is wrong".to_owned()))?;
        let signed = Signed { method: method.as_str(), host, path: &path, region: self.region, body, extra };
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        Ok((url, signed.headers(keys, &time).into_iter().filter_map(header).collect()))
    }
}

/// A request as it is signed.
struct Signed<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    region: &'a str,
    body: &'a [u8],
    /// Further headers, lower case.
    extra: &'a [(&'a str, &'a str)],
}

impl Signed<'_> {
    /// The headers that sign it at a time, `20130524T000000Z`; `host` is among them.
    fn headers(&self, keys: &Keys, time: &str) -> Vec<(String, String)> {
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let hash = Digest::of(self.body).to_string();
        let mut headers =
            vec![owned("host", self.host), owned("x-amz-content-sha256", &hash), owned("x-amz-date", time)];
        headers.extend(self.extra.iter().map(|(name, value)| owned(name, value)));
        headers.extend(keys.session.as_deref().map(|token| owned("x-amz-security-token", token)));
        headers.sort();
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request = format!("{}\n{}\n\n{lines}\n{names}\n{hash}", self.method, self.path);
        let day = time.split('T').next().unwrap_or_default();
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", Digest::of(request.as_bytes()));
        let mut key = format!("AWS4{}", keys.secret).into_bytes();
        for part in [day, self.region, "s3", "aws4_request"] {
            key = mac(&key, part);
        }
        let signature: String = mac(&key, &text).iter().map(|byte| format!("{byte:02x}")).collect();
        let said = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
            keys.id
        );
        headers.push(owned("authorization", &said));
        headers
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys and time of the examples in Amazon's "Authenticating Requests: Using the Authorization Header".
    fn signature(request: &Signed<'_>) -> String {
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session: None,
        };
        let headers = request.headers(&keys, "20130524T000000Z");
        let (_, said) = headers.iter().find(|(name, _)| name == "authorization").unwrap();
        said.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn signatures_are_those_of_amazons_examples() {
        let host = "examplebucket.s3.amazonaws.com";
        let get = Signed {
            method: "GET",
            host,
            path: "/test.txt",
            region: "us-east-1",
            body: b"",
            extra: &[("range", "bytes=0-9")],
        };
        assert_eq!(signature(&get), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let put = Signed {
            method: "PUT",
            path: &format!("/{}", escaped("test$file.text", "/")),
            body: b"Welcome to Amazon S3.",
            extra: &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            ..get
        };
        assert_eq!(signature(&put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    }

    #[test]
    fn a_key_is_escaped_but_for_its_slashes() {
        assert_eq!(escaped("a/b c+é~.gz", "/"), "a/b%20c%2B%C3%A9~.gz");
    }
}
