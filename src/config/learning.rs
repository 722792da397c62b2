//! The part of the config about learning from bodies.
//!
//! Never: opens a file.

use std::path::PathBuf;

use crate::limits;

use super::check::Checker;
use super::raw::learning as raw;

/// Which bodies are looked at, and where the counts are kept.
#[derive(Debug, Clone)]
pub struct Learning {
    /// This share of requests, in percent; 0: none.
    pub percent: u64,
    /// Those of these routes, by id; empty: all.
    pub routes: Vec<Box<str>>,
    /// Most bytes of one body.
    pub body_bytes: usize,
    /// A file that keeps the counts.
    pub file: Option<PathBuf>,
}

pub(super) fn learning(c: &mut Checker<'_>, raw: &raw::Learning) -> Learning {
    let path = "learning.body_bytes";
    let body_bytes = c.size(path, raw.body_bytes.as_ref(), limits::LEARNING_BODY_BYTES);
    if body_bytes > limits::LEARNING_BODY_BYTES_MAX {
        c.error(
            "bad-value",
            path,
            format!("`{path}` must be at most `8MiB`"),
            "long bodies say what short ones do",
        );
    }
    Learning {
        percent: raw.percent.unwrap_or(0),
        routes: raw.routes.iter().map(|route| route.as_str().into()).collect(),
        body_bytes: usize::try_from(body_bytes).unwrap_or(usize::MAX),
        file: raw.file.as_ref().filter(|path| !path.is_empty()).map(|path| c.path(path)),
    }
}
