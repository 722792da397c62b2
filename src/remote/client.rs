//! A client of one web server that is sent to again and again: it keeps its connection.
//!
//! Credentials are read anew for each call, and after one that failed the certificates too, so that rotated ones count.
//! Never: follows a redirect, or names a credential.

use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Uri;

use super::Access;
use super::Failed;
use super::web;
use super::web::Web;

/// A client of one web server.
#[derive(Debug)]
pub struct Client {
    url: Uri,
    access: Access,
    web: Option<Web>,
}

impl Client {
    /// A client that posts to this URL.
    #[must_use]
    pub const fn new(url: Uri, access: Access) -> Self {
        Self { url, access, web: None }
    }

    /// Posts bytes with these headers: the status of the answer, and its body of at most so many bytes.
    ///
    /// # Errors
    /// When nothing answers in time, or a refusal is too long. A longer answer of success is left away.
    pub fn post(
        &mut self,
        headers: &[(&'static str, &str)],
        bytes: &[u8],
        most: usize,
    ) -> Result<(u16, Vec<u8>), Failed> {
        let web = match self.web.take() {
            Some(web) => web.again(&self.access),
            None => Web::new(&self.url, &self.access)?,
        };
        let mut all = web::credential(&self.access)?;
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                all.push((HeaderName::from_static(name), value));
            }
        }
        let reply = web.send(Method::POST, &self.url, &[&all], Some(bytes))?;
        let status = reply.status.as_u16();
        // What was taken was taken, however much is said about it; only the connection is of no further use then.
        match reply.bytes(most) {
            Ok(body) => {
                self.web = Some(web);
                Ok((status, body))
            }
            Err(_) if (200..300).contains(&status) => Ok((status, Vec::new())),
            Err(why) => Err(why),
        }
    }
}
