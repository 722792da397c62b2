//! Where connections come from: sockets of TCP, each worker its own, and Unix sockets, which workers share.
//!
//! Never: takes a path away from a process that still listens on it.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::UnixListener;

use super::stream::Stream;

/// How many connections may wait in the kernel for a worker.
const BACKLOG: u32 = 1_024;

/// A listening socket of one worker.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Do clients speak TLS on it?
    pub(super) is_tls: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Listener {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }
}

/// Opens one listening socket for each worker, all on the same port; port 0 picks one for all.
///
/// # Errors
/// The address cannot be listened on.
pub fn listen(address: SocketAddr, is_tls: bool, workers: usize) -> io::Result<Vec<Listener>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut address = address;
    let mut listeners = Vec::with_capacity(workers);
    runtime.block_on(async {
        for _ in 0..workers {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            address = listener.local_addr()?;
            listeners.push(Listener { socket: Socket::Tcp(listener.into_std()?), is_tls });
        }
        Ok::<_, io::Error>(())
    })?;
    Ok(listeners)
}

/// A path that has a listening socket, until this is dropped.
#[derive(Debug)]
pub struct Bound {
    path: PathBuf,
    /// Of the file that we made: another process may have put its own in its place since.
    inode: u64,
}

impl Drop for Bound {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            drop(fs::remove_file(&self.path));
        }
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::symlink_metadata(path)?.ino())
}

/// Opens one listening Unix socket, which all workers accept from. A socket that a process left behind which is gone is replaced.
///
/// # Errors
/// The path is something else than a socket, somebody listens on it, or it cannot be made.
pub fn listen_unix(path: &Path, mode: u32, workers: usize) -> io::Result<(Vec<Listener>, Bound)> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(there) if !there.file_type().is_socket() => {
            return Err(io::Error::other("there is something that is no socket"));
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::Error::from(io::ErrorKind::AddrInUse)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
        },
    }
    let socket = std::os::unix::net::UnixListener::bind(path)?;
    let bound = Bound { inode: inode(path)?, path: path.to_owned() };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.set_nonblocking(true)?;
    let each =
        (0..workers).map(|_| Ok(Listener { socket: Socket::Unix(socket.try_clone()?), is_tls: false }));
    Ok((each.collect::<io::Result<_>>()?, bound))
}

/// A listener in a runtime.
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    pub(super) fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener.socket {
            Socket::Tcp(socket) => Self::Tcp(TcpListener::from_std(socket)?),
            Socket::Unix(socket) => Self::Unix(UnixListener::from_std(socket)?),
        })
    }

    /// The next connection, and the address that it comes from.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                drop(stream.set_nodelay(true));
                bound_unsent(&stream);
                Ok((Stream::Tcp(stream), Some(peer.ip())))
            }
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

/// What a client does not take waits with the app, and neither here nor in the kernel. A socket that refuses the option still
/// works.
fn bound_unsent(stream: &tokio::net::TcpStream) {
    #[cfg(target_os = "linux")]
    drop(socket2::SockRef::from(stream).set_tcp_notsent_lowat(crate::limits::UNSENT_BYTES_MAX));
    #[cfg(not(target_os = "linux"))]
    drop(stream.nodelay());
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpStream;

    use crate::limits;

    use super::*;

    #[tokio::test]
    async fn the_kernel_keeps_little_of_what_a_client_does_not_take() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let socket = socket2::SockRef::from(&stream);
        assert_ne!(socket.tcp_notsent_lowat().unwrap(), limits::UNSENT_BYTES_MAX);
        bound_unsent(&stream);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), limits::UNSENT_BYTES_MAX);
        // All that fits goes out at once, and no more.
        let mut sent = 0;
        while let Ok(bytes) = stream.try_write(&[0; 8 << 10]) {
            sent += bytes;
            assert!(sent < 4 << 20, "{sent}");
        }
    }

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.sock");
        // The standard library's listener leaves its path behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (listeners, bound) = listen_unix(&path, 0o600, 2).unwrap();
        assert_eq!(listeners.len(), 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listen_unix(&path, 0o600, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_stays_and_so_does_another_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        listen_unix(&path, 0o600, 1).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        let path = folder.path().join("data.sock");
        let (_, bound) = listen_unix(&path, 0o600, 1).unwrap();
        let other = folder.path().join("other.sock");
        let _other = std::os::unix::net::UnixListener::bind(&other).unwrap();
        fs::rename(&other, &path).unwrap();
        drop(bound);
        assert!(path.exists(), "it is not ours any more");
    }
}
