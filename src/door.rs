//! The door: what a connection shows before it brings requests. TLS with certificates that rotate, and the PROXY protocol.
//!
//! Never: accepts a connection, looks into a request, or tells a key.

mod certificates;
mod proxy;
mod standing;

pub use certificates::ClientAuth;
pub use certificates::MinVersion;
pub use certificates::TlsSettings;
pub use certificates::check;
pub use proxy::ProxyHeader;
pub use proxy::Source;
pub use standing::Certificates;
pub use standing::Standing;
pub use standing::Watching;
