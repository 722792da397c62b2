//! A reading by the verbs that go to the log's records themselves: of whose books, and on record.
//!
//! Never: lets anything be printed before the reading is on record.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::audits::Reader;
use crate::cli::audits::Reading;
use crate::cli::audits::Said;
use crate::disk;

use super::Global;
use super::Refused;

/// Who reads, and where that is put on record.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Reads {
    /// The log that this reading is put on record in. Default: `reads` in the log's directory.
    #[arg(long, value_name = "DIR", help_heading = "Who reads")]
    reads: Option<PathBuf>,
    #[command(flatten)]
    reader: Reader,
}

/// What of the books may be read.
pub(super) struct Allowed {
    reader: Reader,
    reads: PathBuf,
    said: Said,
}

impl Reads {
    /// Asks the policies about each of these books; without a reader nobody is asked, and all may be read.
    pub(super) fn may(
        &self,
        (global, log): (&Global, &Path),
        books: &BTreeSet<String>,
        world: &World<'_>,
        out: &mut Out,
    ) -> Result<Allowed, Refused> {
        let reads = self.reads.clone().unwrap_or_else(|| log.join(disk::READINGS));
        let mut said = Said::default();
        if self.reader.is_named() {
            // The program's own book is no tenant's.
            let tenants: Vec<String> = books.iter().filter(|book| !book.is_empty()).cloned().collect();
            said = self
                .reader
                .may(&global.of_palisade(), &tenants, world, out)
                .map_err(|(exit, why)| Refused(exit, why))?;
        }
        Ok(Allowed { reader: self.reader.clone(), reads, said })
    }
}

impl Allowed {
    /// May this book be read?
    pub(super) fn holds(&self, book: &str) -> bool {
        !self.reader.is_named() || self.said.tenants.iter().any(|tenant| tenant == book)
    }

    /// Puts the reading on record: what was asked, of whose books, and how many records come.
    pub(super) fn record(&self, statement: &str, tenants: &[String], rows: u64) -> Result<(), Refused> {
        let reading = Reading { statement, tenants, rows };
        self.reader.record(&self.reads, &self.said, &reading).map_err(Refused::internal)
    }

    /// Puts on record that nothing may be read, and says so.
    pub(super) fn refused(&mut self, statement: &str, tenants: &[String]) -> Refused {
        let code = *self.said.code.get_or_insert("forbidden");
        self.said.tenants.clear();
        if let Err(why) = self.record(statement, tenants, 0) {
            return why;
        }
        let why =
            format!("the policies refuse `audit` with `{code}`; `palisade explain --action audit` says why");
        Refused(Exit::Denied, why)
    }
}
