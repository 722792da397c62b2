//! What is not in the archive yet: the frames of the segments behind it, as they are read, in batches of rows.
//!
//! Never: reads a record of a book that it was not given, beyond its head.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::archive::columns::Columns;
use crate::archive::row::Row;
use crate::audit::entry::Entry;
use crate::evidence::Folder;
use crate::evidence::Read;
use crate::evidence::Records;
use crate::evidence::Segment;

use super::engine::Books;

/// How many rows are handed on at once.
const BATCH_ROWS: usize = 4_096;

/// The records of a log from a number on, of some books.
#[derive(Debug, Clone)]
pub(super) struct Fresh {
    pub(super) log: Folder,
    /// The number of the first that is meant.
    pub(super) next: u64,
    pub(super) books: Arc<Books>,
    /// What is wanted of the columns of the archive.
    pub(super) schema: SchemaRef,
    pub(super) segments: Arc<[Segment]>,
}

impl Fresh {
    /// The segments in which records from this number on may stand.
    pub(super) fn segments(log: &Folder, next: u64) -> Result<Arc<[Segment]>, crate::evidence::Unreadable> {
        let mut all = log.segments()?;
        let begin = all.iter().rposition(|segment| segment.first <= next).unwrap_or(0);
        Ok(all.split_off(begin).into())
    }

    /// Is there a segment to be read at all?
    pub(super) fn is_any(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Hands on each record that is meant, until `take` has enough.
    pub(super) fn each(&self, take: &mut dyn FnMut(&Entry<'_>, &[u8]) -> Result<bool>) -> Result<()> {
        for segment in &*self.segments {
            let Some(mut records) = Records::open(&self.log, segment).map_err(failed)? else { continue };
            while let Some(read) = records.read().map_err(failed)? {
                let record = match read {
                    Read::Record(record) => record,
                    // It was taken away, and says nothing.
                    Read::Withheld(_) => continue,
                    // What is being written.
                    Read::Torn => break,
                    Read::Damaged(at) => {
                        let name = segment.name();
                        return Err(failed(format!("`{name}` is damaged at byte {at}: run `verify`")));
                    }
                };
                let entry = Entry::read(record).map_err(failed)?;
                if entry.seq >= self.next && self.books.holds(entry.book) && !take(&entry, record)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The books of all records that are meant.
    pub(super) fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        self.each(&mut |entry, _| {
            if !names.contains(entry.book) {
                names.insert(entry.book.to_owned());
            }
            Ok(true)
        })?;
        Ok(names)
    }

    /// Sends the rows in batches until nobody listens.
    fn send(&self, send: &dyn Fn(Result<RecordBatch>) -> bool) -> Result<()> {
        let mut columns = Columns::default();
        self.each(&mut |_, record| {
            columns.push(&Row::of(record).map_err(failed)?);
            Ok(columns.len() < BATCH_ROWS || send(self.batch(&mut columns)))
        })?;
        if !columns.is_empty() {
            send(self.batch(&mut columns));
        }
        Ok(())
    }

    fn batch(&self, columns: &mut Columns) -> Result<RecordBatch> {
        let batch = columns.finish()?;
        let wanted: Result<Vec<usize>, _> =
            self.schema.fields().iter().map(|field| batch.schema().index_of(field.name())).collect();
        Ok(batch.project(&wanted?)?)
    }
}

fn failed(why: impl ToString) -> DataFusionError {
    DataFusionError::Execution(why.to_string())
}

impl PartitionStream for Fresh {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 2);
        let (fresh, sender) = (self.clone(), builder.tx());
        builder.spawn_blocking(move || fresh.send(&|batch| sender.blocking_send(batch).is_ok()));
        builder.build()
    }
}
