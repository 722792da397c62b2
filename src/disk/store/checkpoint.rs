//! Signed checkpoints: what the log commits to, in a form that others can check.
//!
//! Never: signs what is not on the device.

use std::io;

use crate::audit::note;
use crate::disk::store::Files;
use crate::disk::store::Store;

impl<F: Files> Store<F> {
    /// Signs the log as it is on the device by now.
    pub(super) fn sign(&mut self, now_ms: u64) -> io::Result<()> {
        let size = self.trees.size();
        let text = note::checkpoint(&self.origin, size, &self.trees.root(), &self.signer);
        if size != self.signed_size {
            let mut all = text.clone().into_bytes();
            all.push(b'\n');
            let end = self.files.length("checkpoints")?;
            self.files.write_at("checkpoints", end, &all)?;
        }
        self.files.replace("checkpoint", text.as_bytes())?;
        (self.signed_ms, self.signed_size) = (now_ms, size);
        Ok(())
    }
}
