//! What was taken last: nothing that is taken may be older.
//!
//! Never: falls; or takes what cannot be read for nothing.

use crate::bundle::Verified;

use super::keep::Accepted;
use super::keep::Keep;

/// What was taken last.
#[derive(Debug)]
pub(super) enum Floor {
    /// Nothing below this is taken; nothing was taken yet where it is `None`.
    Known(Option<Accepted>),
    /// It is on disk and cannot be read, for this reason. Until it can, nothing new is taken.
    Unknown(String),
}

impl Default for Floor {
    fn default() -> Self {
        Self::Known(None)
    }
}

/// Why a bundle is not taken.
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) why: String,
    pub(super) hint: &'static str,
}

impl Floor {
    /// What is written down.
    pub(super) fn read(keep: &Keep, name: &str) -> Self {
        keep.accepted(name).map_or_else(Self::Unknown, Self::Known)
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// What is known of it.
    pub(super) fn known(&self) -> Option<&Accepted> {
        match self {
            Self::Known(accepted) => accepted.as_ref(),
            Self::Unknown(_) => None,
        }
    }

    /// Why nothing is known.
    pub(super) fn unknown(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(format!("what was taken before is not known: {why}")),
        }
    }

    /// May this bundle be taken after what was taken, and after `good`, which is proven and was kept?
    pub(super) fn allows(&self, bundle: &Verified, good: Option<&Verified>) -> Result<(), Refused> {
        match self {
            Self::Known(None) => Ok(()),
            Self::Known(Some(accepted)) => {
                accepted.allows(bundle).map_err(|(why, hint)| Refused { code: "bundle-rollback", why, hint })
            }
            Self::Unknown(_) if good.is_some_and(|good| good.digest() == bundle.digest()) => Ok(()),
            Self::Unknown(why) => Err(Refused {
                code: "bundle-keep",
                why: format!("what was taken before is not known, so nothing new is taken: {why}"),
                hint: "mend the file; where the source is sure to have the newest, remove it: it is read again whenever the source is asked",
            }),
        }
    }

    /// This is taken. What is not known stays so.
    pub(super) fn raise(&mut self, bundle: &Verified) {
        match self {
            Self::Known(accepted) => *accepted = Some(Accepted::of(bundle)),
            Self::Unknown(_) => {}
        }
    }

    /// The same, not below what is live.
    pub(super) fn not_below(self, live: Option<&Verified>) -> Self {
        match (self, live) {
            (Self::Known(accepted), Some(live)) => {
                let above = accepted.filter(|accepted| accepted.version >= live.header().version);
                Self::Known(Some(above.unwrap_or_else(|| Accepted::of(live))))
            }
            (floor, _) => floor,
        }
    }
}
