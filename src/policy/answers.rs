//! What was answered before, kept by exactly what the answer depends on.
//!
//! A [`Ground`](super::ground::Ground) is one caller, action, route and DataKey under one snapshot; its policies read at most
//! the context besides, and [`Reads`] says what of it. Two requests on one ground that agree in that are one question.
//! INVARIANT: a kept answer is the answer that would be given (`tests::laws`).
//! Never: keeps an answer with an error in it (the next try may not err), or more than its bound.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::rc::Rc;

use crate::limits;

use super::Verdict;
use super::engine::reads::Parts;
use super::engine::reads::Reads;
use super::engine::reads::Seen;

/// The answers to questions that are asked together, in their order.
#[derive(Debug)]
pub(super) struct Answers {
    /// How often they were given since that was last counted.
    uses: Cell<u64>,
    all: Box<[OnceCell<Verdict>]>,
}

impl Answers {
    fn new(questions: usize) -> Rc<Self> {
        Rc::new(Self { uses: Cell::new(0), all: (0..questions).map(|_| OnceCell::new()).collect() })
    }

    /// One use more; is it the first since they were last counted?
    pub(super) fn is_first_use(&self) -> bool {
        self.uses.replace(self.uses.get() + 1) == 0
    }

    /// How often they were given since this was last asked.
    pub(super) fn take_uses(&self) -> u64 {
        self.uses.take()
    }

    /// All that is kept: what whoever asks one of these questions asks too.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.all.iter().filter_map(OnceCell::get)
    }

    /// The answer to the question of this number that is kept, or the one that is made now.
    pub(super) fn get(&self, question: usize, make: impl FnOnce() -> Verdict) -> Verdict {
        let place = self.all.get(question);
        if let Some(verdict) = place.and_then(OnceCell::get) {
            return verdict.clone();
        }
        let verdict = make();
        if let Some(place) = place.filter(|_| verdict.errors.is_empty()) {
            // Nobody else can have set it in between: nothing here is shared.
            drop(place.set(verdict.clone()));
        }
        verdict
    }
}

/// The answers to the questions that are asked together on one ground.
#[derive(Debug)]
pub(super) struct Kept {
    reads: Reads,
    questions: usize,
    all: RefCell<Vec<(Seen, Rc<Answers>)>>,
    next: Cell<usize>,
}

impl Kept {
    /// Nothing is kept yet of so many questions, whose policies read this.
    pub(super) fn new(reads: Reads, questions: usize) -> Self {
        Self { reads, questions, all: RefCell::default(), next: Cell::new(0) }
    }

    /// The place for the answers to this context. The oldest makes room.
    pub(super) fn answers(&self, parts: &Parts<'_>) -> Rc<Answers> {
        let mut all = self.all.borrow_mut();
        if let Some((_, answers)) = all.iter().find(|(seen, _)| self.reads.agree(seen, parts)) {
            return Rc::clone(answers);
        }
        let answers = Answers::new(self.questions);
        let Some(seen) = self.reads.see(parts).filter(|_| !self.reads.whole) else { return answers };
        let kept = (seen, Rc::clone(&answers));
        let at = self.next.replace((self.next.get() + 1) % limits::ANSWERS_KEPT_MAX);
        match all.get_mut(at) {
            Some(oldest) => *oldest = kept,
            None => all.push(kept),
        }
        answers
    }
}

#[cfg(test)]
impl Kept {
    /// How many contexts have their answers kept.
    pub(super) fn len(&self) -> usize {
        self.all.borrow().len()
    }
}
