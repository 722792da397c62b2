//! How often credentials of one address failed: a table of a fixed size, whoever calls.
//!
//! An address has a place in the table by a hash that nobody outside can tell. Two that share a place share its rate; no
//! place is ever looked for, kept or freed.
//! Never: keeps an address.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::limits;
use crate::model::Rate;
use crate::quota::gcra;

/// The failed credentials of all addresses.
#[derive(Debug)]
pub struct Guesses {
    rate: Rate,
    arrivals_ns: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Guesses {
    /// Each address may fail so often.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let arrivals_ns = (0..limits::UNIDENTIFIED_PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { rate, arrivals_ns, hasher: RandomState::new() }
    }

    /// For so many seconds no unknown credential of this address is looked at; nothing where it may try.
    #[must_use]
    pub fn wait_s(&self, address: IpAddr, now_ns: u64) -> Option<u64> {
        let known = self.place(address)?.load(Relaxed);
        let wait = gcra::take(self.rate, known, now_ns).err()?;
        Some(wait.wait_ns.div_ceil(1_000_000_000).max(1))
    }

    /// A credential of this address failed.
    pub fn failed(&self, address: IpAddr, now_ns: u64) {
        let Some(place) = self.place(address) else { return };
        let mut known = place.load(Relaxed);
        // Several that were looked at at the same time may take more than there was: each counts.
        while let Err(now) = place.compare_exchange_weak(
            known,
            known.max(now_ns).saturating_add(self.rate.emission_ns()),
            Relaxed,
            Relaxed,
        ) {
            known = now;
        }
    }

    fn place(&self, address: IpAddr) -> Option<&AtomicU64> {
        let hash = match address.to_canonical() {
            IpAddr::V4(v4) => self.hasher.hash_one(v4),
            // Whoever has one address of IPv6 has its network of 64 bits.
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                self.hasher.hash_one([a, b, c, d])
            }
        };
        let places = self.arrivals_ns.len() as u64;
        self.arrivals_ns.get(usize::try_from(hash % places.max(1)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn an_address_that_fails_too_often_waits_and_another_does_not() {
        let guesses = Guesses::new(Rate::parse("2/s", Some(3)).unwrap());
        let [one, other]: [IpAddr; 2] = ["192.0.2.1", "198.51.100.7"].map(|text| text.parse().unwrap());
        for _ in 0..3 {
            assert_eq!(guesses.wait_s(one, SECOND), None);
            guesses.failed(one, SECOND);
        }
        assert_eq!(guesses.wait_s(one, SECOND), Some(1));
        assert_eq!(guesses.wait_s("::ffff:192.0.2.1".parse().unwrap(), SECOND), Some(1));
        assert_eq!(guesses.wait_s(other, SECOND), None);
        assert_eq!(guesses.wait_s(one, SECOND + SECOND / 2), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let guesses = Guesses::new(Rate::parse("1/min", None).unwrap());
        guesses.failed("2001:db8:1:2::1".parse().unwrap(), SECOND);
        assert_eq!(guesses.wait_s("2001:db8:1:2:ffff::9".parse().unwrap(), SECOND), Some(60));
        assert_eq!(guesses.wait_s("2001:db8:1:3::1".parse().unwrap(), SECOND), None);
    }
}
