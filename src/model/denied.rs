//! What becomes of a request that sets what its caller may not set.
//!
//! Never: decides who may.

/// What becomes of a request whose body sets data of a class that its caller may not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Denied {
    /// The field is taken out.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
}

impl Denied {
    /// As files write it.
    pub const WORDS: [(&'static str, Self); 2] = [("drop", Self::Drop), ("refuse", Self::Refuse)];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Refuse => "refuse",
        }
    }
}
