//! Bounds of GraphQL: of callers' documents, and of the schemas that they are judged by.
//!
//! Never: left to a schema. What a document may cost does not depend on what the app offers.

/// Longest document of GraphQL that a caller may send, all of a batch together, in bytes.
pub const GRAPHQL_DOCUMENT_BYTES_MAX: usize = 256 << 10;
/// Most words and marks in the documents of one request.
pub const GRAPHQL_TOKENS_MAX: usize = 32_768;
/// Deepest nesting of a document or a schema of GraphQL, values and types counted: their reader recurses.
pub const GRAPHQL_DEPTH_MAX: usize = 64;
/// Deepest nesting of what a document selects, with the fragments that it spreads in their places.
pub const GRAPHQL_SPREAD_DEPTH_MAX: usize = 128;
/// Most fields and fragments that the documents of one request select.
pub const GRAPHQL_SELECTED_MAX: usize = 8_192;
/// Most documents in one batch.
pub const GRAPHQL_BATCH_MAX: usize = 64;
/// Most words and marks in the file of a schema.
pub const GRAPHQL_SCHEMA_TOKENS_MAX: usize = 4_000_000;
/// Most states of the shape of one document's answer, of which a worker may keep many.
pub const GRAPHQL_STATES_MAX: usize = 4_096;
/// Most work of compiling it (see [`super::SHAPE_WORK_MAX`]), because it is done while its caller waits, and others.
pub const GRAPHQL_WORK_MAX: usize = 1 << 20;
/// Most fields of inputs that are gone through for one request: those of the types of its variables, whatever it sends.
pub const GRAPHQL_INPUTS_MAX: usize = 65_536;
/// Most cells of its keys, of 4 bytes each: a key takes one or two in each state that names it, and some stay free.
pub const GRAPHQL_CELLS_MAX: usize = 256 << 10;
/// Bytes of compiled documents that one worker keeps.
pub const GRAPHQL_KEPT_BYTES_MAX: u64 = 16 << 20;
