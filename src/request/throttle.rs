//! What callers may do at once and in a time: asked before anything is done for a request, and told with its answer.
//!
//! Whose request it is, and so whose limit, is the caller's tenant: a tenant that asks too much of another one's data is
//! held to its own limits, and not the other one to them.
//! Never: keeps a request waiting. It may come, or it is refused.

use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use quick_cache::unsync::Cache;

use crate::identity::Credential;
use crate::identity::Rejected;
use crate::identity::Verified;
use crate::ids::Digest;
use crate::limits;
use crate::model::Found;
use crate::quota::Admission;
use crate::quota::Guesses;
use crate::quota::Left;
use crate::quota::Share;
use crate::quota::Times;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::identified::Identified;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::refusal::Refusal;
use crate::snapshot::Snapshot;

/// What one worker holds callers to.
#[derive(Debug)]
pub struct Throttle {
    /// The limits of tenants.
    pub admission: Admission,
    /// How often credentials of an address may fail, if that is bounded.
    pub guesses: Option<Arc<Guesses>>,
    /// Are callers told what is left?
    pub tells: bool,
    /// Most requests at once, whoever calls.
    pub most: usize,
    running: Cell<usize>,
    proven: RefCell<Proven>,
}

/// API keys that were proven: an address whose credentials fail is not shut for those who are known.
#[derive(Default)]
struct Proven(Option<Cache<Digest, ()>>);

impl std::fmt::Debug for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proven").field("len", &self.0.as_ref().map_or(0, Cache::len)).finish()
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            admission: Admission::default(),
            guesses: None,
            tells: true,
            most: limits::REQUESTS_IN_FLIGHT_MAX,
            running: Cell::new(0),
            proven: RefCell::default(),
        }
    }
}

/// A credential that is to be proven, where it is counted if that fails.
pub(super) struct Attempt<'a> {
    throttle: &'a Throttle,
    guesses: &'a Guesses,
    address: IpAddr,
    now_ns: u64,
    api_key: Option<Digest>,
}

impl Throttle {
    /// A request begins.
    pub fn begins(&self) {
        self.running.set(self.running.get().saturating_add(1));
    }

    /// A request is over: its answer was sent, or its WebSocket closed.
    pub fn is_over(&self) {
        self.running.set(self.running.get().saturating_sub(1));
    }

    /// Nothing where failed credentials are not counted, or there is no address to count them by.
    pub(super) fn attempt(&self, moment: &Moment, credential: Credential<'_>) -> Option<Attempt<'_>> {
        let guesses = self.guesses.as_deref()?;
        let api_key = match credential {
            Credential::ApiKey(key) => Some(Digest::of(key)),
            Credential::Bearer(_) => None,
        };
        let now_ns = moment.started_us.saturating_mul(1_000);
        Some(Attempt { throttle: self, guesses, address: moment.peer?, now_ns, api_key })
    }
}

impl Attempt<'_> {
    /// For so many seconds only a credential that is known is looked at.
    pub(super) fn wait_s(&self) -> Option<u64> {
        let wait_s = self.guesses.wait_s(self.address, self.now_ns)?;
        let proven = self.throttle.proven.borrow();
        let is_known =
            proven.0.as_ref().zip(self.api_key).is_some_and(|(known, key)| known.peek(&key).is_some());
        (!is_known).then_some(wait_s)
    }

    pub(super) fn ended(self, verified: &Result<Verified, Rejected>) {
        if let Err(why) = verified {
            // Where keys are away the caller did nothing wrong.
            if *why != Rejected::NoKeys {
                self.guesses.failed(self.address, self.now_ns);
            }
        } else if let Some(key) = self.api_key {
            let mut proven = self.throttle.proven.borrow_mut();
            // Made once it is needed: it takes a megabyte.
            proven.0.get_or_insert_with(|| Cache::new(limits::VERIFIED_CREDENTIALS_MAX)).insert(key, ());
        }
    }
}

/// Is there room for one more request of anybody?
pub(super) fn has_room<O, B>(worker: &Worker<O>, request: &http::Request<B>) -> Result<(), Refused> {
    if worker.throttle.running.get() <= worker.throttle.most {
        return Ok(());
    }
    let known = Known::unread(request.method().clone(), request.uri());
    Err(Refused::new(Refusal::Overloaded, known))
}

impl<B> Identified<B> {
    /// Holds the caller's tenant, and those above it, to their limits.
    ///
    /// # Errors
    /// It is one too many.
    pub fn admit<O>(
        mut self,
        snapshot: &Snapshot,
        worker: &Worker<O>,
        moment: &Moment,
    ) -> Result<Self, Refused> {
        let model = snapshot.model();
        let times = || Times { now_ns: worker.clock.nanos(), wall_ms: moment.now_ms };
        let (caller, throttle) = (self.tenancy.caller, &worker.throttle);
        let told = |left: Left| if throttle.tells { left } else { Left::default() };
        match throttle.admission.admit(&model.tenants, snapshot.generation(), caller, times) {
            Ok(None) => Ok(self),
            Ok(Some(mut admitted)) => {
                admitted.left = told(admitted.left);
                self.admitted = Some(admitted);
                Ok(self)
            }
            Err(mut limited) => {
                limited.left = told(limited.left);
                let route = match model.routes.find(&self.head.method, self.head.path()) {
                    Found::Route(route, _) => Some(route.ix),
                    Found::OtherMethod(_) | Found::None => None,
                };
                Err(self.refuse(Refusal::Limited(limited), Known { route, ..Known::default() }))
            }
        }
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Says what is left of a caller's limits, beside what the app says of its own.
pub(super) fn tell(headers: &mut HeaderMap, left: &Left) {
    let (mut policy, mut rest) = (String::new(), String::new());
    let shares = [("requests", "", left.requests), ("bytes", ";qu=\"content-bytes\"", left.bytes)];
    for (name, unit, share) in shares {
        let Some(Share { most, window_s, remaining, reset_s }) = share else { continue };
        let comma = if policy.is_empty() { "" } else { ", " };
        policy.push_str(&format!("{comma}\"{name}\";q={most}{unit};w={window_s}"));
        rest.push_str(&format!("{comma}\"{name}\";r={remaining};t={reset_s}"));
    }
    for (name, text) in [(POLICY, policy), (LEFT, rest)] {
        if let Ok(value) = HeaderValue::try_from(text)
            && !value.is_empty()
        {
            headers.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_as_the_draft_has_it() {
        let requests = Share { most: 200, window_s: 2, remaining: 199, reset_s: 1 };
        let bytes = Share { most: 1_024, window_s: 86_400, remaining: 24, reset_s: 6_399 };
        let told = |left| {
            let mut headers = HeaderMap::new();
            tell(&mut headers, &left);
            [POLICY, LEFT].map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
        };
        let all = told(Left { requests: Some(requests), bytes: Some(bytes) });
        assert_eq!(
            all[0].as_deref(),
            Some(r#""requests";q=200;w=2, "bytes";q=1024;qu="content-bytes";w=86400"#)
        );
        assert_eq!(all[1].as_deref(), Some(r#""requests";r=199;t=1, "bytes";r=24;t=6399"#));
        assert_eq!(
            told(Left { requests: None, bytes: Some(bytes) })[1].as_deref(),
            Some(r#""bytes";r=24;t=6399"#)
        );
        assert_eq!(told(Left::default()), [None, None]);
    }
}
