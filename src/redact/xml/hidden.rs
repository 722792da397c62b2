//! An element that is hidden, until it has ended.
//!
//! Never: lets out anything of it but its name, its declarations of namespaces and what its mask makes of its text.

use super::names;
use super::tag;
use super::tag::Start;
use super::text;
use crate::limits;
use crate::redact::plan::Plan;

/// An element that is hidden: it leaves when it has ended, as its mask makes it.
#[derive(Debug)]
pub(super) struct Hidden {
    /// How many elements stand around it.
    pub(super) depth: usize,
    rule: u16,
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
        Self { depth, rule, head: start.bare(), has_elements: false, text }
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
        let text = match names::masked(plan, self.rule, self.text.as_deref(), self.has_elements) {
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
