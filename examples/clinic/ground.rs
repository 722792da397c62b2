//! What the stage stands on: free ports, and a copy of a folder.

use std::net::SocketAddr;
use std::path::Path;

use crate::Fallible;

/// Listens on the usual port if that is asked for and it is free, else on any.
pub(crate) fn listener(usual: bool, port: u16) -> Fallible<std::net::TcpListener> {
    let any = || std::net::TcpListener::bind(("127.0.0.1", 0));
    let listener =
        if usual { std::net::TcpListener::bind(("127.0.0.1", port)).or_else(|_| any())? } else { any()? };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Two free addresses. Both are held until both are known, so that they differ, and let go before they are used.
pub(crate) fn free(ports: [u16; 2], usual: bool) -> Fallible<[SocketAddr; 2]> {
    let [one, two] = ports.map(|port| listener(usual, port));
    let (one, two) = (one?, two?);
    Ok([one.local_addr()?, two.local_addr()?])
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Fallible<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
