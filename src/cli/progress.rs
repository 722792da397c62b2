//! How far long work has come, on a terminal and nowhere else.
//!
//! Never: prints into a file or a pipe, or to the standard output.

use std::io::IsTerminal as _;
use std::io::Write as _;

/// Progress of work whose size is known.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    shown: usize,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: 0, shown: 0, is_shown: std::io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.at(self.done + 1);
    }

    /// So many are done.
    pub(crate) fn at(&mut self, done: usize) {
        self.done = done;
        let percent = self.done.saturating_mul(100) / self.total.max(1);
        if self.is_shown && percent > self.shown {
            self.shown = percent;
            // Who cannot see it misses nothing of the result.
            write!(std::io::stderr(), "\r{} {percent} % of {}", self.what, self.total).ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown > 0 {
            write!(std::io::stderr(), "\r\u{1b}[K").ok();
        }
    }
}
