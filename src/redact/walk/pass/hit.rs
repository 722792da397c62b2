//! A member whose key may be one of the shape's, in a pass: most are hidden by a text that is known beforehand.
//!
//! Never: hides a part of a value, or begins what would have to be taken back.

use crate::redact::automaton::StateIx;
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
pub(super) const MASKS: [u128; SHORT + 1] = masks();

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

/// What is known of texts below a key: bodies say the same few keys over and over.
#[derive(Debug, Clone, Copy, Default)]
struct Known16 {
    /// The key as of [`MASKS`]; 0 where nothing is known.
    key: u128,
    state: StateIx,
    act: u16,
    set: u16,
}

/// That of one body.
#[derive(Debug, Default)]
pub(in crate::redact::walk) struct Memory([Known16; 16]);

impl Memory {
    /// Where it is kept. Any place would do: all of the key is compared.
    #[inline(always)]
    fn place(key: u128) -> usize {
        let halves = (key >> 64) as u64 ^ key as u64;
        (halves.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize
    }

    #[inline(always)]
    fn of(&self, key: u128, state: StateIx) -> Option<(u16, u16)> {
        let known = self.0.get(Self::place(key))?;
        (known.key == key && known.state == state).then_some((known.act, known.set))
    }

    fn keep(&mut self, key: u128, state: StateIx, (act, set): (u16, u16)) {
        if let Some(known) = self.0.get_mut(Self::place(key)) {
            *known = Known16 { key, state, act, set };
        }
    }
}

impl Walk {
    /// Passes over the next member if its value is only hidden: then what hides it is written. Its key, its colon and the first
    /// byte of its value are known to stand there.
    #[inline(never)]
    pub(super) fn hit(&mut self, pass: &mut Pass<'_>) -> Hit {
        let [open, close, value, last] = pass.next();
        let sixteen = pass.window.get(open + 1..open + 1 + SHORT).and_then(|key| key.first_chunk());
        let sixteen = sixteen.copied().map(u128::from_le_bytes);
        let key = sixteen.zip(MASKS.get(close.wrapping_sub(open + 1))).map(|(sixteen, mask)| sixteen & mask);
        let key = key.unwrap_or_default();
        let is_quick = pass.byte(value) == b'"' && pass.is_quick && pass.byte(last + 1) == b',';
        if is_quick
            && let Some(known) = self.memory.of(key, self.top.state)
            && self.hide_quickly(pass, (value, last), known)
        {
            return Hit::Passed;
        }
        self.hit_new(pass, key, is_quick)
    }

    /// The same below a key of which nothing is known.
    #[inline(never)]
    fn hit_new(&mut self, pass: &mut Pass<'_>, key: u128, is_quick: bool) -> Hit {
        let [open, close, value, last] = pass.next();
        let (shape, window, first) = (&pass.plan.shape, pass.window, pass.byte(value));
        let own = if key == 0 { None } else { shape.short_member(self.top.state, key) };
        let state = match own {
            Some(state) => state,
            None => shape.member(self.top.state, window.get(open + 1..close).unwrap_or_default()),
        };
        let Known { act, set, .. } = Self::known(pass.plan, state, first);
        if is_quick && self.hide_quickly(pass, (value, last), (act, set)) {
            if key != 0 {
                self.memory.keep(key, self.top.state, (act, set));
            }
            return Hit::Passed;
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

    /// Replaces the text between these quotes, behind which a comma stands, if a short text is all that is done by this act.
    #[inline(always)]
    fn hide_quickly(
        &mut self,
        pass: &mut Pass<'_>,
        (open, close): (usize, usize),
        (act, set): (u16, u16),
    ) -> bool {
        let (text, from) = (pass.plan.short_text(act), pass.index.from);
        let Some(count) = self.counts.get_mut(usize::from(set)).filter(|_| !text.is_empty()) else {
            return false;
        };
        if !self.output.put(pass.bytes, from + open..from + close + 1, text) {
            return false;
        }
        *count = count.wrapping_add(1);
        pass.skip(4);
        pass.at = close + 2;
        true
    }
}
