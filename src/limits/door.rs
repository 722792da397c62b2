//! Bounds of what a connection shows before its first request, and of what proxies in front say.

/// Largest file of certificates or keys of a listener, in bytes: a bundle of all public authorities has a quarter of it.
pub const TLS_FILE_BYTES_MAX: usize = 1 << 20;
/// Longest header of the PROXY protocol, in bytes. What proxies send has under 600; the protocol's own bound is 64 KiB.
pub const PROXY_HEADER_BYTES_MAX: usize = 2 << 10;
/// Longest SPIFFE id, in bytes (SPIFFE-ID section 2.3).
pub const SPIFFE_ID_BYTES_MAX: usize = 2_048;
/// Longest trust domain, in bytes (SPIFFE-ID section 2.3).
pub const TRUST_DOMAIN_BYTES_MAX: usize = 255;
/// Most elements of `x-forwarded-client-cert`, and most addresses that a chain of proxies names: one each hop.
pub const HOPS_MAX: usize = 32;
/// Most rules that say to whom workloads belong: each call of a workload walks them.
pub const WORKLOADS_MAX: usize = 1_000;
/// Most networks of trusted peers.
pub const TRUSTED_PEERS_MAX: usize = 256;
/// Longest path of a Unix socket, in bytes: what the kernel's address has room for (`sun_path`), without the NUL at its end.
pub const UNIX_PATH_BYTES_MAX: usize = 107;
/// How long a connection whose client showed a certificate is used (default), in seconds: so long may a certificate count that its authority
/// no longer stands for.
pub const CERTIFIED_CONNECTION_SECONDS: u64 = 3_600;
