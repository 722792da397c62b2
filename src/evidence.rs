//! Evidence: is a log directory what its signed heads say, and if not, what is wrong and where?
//!
//! [`verify`] reads every record once, grows the trees anew and holds them against the bundles, the seals, the checkpoints
//! and whatever heads were kept elsewhere. It needs nothing of the program that wrote the log.
//! [`prove()`] makes proofs that others check without Palisade, and [`cosign`] has a witness sign what was signed here.
//! Never: writes into a log but what a witness said, or asks the machine for the time; who calls says what time it is.

mod book;
mod case;
mod claims;
mod folder;
mod prove;
mod prunings;
mod read;
mod readings;
mod records;
mod report;
mod scan;
mod segment;
mod standing;
pub mod told;
mod trunk;
mod witness;

use std::path::Path;

use crate::audit::note::Note;
use crate::audit::note::VerifierKey;

pub use book::verify_book;
pub use case::Case;
pub use case::NotExported;
pub use case::case;
pub use folder::Folder;
pub use folder::Segment;
pub use folder::Unreadable;
pub use folder::note;
pub use prove::Left;
pub use prove::NotProven;
pub use prove::Proven;
pub use prove::find;
pub use prove::growth;
pub use prove::newest;
pub use prove::prove;
pub use read::Read;
pub use read::Records;
pub use records::all;
pub use records::each;
pub use records::of_decision;
pub use report::Class;
pub use report::Finding;
pub use report::Report;
pub use report::What;
pub use witness::NotCosigned;
pub use witness::Witness;
pub use witness::cosign;

/// What is brought to a verification from outside of the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Keys that are trusted: of the log, and of witnesses. Without one of the log, those of its own folder are taken, the
    /// first as it is and each further one only where the one before announced it.
    pub keys: &'a [VerifierKey],
    /// Checkpoints that were kept elsewhere, each with the name that findings call it by.
    pub anchors: &'a [(String, Note)],
    /// A checkpoint up to which all was verified before: only what came later is read, and the seal before it.
    pub since: Option<&'a Note>,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// How old a record may be that no checkpoint covers yet, in milliseconds.
    pub unsigned_ms: u64,
}

/// Verifies a log directory. `progress` is told how many records were read, now and then.
///
/// # Errors
/// When there is no log, or a file of it cannot be read for a reason of the machine; what is wrong with the log itself
/// stands in the report.
pub fn verify(log: &Path, asked: &Asked<'_>, progress: &mut dyn FnMut(u64)) -> Result<Report, Unreadable> {
    let folder = Folder::open(log)?;
    scan::Scan::new(&folder, asked)?.run(progress)
}
