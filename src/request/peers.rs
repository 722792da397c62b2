//! The other end of a connection, and whom we believe when they say for whom they connect: the proxies in front, by their addresses.
//!
//! Never: resolves a name, or believes anybody who is not named; at first that is nobody.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;

use crate::identity::Svid;
use crate::request::Moment;

/// The other end of a connection.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// The same as a header value, made once per connection.
    pub text: Option<HeaderValue>,
    /// May it say for whom it connects?
    pub is_trusted: bool,
    /// Does it speak TLS?
    pub is_tls: bool,
    /// The host that it named in the handshake of TLS, where it must be that of its requests: a trusted peer names its own way to us.
    pub server_name: Option<Arc<str>>,
    /// Is it the client of a proxy, and `workload` that proxy?
    pub is_behind: bool,
    /// The workload whose certificate it showed.
    pub workload: Option<Arc<Svid>>,
}

impl Peer {
    /// The one that a request is of, as it was judged.
    pub(super) fn of(moment: &Moment) -> Self {
        Self {
            ip: moment.peer,
            text: moment.peer_line.clone(),
            is_trusted: false,
            is_tls: moment.is_tls,
            is_behind: moment.is_behind,
            server_name: moment.server_name.clone(),
            workload: moment.workload.clone(),
        }
    }
}

/// Addresses and sockets of trusted peers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    networks: Vec<Network>,
    unix: bool,
}

/// The addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: u128,
    mask: u128,
    is_v4: bool,
}

impl Peers {
    /// Adds those that a text names: `10.0.0.0/8`, `2001:db8::1`, or `unix` for everybody on a Unix socket. `None`: it names nobody, or has
    /// bits behind its prefix, so that it is not clear which network is meant.
    #[must_use]
    pub fn add(&mut self, text: &str) -> Option<()> {
        if text == "unix" {
            self.unix = true;
            return Some(());
        }
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let ip: IpAddr = address.parse().ok()?;
        let (first, width) = bits(ip);
        let length = match prefix {
            None => width,
            // One spelling: no sign, no zero in front.
            Some(text) => {
                text.parse().ok().filter(|length: &u32| length.to_string() == text && *length <= width)?
            }
        };
        // An IPv4 address is held in the low bits.
        let mask = match width - length {
            128 => 0,
            host => (u128::MAX >> (128 - width)) & (u128::MAX << host),
        };
        if first & !mask != 0 {
            return None;
        }
        self.networks.push(Network { first, mask, is_v4: width == 32 });
        Some(())
    }

    /// Is it trusted? An IPv4 address within IPv6 is the IPv4 address.
    #[must_use]
    pub fn has(&self, ip: IpAddr) -> bool {
        let (ip, width) = bits(ip.to_canonical());
        self.networks.iter().any(|one| one.is_v4 == (width == 32) && ip & one.mask == one.first)
    }

    /// Is everybody trusted who comes by a Unix socket?
    #[must_use]
    pub const fn has_unix(&self) -> bool {
        self.unix
    }

    /// Is nobody trusted?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }
}

/// The bits of an address, and how many there are.
fn bits(ip: IpAddr) -> (u128, u32) {
    match ip {
        IpAddr::V4(ip) => (u32::from(ip).into(), 32),
        IpAddr::V6(ip) => (ip.into(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(texts: &[&str]) -> Peers {
        let mut peers = Peers::default();
        for text in texts {
            peers.add(text).unwrap();
        }
        peers
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        let peers = peers(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
        for (ip, has) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("::ffff:10.1.2.3", true),
            ("::a00:1", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("::1", true),
            ("::2", false),
        ] {
            assert_eq!(peers.has(ip.parse().unwrap()), has, "{ip}");
        }
        assert!(!peers.has_unix());
    }

    #[test]
    fn everybody_is_a_network_too_and_of_one_family() {
        let all = peers(&["0.0.0.0/0"]);
        assert!(all.has("203.0.113.9".parse().unwrap()) && !all.has("2001:db8::1".parse().unwrap()));
        assert!(peers(&["::/0"]).has("2001:db8::1".parse().unwrap()));
        assert!(Peers::default().is_empty() && !peers(&["unix"]).is_empty());
    }

    #[test]
    fn what_names_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "10.0.0",
            "::/129",
            "proxy",
            "Unix",
        ] {
            assert_eq!(Peers::default().add(text), None, "{text}");
        }
    }
}
