//! Who does the pieces of a work that do not depend on each other.
//!
//! This module is pure and starts no thread; whoever may hands in hands that do.
//! Never: a piece twice, or one that is left out unnoticed.

use std::sync::OnceLock;

/// Does pieces of work, one after the other or several at once.
pub trait Hands {
    /// Does the pieces `0..count`, each once, and returns when all are done.
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync));
}

/// One pair of hands: piece by piece.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Hands for Alone {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(piece);
    }
}

/// What each of some things is made into, in their order: what is known of one, or what is made of it now.
pub(super) fn renew<T: Sync, M: Send + Sync>(
    hands: &dyn Hands,
    things: &[T],
    known: impl Fn(&T) -> Option<M>,
    make: impl Fn(&T) -> M + Sync,
) -> Vec<M> {
    let made: Vec<OnceLock<M>> =
        things.iter().map(|thing| known(thing).map_or_else(OnceLock::new, OnceLock::from)).collect();
    let new: Vec<(&T, &OnceLock<M>)> =
        things.iter().zip(&made).filter(|(_, made)| made.get().is_none()).collect();
    hands.each(new.len(), &|at| {
        if let Some((thing, place)) = new.get(at) {
            place.get_or_init(|| make(thing));
        }
    });
    // Whatever the hands left is done here.
    let all = things.iter().zip(made);
    all.map(|(thing, made)| made.into_inner().unwrap_or_else(|| make(thing))).collect()
}
