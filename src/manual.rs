//! The manual: how Palisade is built, what it promises, how it is run. `tests/manual.rs` holds it to the code.
//!
//! To run it, read [`operations`]; to write policies, [`policies`], and [`half_day`] to see it done; to judge it, [`threats`] and [`evidence`], and
//! [`auditing`] to ask its log; to change it, [`architecture`], [`words`] and [`decisions`]. What changed is in [`changelog`].
//! Never: holds code. Each chapter is a Markdown file beside this one.

#[doc = include_str!("manual/architecture.md")]
pub mod architecture {}
#[doc = include_str!("manual/words.md")]
pub mod words {}
#[doc = include_str!("manual/policies.md")]
pub mod policies {}
#[doc = include_str!("manual/half-day.md")]
pub mod half_day {}
#[doc = include_str!("manual/operations.md")]
pub mod operations {}
#[doc = include_str!("manual/evidence.md")]
pub mod evidence {}
#[doc = include_str!("manual/auditing.md")]
pub mod auditing {}
#[doc = include_str!("manual/threats.md")]
pub mod threats {}
#[doc = include_str!("manual/decisions.md")]
pub mod decisions {}
#[doc = include_str!("manual/changelog.md")]
pub mod changelog {}
