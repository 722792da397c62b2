//! A problem of an edit, as a record of the decision log has it.
//!
//! Never: holds a line of the file.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// One problem of an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemLine {
    /// The kind of problem.
    pub code: String,
    /// `warning` or `error`.
    pub severity: String,
    /// The file.
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// Column, from 1; 0 where the whole line is meant.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}
