//! Threads for what can wait: reloading, asking for bundles, looking at decisions a second time.
//!
//! They share the machine with the threads that serve requests, and step behind them where both want the same core.
//! Never: carries a request, or makes one wait for its result.

use std::io;
use std::thread::Builder;
use std::thread::JoinHandle;

use crate::limits;

/// Starts such a thread. What it starts itself steps back as well: on Linux a thread has the niceness of its parent.
///
/// # Errors
/// The system gives no thread.
pub fn start<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(error) = rustix::process::nice(limits::BACKGROUND_NICE) {
            // Then it competes, and is right all the same.
            tracing::debug!(%error, name, "a background thread keeps its priority");
        }
        work()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The niceness of the calling thread, from the kernel.
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // After the name in parentheses: the state is field 3, the niceness field 19 (proc(5)).
        let fields = stat.rsplit_once(')').unwrap().1;
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn a_background_thread_and_what_it_starts_step_back_and_nobody_else_does() {
        let before = niceness();
        let inner = start("test", || (niceness(), std::thread::spawn(niceness).join().unwrap()));
        let expected = (before + limits::BACKGROUND_NICE).min(19);
        assert_eq!(inner.unwrap().join().unwrap(), (expected, expected));
        assert_eq!(niceness(), before);
    }
}
