//! A witness, which is asked to cosign each checkpoint: from then on nobody can show it another history of the log.
//!
//! Never: sends a record. A witness gets heads and the proofs that they grew.

use crate::evidence;
use crate::evidence::Folder;
use crate::evidence::NotCosigned;
use crate::evidence::Witness;
use crate::remote::Access;

use super::Refused;
use super::position::Position;

/// A witness, and the log whose checkpoints it cosigns.
pub(super) struct Witnessed {
    folder: Folder,
    witness: Witness,
    access: Access,
}

impl Witnessed {
    pub(super) const fn new(folder: Folder, witness: Witness, access: Access) -> Self {
        Self { folder, witness, access }
    }

    /// Has the newest checkpoint cosigned, where it is a newer one; says how many more records are covered by it.
    pub(super) fn step(&self, position: &mut Position, synced: u64) -> Result<u64, Refused> {
        let size = match evidence::newest(&self.folder) {
            Ok((_, head)) => head.size,
            // A log that has just begun has none.
            Err(evidence::NotProven::Unsigned) => return Ok(0),
            Err(why) => return Err(Refused::Later(why.to_string())),
        };
        if size <= position.checkpoint() || size > synced {
            return Ok(0);
        }
        let later = |why: NotCosigned| Refused::Later(why.to_string());
        evidence::cosign(&self.folder, &self.witness, &self.access).map_err(later)?;
        let more = size.saturating_sub(position.next());
        position.has_checkpoint(size);
        position.moves_to(size);
        Ok(more)
    }
}
