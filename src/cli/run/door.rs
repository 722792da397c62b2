//! The listeners of a process, and the certificates that they use.
//!
//! Never: serves with a certificate that is broken at the start.

use std::sync::Arc;

use crate::config::Config;
use crate::config::Inbound;
use crate::door::Certificates;
use crate::door::Watching;
use crate::net;
use crate::net::Bound;
use crate::net::Listener;

/// What was opened.
pub(super) struct Opened {
    /// Those of each worker.
    pub(super) listeners: Vec<Vec<Listener>>,
    pub(super) told: Listening,
    pub(super) _bound: Vec<Bound>,
}

/// Where it listens, for people.
#[derive(Debug, Default)]
pub(super) struct Listening {
    pub(super) data: String,
    pub(super) tls: String,
}

/// Opens every listener of data for so many workers.
pub(super) fn open(config: &Config, workers: usize) -> Result<Opened, String> {
    let mut listeners: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    let (mut told, mut all) = (Listening::default(), Vec::new());
    let mut take = |opened: Vec<Listener>| {
        for (worker, listener) in listeners.iter_mut().zip(opened) {
            worker.push(listener);
        }
    };
    for address in &config.listen.data {
        let failed = |error: std::io::Error| format!("cannot listen on {address}: {error}");
        match address {
            Inbound::Ip(ip) => {
                let opened = net::listen(*ip, false, workers).map_err(failed)?;
                tell(&mut told.data, opened.first());
                take(opened);
            }
            Inbound::Unix(path) => {
                let (opened, bound) =
                    net::listen_unix(path, config.listen.unix_mode, workers).map_err(failed)?;
                join(&mut told.data, &address.to_string());
                all.push(bound);
                take(opened);
            }
        }
    }
    for address in config.listen.tls.iter().flat_map(|tls| &tls.addresses) {
        let opened = net::listen(*address, true, workers);
        let opened = opened.map_err(|error| format!("cannot listen on {address}: {error}"))?;
        tell(&mut told.tls, opened.first());
        take(opened);
    }
    Ok(Opened { listeners, told, _bound: all })
}

fn tell(text: &mut String, listener: Option<&Listener>) {
    if let Some(address) = listener.and_then(Listener::address) {
        join(text, &address.to_string());
    }
}

fn join(text: &mut String, word: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(word);
}

/// The certificates of the listeners with TLS, where there are any.
pub(super) fn certificates(config: &Config) -> Result<Option<Arc<Certificates>>, String> {
    let Some(tls) = &config.listen.tls else { return Ok(None) };
    let loaded = Certificates::load(tls.settings.clone(), now());
    let told = |problems: Vec<crate::problem::Problem>| {
        let messages: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
        messages.join("; ")
    };
    loaded.map(Some).map_err(told)
}

/// Begins to look whether they change.
pub(super) fn watch(
    config: &Config,
    certificates: Option<&Arc<Certificates>>,
) -> Result<Option<Watching>, String> {
    let Some(certificates) = certificates else { return Ok(None) };
    let watching = certificates.watch(config.reload.poll, now);
    watching.map(Some).map_err(|error| format!("cannot watch certificates: {error}"))
}

fn now() -> u64 {
    super::check::now_ms() / 1_000
}
