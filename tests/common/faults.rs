//! A proxy between Palisade and an app that does what networks do: cut, reset, stall, trickle, half-close.
//!
//! It carries bytes and knows nothing of HTTP. What befalls a connection is said by its number, from 0.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the app.
    Request,
    /// From the app.
    Answer,
}

/// What befalls a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Both ways end, with nothing lost.
    Cut,
    /// Both ways are reset.
    Reset,
    /// Nothing passes any more, this way.
    Stall,
    /// A byte at a time passes, this way, with this pause.
    Trickle(Duration),
    /// This way ends, and the other goes on.
    HalfClose,
}

/// What befalls a connection once so many bytes have passed one way, and another one is there.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub way: Way,
    pub after: usize,
    pub what: What,
}

/// Such a proxy.
pub struct Faults {
    pub address: SocketAddr,
    /// Connections so far.
    pub connections: Arc<AtomicUsize>,
}

impl Faults {
    /// Stands before `app`; `plan` says what befalls each connection, if anything.
    pub fn before(app: SocketAddr, plan: impl Fn(usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let fault = plan(count.fetch_add(1, Ordering::SeqCst));
                drop(carry(stream, app, fault));
            }
        });
        Self { address, connections }
    }
}

/// Both ends of a connection. Neither is closed before both ways have let go of it.
struct Pair {
    near: TcpStream,
    far: TcpStream,
    /// It is to be reset: then no way ends in order.
    resets: AtomicBool,
}

fn carry(near: TcpStream, app: SocketAddr, fault: Option<Fault>) -> std::io::Result<()> {
    let far = TcpStream::connect(app)?;
    for stream in [&near, &far] {
        stream.set_nodelay(true)?;
    }
    let pair = Arc::new(Pair { near, far, resets: AtomicBool::new(false) });
    for way in [Way::Request, Way::Answer] {
        let pair = Arc::clone(&pair);
        let fault = fault.filter(|fault| fault.way == way);
        std::thread::spawn(move || drop(pass(&pair, way, fault)));
    }
    Ok(())
}

fn pass(pair: &Pair, way: Way, fault: Option<Fault>) -> std::io::Result<()> {
    let (mut from, mut to) = match way {
        Way::Request => (&pair.near, &pair.far),
        Way::Answer => (&pair.far, &pair.near),
    };
    let mut passed = 0;
    let mut piece = [0; 16 << 10];
    loop {
        let read = from.read(&mut piece)?;
        if pair.resets.load(Ordering::SeqCst) {
            return Ok(());
        }
        if read == 0 {
            return to.shutdown(Shutdown::Write);
        }
        let left = fault.map_or(read, |fault| fault.after.saturating_sub(passed));
        let (now, rest) = piece[..read].split_at(left.min(read));
        to.write_all(now)?;
        if let Some(fault) = fault.filter(|_| !rest.is_empty()) {
            return befalls(pair, (from, to), rest, fault.what);
        }
        passed += read;
    }
}

fn befalls(
    pair: &Pair,
    (mut from, mut to): (&TcpStream, &TcpStream),
    rest: &[u8],
    what: What,
) -> std::io::Result<()> {
    match what {
        What::Cut => {
            drop(from.shutdown(Shutdown::Both));
            to.shutdown(Shutdown::Both)
        }
        What::Reset => {
            pair.resets.store(true, Ordering::SeqCst);
            for stream in [from, to] {
                // Without a time to linger, closing resets; and the other way wakes up and lets go.
                socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
                drop(stream.shutdown(Shutdown::Read));
            }
            Ok(())
        }
        What::Stall => loop {
            std::thread::park();
        },
        What::HalfClose => to.shutdown(Shutdown::Write),
        What::Trickle(pause) => {
            let mut rest = rest.to_vec();
            while !rest.is_empty() {
                for byte in rest.drain(..) {
                    to.write_all(&[byte])?;
                    std::thread::sleep(pause);
                }
                let mut piece = [0; 64];
                let read = from.read(&mut piece)?;
                rest.extend_from_slice(&piece[..read]);
            }
            to.shutdown(Shutdown::Write)
        }
    }
}
