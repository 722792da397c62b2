//! From a connection that was accepted to one that may bring requests: the PROXY header, the TLS handshake, who it is of.
//!
//! All of it has the time of one head, and waits beside everything else that the worker does.
//! Never: lets a request pass on a connection that did not show what it has to.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::door::Certificates;
use crate::door::ProxyHeader;
use crate::door::Source;
use crate::identity::Svid;
use crate::net::Station;
use crate::net::stream::Stream;
use crate::request::Flaw;
use crate::request::Peer;
use crate::request::Peers;

/// What connections have to show.
#[derive(Debug, Clone)]
pub struct Door {
    /// What listeners with TLS use.
    pub certificates: Option<Arc<Certificates>>,
    /// Who may say for whom it connects.
    pub trusted_peers: Arc<Peers>,
    /// Do connections of trusted peers begin with a header of the PROXY protocol?
    pub proxy_protocol: bool,
}

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) stream: Stream,
    /// Where it comes from; nothing of a Unix socket.
    pub(super) ip: Option<IpAddr>,
    pub(super) is_tls: bool,
}

/// A connection that may bring requests.
pub(super) struct Entered {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) speaks: Speaks,
    /// What it showed was no sound header. Its first request is refused for that.
    pub(super) flaw: Option<Flaw>,
    /// Did its client show a certificate?
    pub(super) is_certified: bool,
}

/// Which protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// What the first bytes say, where HTTP/2 is taken without TLS.
    AsItBegins,
}

/// Why a connection brings no request at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// TLS was not agreed on, or the client's certificate is not believed.
    Handshake,
    /// It took too long.
    TooSlow,
    /// The PROXY header is missing or malformed, where TLS was to follow and so nothing can be said.
    ProxyHeader,
    /// There are too many connections.
    TooMany,
}

impl TurnedAway {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Handshake, Self::TooSlow, Self::ProxyHeader, Self::TooMany];

    /// A stable name for the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "tls_handshake",
            Self::TooSlow => "handshake_timeout",
            Self::ProxyHeader => "proxy_header",
            Self::TooMany => "too_many",
        }
    }
}

impl Door {
    /// Has a connection to show nothing? Then it may come in at once.
    fn is_open(&self, accepted: &Accepted) -> bool {
        let begins_with_header = self.proxy_protocol && self.trusts(accepted.ip);
        !accepted.is_tls && !begins_with_header
    }

    fn trusts(&self, ip: Option<IpAddr>) -> bool {
        match ip {
            Some(ip) => self.trusted_peers.has(ip),
            None => self.trusted_peers.has_unix(),
        }
    }

    fn peer(&self, ip: Option<IpAddr>) -> Peer {
        let text = ip.and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok());
        Peer { ip, text, is_trusted: self.trusts(ip), ..Peer::default() }
    }
}

/// Waits until a connection has shown all that it has to.
///
/// # Errors
/// It did not, and nothing can be answered.
pub(super) async fn enter(accepted: Accepted, station: &Station) -> Result<Entered, TurnedAway> {
    let (door, settings) = (&station.settings.door, &station.settings);
    let speaks = if settings.h2c { Speaks::AsItBegins } else { Speaks::Http1 };
    if door.is_open(&accepted) {
        let peer = door.peer(accepted.ip);
        return Ok(Entered { stream: accepted.stream, peer, speaks, flaw: None, is_certified: false });
    }
    // On the heap, that those who have nothing to show do not carry its room.
    let showing = Box::pin(show(accepted, door, speaks));
    match tokio::time::timeout(settings.head_timeout, showing).await {
        Ok(shown) => shown,
        Err(_) => Err(TurnedAway::TooSlow),
    }
}

async fn show(accepted: Accepted, door: &Door, speaks: Speaks) -> Result<Entered, TurnedAway> {
    let Accepted { mut stream, mut ip, is_tls } = accepted;
    let mut flaw = None;
    let mut is_hidden = false;
    if door.proxy_protocol && door.trusts(ip) {
        match proxied(&mut stream).await {
            Ok(Some(Source::Itself)) => {}
            Ok(Some(Source::Ip(client))) => ip = Some(client),
            Ok(Some(Source::Unix)) => (ip, is_hidden) = (None, true),
            Ok(None) if is_tls => return Err(TurnedAway::ProxyHeader),
            Ok(None) => flaw = Some(Flaw::ProxyHeader),
            Err(_) => return Err(TurnedAway::ProxyHeader),
        }
    }
    let mut peer = door.peer(ip);
    // Somebody on a Unix socket of another machine is nobody that we know.
    peer.is_trusted &= !is_hidden;
    if !is_tls {
        let speaks = if flaw.is_some() { Speaks::Http1 } else { speaks };
        return Ok(Entered { stream, peer, speaks, flaw, is_certified: false });
    }
    let (Stream::Tcp(tcp), Some(certificates)) = (stream, &door.certificates) else {
        return Err(TurnedAway::Handshake);
    };
    let stream = handshake(tcp, certificates).await.map_err(|error| {
        tracing::debug!(%error, "no TLS");
        TurnedAway::Handshake
    })?;
    Ok(known(stream, peer))
}

async fn handshake(stream: TcpStream, certificates: &Certificates) -> io::Result<TlsStream<TcpStream>> {
    TlsAcceptor::from(certificates.current()).accept(stream).await
}

fn known(stream: TlsStream<TcpStream>, mut peer: Peer) -> Entered {
    let (_, session) = stream.get_ref();
    let speaks = if session.alpn_protocol() == Some(b"h2") { Speaks::Http2 } else { Speaks::Http1 };
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let is_certified = certificate.is_some();
    peer.is_tls = true;
    if !peer.is_trusted {
        peer.server_name = session.server_name().map(|name| name.trim_end_matches('.').into());
    }
    peer.workload = certificate.and_then(|certificate| match Svid::of_certificate(certificate) {
        Ok(svid) => Some(Arc::new(svid)),
        Err(why) => {
            tracing::debug!(?why, "a certificate names no workload");
            None
        }
    });
    Entered { stream: Stream::Tls(Box::new(stream)), peer, speaks, flaw: None, is_certified }
}

/// Reads the PROXY header and not a byte more. `None`: it is none, or is malformed.
async fn proxied(stream: &mut Stream) -> io::Result<Option<Source>> {
    let mut header = Vec::new();
    loop {
        match ProxyHeader::read(&header) {
            ProxyHeader::Needs(bytes) => {
                let from = header.len();
                header.resize(bytes, 0);
                let read = stream.read(header.get_mut(from..).unwrap_or_default()).await?;
                if read == 0 {
                    // Whoever only looks whether anybody listens has said nothing wrong.
                    return if from == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(None) };
                }
                header.truncate(from + read);
            }
            ProxyHeader::Whole { source, .. } => return Ok(Some(source)),
            ProxyHeader::Bad => return Ok(None),
        }
    }
}
