//! The places where the app runs: from the configuration, and as operators are told of them.
//!
//! Never: reaches the app itself.

use std::sync::Arc;

use crate::config;
use crate::config::Config;
use crate::net;
use crate::net::Address;
use crate::net::Check;
use crate::net::Eject;
use crate::net::Fleet;
use crate::net::Protocol;
use crate::net::TlsSettings;
use crate::net::UpstreamSettings;
use crate::telemetry::Metrics;

/// Begins to look after them.
pub(super) fn start(config: &Config) -> Result<Arc<Fleet>, String> {
    let all = config.upstream.all.iter().map(|way| settings(config, way)).collect();
    Fleet::start(all, Box::new(net::ask_system))
}

/// The endpoints of the first, for the log.
pub(super) fn shown(config: &Config) -> String {
    let first = config.upstream.all.first().map(|way| way.endpoints.iter().map(address));
    first.into_iter().flatten().map(|address| address.to_string()).collect::<Vec<_>>().join(",")
}

/// How each endpoint fares, as metrics.
pub(super) fn count(metrics: &Metrics, fleet: &Fleet) {
    for state in fleet.states() {
        metrics.endpoint([&state.upstream, &state.endpoint], state.is_up, state.ejections, state.answers);
    }
}

/// The same as lines, each with whether it is well.
pub(super) fn lines(fleet: &Fleet) -> Vec<(bool, String)> {
    let line = |state: net::EndpointState| {
        let said = match (state.is_up, state.is_down) {
            (true, _) => "",
            (false, true) => ": is not well, and gets no requests",
            (false, false) => ": fails, and is left alone for a while",
        };
        (state.is_up, format!("upstream {} {}{said}", state.upstream, state.endpoint))
    };
    fleet.states().into_iter().map(line).collect()
}

fn address(address: &config::Address) -> Address {
    match address {
        config::Address::Host(host, port) => Address::Host(host.clone(), *port),
        config::Address::Unix(path) => Address::Unix(path.clone()),
    }
}

fn settings(config: &Config, way: &config::Way) -> UpstreamSettings {
    let tls = way.tls.clone().map(|config::Tls { ca_file, server_name, client }| TlsSettings {
        ca_file,
        server_name,
        client,
    });
    UpstreamSettings {
        name: way.name.clone(),
        endpoints: way.endpoints.iter().map(address).collect(),
        connect_timeout: way.connect_timeout,
        response_timeout: way.response_timeout,
        body_idle: config.timeouts.body_idle,
        keep_alive: way.idle_timeout,
        idle_max: way.idle_max,
        connections_max: way.connections_max,
        resolve: way.resolve,
        eject: Eject { failures: way.eject.failures, base: way.eject.base, most: way.eject.most },
        panic_percent: way.eject.panic_percent,
        refuse: way.eject.refuse,
        requests_max: way.requests_max,
        retries: way.retries,
        retry_idempotent: way.retry_idempotent,
        check: way.health.clone().map(|health| Check {
            path: health.path,
            every: health.every,
            timeout: health.timeout,
            healthy_after: health.healthy_after,
            unhealthy_after: health.unhealthy_after,
        }),
        protocol: match way.protocol {
            config::Protocol::Http1 => Protocol::Http1,
            config::Protocol::H2c => Protocol::H2c,
            config::Protocol::Auto => Protocol::Auto,
        },
        tls,
    }
}
