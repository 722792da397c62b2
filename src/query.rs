//! Questions to the decision log: SQL over the archive and what is not in it yet, as one table `decisions`.
//!
//! An [`Engine`] is opened over the books that the caller may see, and knows of no others: no condition is added to anybody's SQL.
//! Never: writes, reads a file that the archive's manifest does not name or that is of another book, or runs without bounds.
//! INVARIANT: no statement shows a row of a book that the engine was not opened over (`no_statement_shows_a_foreign_row`).

mod engine;
mod filter;
mod fresh;
mod named;
mod show;
mod table;

pub use engine::Answer;
pub use engine::Books;
pub use engine::Bounds;
pub use engine::Engine;
pub use engine::NotAnswered;
pub use engine::TABLE;
pub use filter::By;
pub use filter::Filter;
pub use named::named;
pub use show::csv;
pub use show::json_lines;
pub use show::last;
pub use show::parquet;
pub use show::records;
pub use show::table;

#[cfg(test)]
mod tests;
