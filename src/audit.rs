//! The record of what was decided: its fields, its encoding, and the promise that it was written.
//!
//! [`record`] and [`event`] turn facts into an [`entry`] of the log, which stands in a [`frame`]; [`journal`] says what "written"
//! means, [`schema`] is the JSON line of an entry read back, [`trace`] is the place in a distributed trace that a record
//! names; [`ocsf`], [`cloudevents`], [`otlp`] and [`row`] are a record in the words of others. [`crate::disk`] does the writing.
//! What proves a log stands beside: [`tree`] and [`heads`] (Merkle trees), [`note`] (signed checkpoints).
//! Never: performs I/O, reads a clock, or holds a credential or a hidden value.

pub mod beside;
pub mod cloudevents;
pub mod edge;
pub mod entry;
pub mod event;
mod forms;
pub mod frame;
pub mod heads;
pub mod journal;
pub mod keeping;
mod line;
pub mod note;
pub mod ocsf;
pub mod otlp;
pub mod record;
pub mod row;
pub mod schema;
pub mod trace;
pub mod tree;

pub use beside::Beside;
pub use event::Counted;
pub use event::Event;
pub use event::Kept;
pub use event::Query;
pub use event::Reveal;
pub use forms::uid;
pub use journal::Full;
pub use journal::Journal;
pub use journal::Level;
pub use journal::Receipt;
pub use journal::Unwritten;
pub use journal::Written;
pub use record::Decision;
pub use record::Outcome;
pub use schema::schema_json;

#[cfg(test)]
mod tests;
