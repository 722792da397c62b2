//! Two snapshots side by side: what differs in the text of their policies, and what differs in effect over many requests.
//!
//! Requests are made from what the policies name, or come from a decision log. Each is put to both snapshots by the same
//! question that `eval` asks. Never: opens a file, or calls two snapshots equal; it says over how many requests they are.

pub mod beside;
#[cfg(test)]
pub(crate) mod beside_tests;
pub mod disagreements;
pub mod effect;
pub mod generate;
pub mod recorded;
#[cfg(test)]
mod tests;
pub mod text;

pub use effect::Effects;
pub use generate::Generator;
pub use generate::Plan;
pub use recorded::Asked;
pub use recorded::Recorded;
pub use text::Change;
