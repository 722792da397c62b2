//! Walks that have ended, whose memory the next body on this thread uses: most bodies are short, and ask for none of their own.
//!
//! Never: hands on a byte of a body, or what was known of one.

use std::cell::Cell;
use std::sync::Arc;

use crate::redact::plan::Plan;
use crate::redact::walk::LastKey;
use crate::redact::walk::Owns;
use crate::redact::walk::QuietKeys;
use crate::redact::walk::Walk;

thread_local! {
    static SPARE: Cell<Option<Box<Walk>>> = const { Cell::new(None) };
}

/// Most bytes of a buffer that is kept.
const KEPT_BYTES_MAX: usize = 8 << 10;

impl Walk {
    /// [`Walk::of_owner`], in the memory of a walk that this thread has given back.
    pub(in crate::redact) fn spare(plan: &Plan, owner: Option<&Arc<dyn Owns>>) -> Box<Self> {
        let Some(mut walk) = SPARE.take() else { return Box::new(Self::of_owner(plan, owner)) };
        let mut next = Self::with(plan, plan.shape.start, std::mem::take(&mut walk.around));
        next.owner = owner.cloned();
        next.output = std::mem::take(&mut walk.output);
        (next.key, next.counts) = (std::mem::take(&mut walk.key), std::mem::take(&mut walk.counts));
        next.last_key = std::mem::take(&mut walk.last_key);
        next.quiet = walk.quiet.take();
        *walk = next;
        walk
    }

    /// Keeps its memory for the next body, and nothing of this one.
    pub(in crate::redact) fn give_back(mut self: Box<Self>) {
        (self.owner, self.row, self.captured) = (None, None, None);
        self.around.clear();
        self.counts.clear();
        self.output.clear(KEPT_BYTES_MAX);
        self.last_key = std::mem::take(&mut self.last_key).emptied();
        cleared(&mut self.key, KEPT_BYTES_MAX);
        self.quiet.iter_mut().for_each(QuietKeys::forget);
        SPARE.set(Some(self));
    }
}

impl LastKey {
    /// No key, in the same memory.
    fn emptied(mut self) -> Self {
        cleared(&mut self.text, KEPT_BYTES_MAX);
        Self { at: None, text: self.text, held: None }
    }
}

/// Empties a buffer, and keeps no more than so many bytes of memory for the next one.
pub(in crate::redact) fn cleared(buffer: &mut Vec<u8>, bytes_max: usize) {
    if buffer.capacity() > bytes_max {
        *buffer = Vec::new();
    }
    buffer.clear();
}
