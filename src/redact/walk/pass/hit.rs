//! A member whose key may be one of the shape's, in a pass: most are hidden by a text that is known beforehand.
//!
//! Never: hides a part of a value, or begins what would have to be taken back.

use crate::redact::output::ShortText;
use crate::redact::symbols::SHORT;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Walk;
use crate::redact::walk::nest::Known;
use crate::redact::walk::pass::Pass;
use crate::redact::walk::scalar::scalar;

/// What came of it.
pub(super) enum Hit {
    /// It has to be looked at.
    Stop,
    /// Nothing is done with it but what is done with others.
    AsOthers,
    /// It and its comma are passed over.
    Passed,
    /// It is, and at the pass's place stands the end of the object.
    Closes,
}

/// For each length of a short key its bytes, of sixteen.
const MASKS: [u128; SHORT + 1] = masks();

#[expect(clippy::indexing_slicing, reason = "below the length, and evaluated when compiled")]
const fn masks() -> [u128; SHORT + 1] {
    let mut masks = [0; SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        masks[length] = masks[length - 1] << 8 | 0xff;
        length += 1;
    }
    masks
}

impl Walk {
    /// Passes over the next member if its value is only hidden: then what hides it is written. Its key, its colon and the first
    /// byte of its value are known to stand there.
    #[inline(never)]
    pub(super) fn hit(&mut self, pass: &mut Pass<'_>) -> Hit {
        let [open, close, value, last] = pass.next();
        let (shape, window) = (&pass.plan.shape, pass.window);
        let sixteen = window.get(open + 1..open + 1 + SHORT).and_then(|key| key.first_chunk());
        let sixteen = sixteen.copied().map(u128::from_le_bytes);
        let own = sixteen.zip(MASKS.get(close.wrapping_sub(open + 1)));
        let own = own.and_then(|(sixteen, mask)| shape.short_member(self.top.state, sixteen & mask));
        let state = match own {
            Some(state) => state,
            None => shape.member(self.top.state, window.get(open + 1..close).unwrap_or_default()),
        };
        let first = pass.byte(value);
        let Known { act, set, .. } = Self::known(pass.plan, state, first);
        if first == b'"' && pass.is_quick && pass.byte(last + 1) == b',' {
            let text = pass.plan.short_text(act);
            let from = pass.index.from;
            if text.len() != 0 && self.hide_quickly(pass.bytes, (from + value, from + last + 1), text, set) {
                pass.skip(4);
                pass.at = last + 2;
                return Hit::Passed;
            }
        }
        self.hit_any(pass, (act, set), state == shape.others(self.top.state))
    }

    /// The same of any value.
    #[inline(never)]
    fn hit_any(&mut self, pass: &mut Pass<'_>, (act, set): (u16, u16), is_as_others: bool) -> Hit {
        let [.., value, last] = pass.next::<4>();
        let first = pass.byte(value);
        let (end, tokens) = match first {
            b'"' => (last + 1, 4),
            b'{' | b'[' => return if is_as_others { Hit::AsOthers } else { Hit::Stop },
            _ => match scalar(pass.window, value, first) {
                Some(end) => (end, 3),
                None => return Hit::Stop,
            },
        };
        if act == 0 {
            return Hit::AsOthers;
        }
        if self.output.is_holding() {
            return Hit::Stop;
        }
        // So that nothing has to be taken back once it is hidden.
        let behind = match pass.byte(end) {
            b',' | b'}' => end,
            b' ' | b'\n' | b'\r' | b'\t' => match pass.tokens.get(pass.passed + tokens) {
                Some(next) => usize::from(*next),
                None => return Hit::Stop,
            },
            _ => return Hit::Stop,
        };
        let is_comma = match pass.byte(behind) {
            b',' => true,
            b'}' => false,
            _ => return Hit::Stop,
        };
        let from = pass.index.from;
        match self.hide_at_once(pass.plan, (act, set), pass.bytes, from + value..from + end, first) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Hit::Stop,
        }
        pass.is_quick = self.is_quick();
        pass.skip(tokens + usize::from(behind != end));
        pass.at = behind + usize::from(is_comma);
        if is_comma { Hit::Passed } else { Hit::Closes }
    }

    /// May a text that is only hidden be replaced without a question: has one been in this piece, is nothing held, and does
    /// nothing else go on around it? While a pass lasts nothing of that changes, but for the first.
    pub(super) fn is_quick(&self) -> bool {
        let is_alone = self.hidden_at == NOWHERE && self.row.is_none() && !self.output.is_holding();
        is_alone && self.output.has_spilled() && !self.counts.is_empty()
    }

    /// Replaces what stands between these places of the piece. It is so unless something is amiss.
    #[inline(always)]
    fn hide_quickly(&mut self, bytes: &[u8], (from, to): (usize, usize), text: &ShortText, set: u16) -> bool {
        let Some(count) = self.counts.get_mut(usize::from(set)) else { return false };
        if !self.output.put(bytes, from..to, text) {
            return false;
        }
        *count = count.wrapping_add(1);
        true
    }
}
