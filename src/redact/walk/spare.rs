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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    use crate::redact::ClassIx;
    use crate::redact::Mask;
    use crate::redact::ShapeBuilder;

    #[test]
    fn a_walk_that_is_used_again_is_like_a_new_one() {
        let mut shape = ShapeBuilder::new();
        shape.path("$..ssn", ClassIx(0)).unwrap();
        shape.path("$..gone", ClassIx(1)).unwrap();
        let hidden = [(ClassIx(0), Mask::default()), (ClassIx(1), Mask::Drop)];
        let plan = Plan::new(&Arc::new(shape.build().unwrap()), hidden, None);
        let new = format!("{:?}", Walk::new(&plan));
        for body in [
            r#"{"a":1,"ssn":"999-71-5003","gone":[1],"text":"long enough for an index, or so it is said"}"#,
            r#"[{"ssn":"9"#,
            r#"{"a":{"ss"#,
            r#"{"a":[-1"#,
            "\u{feff}[tr",
            r#"{"gone":"#,
        ] {
            let mut walk = Walk::spare(&plan, None);
            assert_eq!(format!("{walk:?}"), new, "before {body}");
            let memory: *const Walk = &raw const *walk;
            walk.feed(&plan, &Bytes::from(body)).unwrap();
            assert_ne!(format!("{walk:?}"), new, "{body}");
            walk.give_back();
            let again = Walk::spare(&plan, None);
            assert_eq!((&raw const *again, format!("{again:?}")), (memory, new.clone()), "after {body}");
            again.give_back();
        }
    }
}
