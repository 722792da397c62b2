//! The way from a token whose key is not known to whoever fetches keys.
//!
//! Never: waits, or asks more than once before somebody listened.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;

use arc_swap::ArcSwapOption;

/// Asks for an issuer's keys to be fetched. It is no setting: any two are equal.
#[derive(Default)]
pub struct Wanted(ArcSwapOption<SyncSender<()>>);

impl Wanted {
    /// Asks; where somebody asked already, or nobody listens, nothing happens.
    pub fn ask(&self) {
        if let Some(asked) = &*self.0.load() {
            // Full means that it was asked and not yet heard.
            asked.try_send(()).ok();
        }
    }

    /// Listens from now on; whoever did before hears no more.
    #[must_use]
    pub fn listen(&self) -> Receiver<()> {
        let (asked, heard) = sync_channel(1);
        self.0.store(Some(Arc::new(asked)));
        heard
    }
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wanted")
    }
}

impl PartialEq for Wanted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Wanted {}
