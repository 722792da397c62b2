//! An element that is hidden, until it has ended.
//!
//! Never: lets out anything of it but its name, its declarations of namespaces and what its mask makes of its text.

use super::names;
use super::tag;
use super::tag::Start;
use super::text;
use crate::limits;
use crate::redact::plan::Plan;

/// Why it is hidden.
#[derive(Debug, Clone, Copy)]
enum What {
    /// By the act of this number.
    Masked(u16),
    /// It is a number of rows, of which so many were taken out.
    Counted(u64),
}

/// An element that is hidden: it leaves when it has ended, as its mask makes it.
#[derive(Debug)]
pub(super) struct Hidden {
    /// How many elements stand around it.
    pub(super) depth: usize,
    what: What,
    /// The start tag's name and declarations of namespaces.
    head: String,
    pub(super) has_elements: bool,
    /// Its text. `None` if it is too long, or nobody looks.
    text: Option<String>,
}

impl Hidden {
    /// The element of this start tag, with so many around it.
    pub(super) fn new(plan: &Plan, start: &Start<'_>, depth: usize, rule: u16) -> Self {
        let text = names::is_looked_at(plan, rule).then(String::new);
        Self { depth, what: What::Masked(rule), head: start.bare(), has_elements: false, text }
    }

    /// The element of this start tag, which is a number of rows of which so many were taken out.
    pub(super) fn counted(start: &Start<'_>, depth: usize, taken: u64) -> Self {
        let text = Some(String::new());
        Self { depth, what: What::Counted(taken), head: start.bare(), has_elements: false, text }
    }

    /// More of its text.
    pub(super) fn add(&mut self, text: &str) {
        let known = self.text.as_ref().map_or(0, String::len);
        if known + text.len() > limits::MASKED_VALUE_BYTES_MAX {
            self.text = None;
        }
        if let Some(known) = &mut self.text {
            known.push_str(text);
        }
    }

    /// Writes what is left of the element.
    pub(super) fn leave(self, plan: &Plan, out: &mut String) {
        let text = self.text.as_deref().filter(|_| !self.has_elements);
        let text = match self.what {
            What::Masked(rule) => names::masked(plan, rule, self.text.as_deref(), self.has_elements),
            What::Counted(taken) => Some(names::less(text.unwrap_or_default(), taken)),
        };
        let text = match text {
            Some(text) => text,
            // Without its root a document is none.
            None if self.depth == 0 => String::new(),
            None => return,
        };
        out.push('<');
        out.push_str(&self.head);
        if text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        text::encode(&text, out);
        let name = self.head.split(tag::is_space).next().unwrap_or_default();
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    }
}
