//! What of the configuration each part of the process is given.
//!
//! Never: decides anything by it.

use std::sync::Arc;

use crate::config::Config;
use crate::net::Door;
use crate::net::NetSettings;
use crate::request;
use crate::request::GuardBounds;

use super::Process;

pub(super) fn net_settings(config: &Config, process: &Process) -> NetSettings {
    NetSettings {
        connection_age: config.timeouts.connection_age,
        door: Door {
            certificates: process.certificates.clone(),
            trusted_peers: Arc::clone(&config.listen.trusted_peers),
            proxy_protocol: config.listen.proxy_protocol,
        },
        h2c: config.listen.h2c,
        connections_max: config.limits.connections,
        streams_max: config.limits.streams,
        guard: GuardBounds {
            head_bytes: config.limits.head_bytes,
            headers: config.limits.headers,
            target_bytes: config.limits.target_bytes,
        },
        head_timeout: config.timeouts.head,
        keep_alive: config.timeouts.keep_alive,
        body_idle: config.timeouts.body_idle,
        total: config.timeouts.total,
        drain: config.timeouts.drain,
        websocket_idle: config.timeouts.websocket_idle,
        websocket_total: config.timeouts.websocket_total,
    }
}

pub(super) fn request_settings(config: &Config) -> request::Settings {
    request::Settings {
        bounds: request::Bounds {
            headers: config.limits.headers,
            target_bytes: config.limits.target_bytes,
            body_bytes: config.limits.body_bytes,
            protected: config.protected_headers(),
        },
        trusted_peers: Arc::clone(&config.listen.trusted_peers),
        api_key_header: config.settings.api_key_header.clone(),
        purpose_header: config.settings.purpose_header.clone(),
        forward_credential: config.upstream.forward_credential,
        encode: Arc::clone(&config.encode),
        decision_cache: config.decision_cache,
        total: config.timeouts.total,
        deadline_header: config.upstream.deadline_header.clone(),
        durable: config.decision_log.durable.clone(),
    }
}
