//! What is counted of a request once it has ended.
//!
//! Never: holds a value of a body.

use crate::model::RouteIx;
use crate::redact::ClassIx;
use crate::request::Body;

/// What is counted of a request that ended.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The snapshot's generation, which gives the indexes their meaning.
    pub generation: u64,
    /// The route and its id, where one was found.
    pub route: Option<(RouteIx, &'a str)>,
    /// The status that the client was sent.
    pub status: u16,
    /// The code of the refusal that it ended in.
    pub refusal: Option<&'static str>,
    /// The whole time, microseconds.
    pub total_us: u64,
    /// From sending to the head of the app's answer, where there was one.
    pub upstream_us: Option<u64>,
    /// Values hidden, by class and mask.
    pub hidden: &'a [HiddenCount<'a>],
    /// Rows of the app's answer that were somebody else's.
    pub foreign_rows: u64,
}

/// How often one data class was hidden.
#[derive(Debug, Clone, Copy)]
pub struct HiddenCount<'a> {
    /// In which body.
    pub body: Body,
    /// The class and its name.
    pub class: (ClassIx, &'a str),
    /// The kind of mask.
    pub mask: &'static str,
    /// How many values.
    pub count: u64,
}
