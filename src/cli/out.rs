//! The two streams that the command line prints to, with colours or without.
//!
//! Never: fails. A reader that went away is no error; anything else that cannot be written is remembered.

use std::io;
use std::io::Write as _;

use anstyle::AnsiColor;
use anstyle::Style;

use super::Colour;
use super::World;

/// Where results and errors are printed.
#[derive(Debug)]
pub struct Out {
    colours: bool,
    error_colours: bool,
    /// Why something was not written, where it was not.
    lost: Option<Lost>,
}

/// Why something was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// The reader went away.
    Unread,
    /// Anything else.
    Broken,
}

pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const DIM: Style = AnsiColor::BrightBlue.on_default();
pub(crate) const BOLD: Style = Style::new().bold();

/// Are there colours, on a terminal or elsewhere?
pub(super) fn colours(when: Colour, world: &World<'_>, terminal: bool) -> bool {
    match when {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            let set = |name| (world.variable)(name).filter(|value| !value.is_empty());
            terminal && set("NO_COLOR").is_none() && set("TERM").as_deref() != Some("dumb")
        }
    }
}

/// A text in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Out {
    pub(crate) const fn new(colours: bool, error_colours: bool) -> Self {
        Self { colours, error_colours, lost: None }
    }

    /// Are lines on standard error coloured?
    pub(crate) const fn colours_errors(&self) -> bool {
        self.error_colours
    }

    /// Prints a line of the result; its styles are taken out where colours are off.
    pub fn line(&mut self, text: &str) {
        let text =
            if self.colours { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() };
        self.raw(format!("{text}\n").as_bytes());
    }

    /// Prints bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        self.note(stdout.write_all(bytes).and_then(|()| stdout.flush()));
    }

    /// Prints a line about what went wrong.
    pub fn error(&mut self, message: &str) {
        let text = format!("{}: {message}", paint(BAD, "error"));
        self.aside(&text);
    }

    /// Prints a line that is not part of the result.
    pub fn aside(&mut self, text: &str) {
        let text =
            if self.error_colours { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() };
        let mut stderr = io::stderr().lock();
        self.note(stderr.write_all(format!("{text}\n").as_bytes()));
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            let unread = error.kind() == io::ErrorKind::BrokenPipe && self.lost != Some(Lost::Broken);
            self.lost = Some(if unread { Lost::Unread } else { Lost::Broken });
        }
    }

    /// Was there something that could not be written?
    pub(crate) const fn is_broken(&self) -> bool {
        matches!(self.lost, Some(Lost::Broken))
    }

    /// Did the reader go away?
    #[cfg(feature = "audit")]
    pub(crate) const fn is_unread(&self) -> bool {
        self.lost.is_some()
    }
}
