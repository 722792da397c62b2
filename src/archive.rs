//! The archive: sealed segments of the decision log as Parquet, one folder a book and month, so that much of it can be asked at once.
//!
//! [`row`] takes a record apart into the columns that are asked about and what remains, and makes the same bytes of them again;
//! [`columns`] are rows side by side, [`file`] is one file of them; [`compact()`] makes the files, and [`Manifest`] says which count.
//! Never: deletes or changes a segment, or shows a file before all of it is on the device. The log stays the truth.
//! INVARIANT: any record, as a row, gives the same bytes (`any_record_as_a_row_gives_the_same_bytes`).
//!
//! [`file`]: mod@file

pub mod columns;
mod compact;
pub mod file;
mod folders;
mod manifest;
mod merge;
pub mod places;
mod prune;
pub mod row;

pub use compact::Compacted;
pub use compact::NotCompacted;
pub use compact::compact;
pub use folders::Month;
pub use folders::folder_of;
pub use manifest::Kept;
pub use manifest::Manifest;
pub use manifest::NAME as MANIFEST;
pub use prune::Cut;
pub use prune::NotCut;
pub use prune::cut;
pub use prune::cuts;

#[cfg(test)]
pub(crate) mod tests;
