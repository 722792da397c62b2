//! One file of the archive: Parquet in groups of rows, each sorted by time, compressed, with what lets a reader pass over most of it.
//!
//! Never: counts before the manifest names it, or holds how this program's memory looked: it is what any reader of Parquet reads.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::SortColumn;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::compute::lexsort_to_indices;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::basic::Encoding;
use parquet::basic::ZstdLevel;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::EnabledStatistics;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::limits;

use super::columns;
use super::folders::Month;
use super::folders::folder_of_month;
use super::manifest::Kept;

/// How hard the columns are compressed: what is written once is read often.
const ZSTD_LEVEL: i32 = 4;

/// How often a Bloom filter says of what is not there that it may be.
const BLOOM_WRONG: f64 = 0.03;

/// Makes a folder that only its owner may look into, and those above it.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

/// The rows by time, and by number where that is the same.
fn sorted(batch: RecordBatch) -> io::Result<RecordBatch> {
    let columns: Vec<SortColumn> = ["time", "seq"]
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .map(|values| SortColumn { values: Arc::clone(values), options: None })
        .collect();
    let order = lexsort_to_indices(&columns, None).map_err(other)?;
    if order.values().iter().enumerate().all(|(at, from)| at == *from as usize) {
        return Ok(batch);
    }
    take_record_batch(&batch, &order).map_err(other)
}

/// Of groups of at most so many rows.
fn properties(rows: u64) -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("palisade ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        // Groups are ended by hand.
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(limits::ARCHIVE_PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_statistics_enabled(column(columns::REST), EnabledStatistics::None)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]));
    for name in ["time", "seq"] {
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    // No two are alike, so a dictionary of them would be all of them again.
    for (name, encoding) in [
        ("decision_id", Encoding::DELTA_BYTE_ARRAY),
        ("trace_id", Encoding::DELTA_LENGTH_BYTE_ARRAY),
        ("span_id", Encoding::DELTA_LENGTH_BYTE_ARRAY),
    ] {
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), encoding);
    }
    // The ids of decisions begin with their time, so pages say by their bounds what cannot be in them; those of callers do not.
    let (decision, request) = (column("decision_id"), column("request_id"));
    properties
        .set_column_statistics_enabled(decision, EnabledStatistics::Page)
        .set_column_bloom_filter_enabled(request.clone(), true)
        .set_column_bloom_filter_fpp(request.clone(), BLOOM_WRONG)
        .set_column_bloom_filter_max_ndv(request, rows.max(1))
        .build()
}

/// A file that rows are being written to, a group at a time.
struct Begun {
    writer: ArrowWriter<File>,
    /// Rows of the next group.
    waiting: Vec<RecordBatch>,
    rows: usize,
    kept: Kept,
}

impl Begun {
    /// Begins a file of so many rows, with numbers from the first to the last. `again` tells it from others with the same numbers.
    fn new(
        archive: &Path,
        (book, month): (&str, Month),
        (first, last): (u64, u64),
        (rows, again): (u64, bool),
    ) -> io::Result<Self> {
        let folder = folder_of_month(book, month);
        make_folder(&archive.join(&folder))?;
        // Fewer rows than before, so never the name of a file that is there.
        let more = if again { format!("-{rows}") } else { String::new() };
        let path = format!("{folder}/{first:020}-{last:020}{more}.parquet");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(archive.join(&path))?;
        let options = ArrowWriterOptions::new()
            .with_properties(properties(rows.min(limits::ARCHIVE_GROUP_ROWS as u64)))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, columns::schema(), options).map_err(other)?;
        let (since_us, until_us, book) = (i64::MAX, i64::MIN, book.to_owned());
        let kept = Kept { path, book, month, first, last, rows: 0, bytes: 0, since_us, until_us };
        Ok(Self { writer, waiting: Vec::new(), rows: 0, kept })
    }

    fn push(&mut self, batch: RecordBatch) -> io::Result<()> {
        self.rows += batch.num_rows();
        self.waiting.push(batch);
        if self.rows >= limits::ARCHIVE_GROUP_ROWS { self.group() } else { Ok(()) }
    }

    /// Writes what waits as one group, sorted.
    fn group(&mut self) -> io::Result<()> {
        let batch = concat_batches(&columns::schema(), &std::mem::take(&mut self.waiting)).map_err(other)?;
        let times = batch.column_by_name("time");
        let times = times.and_then(|time| time.as_primitive_opt::<TimestampMicrosecondType>());
        for us in times.iter().flat_map(|times| times.values().iter()) {
            self.kept.since_us = self.kept.since_us.min(*us);
            self.kept.until_us = self.kept.until_us.max(*us);
        }
        self.kept.rows += batch.num_rows() as u64;
        self.rows = 0;
        self.writer.write(&sorted(batch)?).map_err(other)?;
        self.writer.flush().map_err(other)
    }

    fn finish(mut self) -> io::Result<Kept> {
        if self.rows > 0 {
            self.group()?;
        }
        self.writer.finish().map_err(other)?;
        let bytes = self.writer.bytes_written() as u64;
        Ok(Kept { bytes, ..self.kept })
    }
}

/// The numbers of rows.
fn numbers(batch: &RecordBatch) -> impl Iterator<Item = u64> {
    let seq = batch.column_by_name("seq").and_then(|seq| seq.as_primitive_opt::<UInt64Type>());
    seq.into_iter().flat_map(|seq| seq.values().iter().copied())
}

/// Writes rows of one book and month as a file; `None` where there are none. It is not on the device yet.
pub(super) fn put(archive: &Path, of: (&str, Month), batch: &RecordBatch) -> io::Result<Option<Kept>> {
    let (Some(first), Some(last)) = (numbers(batch).min(), numbers(batch).max()) else { return Ok(None) };
    let mut begun = Begun::new(archive, of, (first, last), (batch.num_rows() as u64, false))?;
    for at in (0..batch.num_rows()).step_by(limits::ARCHIVE_GROUP_ROWS) {
        begun.push(batch.slice(at, limits::ARCHIVE_GROUP_ROWS.min(batch.num_rows() - at)))?;
    }
    begun.finish().map(Some)
}

/// Writes the rows of several files of one book and month, neighbours in their order, as one. It is not on the device yet.
pub(super) fn join(archive: &Path, of: (&str, Month), run: &[Kept]) -> io::Result<Option<Kept>> {
    let (first, last) = (run.iter().map(|file| file.first).min(), run.iter().map(|file| file.last).max());
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let rows = run.iter().map(|file| file.rows).sum();
    let mut begun = Begun::new(archive, of, (first, last), (rows, false))?;
    for kept in run {
        for batch in reader(&archive.join(&kept.path))? {
            begun.push(batch.map_err(other)?)?;
        }
    }
    begun.finish().map(Some)
}

/// Which rows of a batch stay.
pub(super) type Stays<'a> = &'a mut dyn FnMut(&RecordBatch) -> io::Result<BooleanArray>;

/// Writes the rows of a file that stay as another beside it; `None` where none does. It is not on the device yet.
pub(super) fn keep(archive: &Path, kept: &Kept, stays: Stays<'_>) -> io::Result<Option<Kept>> {
    let mut left = |batch: Result<RecordBatch, ArrowError>| {
        let batch = batch.map_err(other)?;
        let stays = stays(&batch)?;
        filter_record_batch(&batch, &stays).map_err(other)
    };
    let path = archive.join(&kept.path);
    let (mut first, mut last, mut rows) = (u64::MAX, 0, 0);
    for batch in reader(&path)? {
        for seq in numbers(&left(batch)?) {
            (first, last, rows) = (first.min(seq), last.max(seq), rows + 1);
        }
    }
    if rows == 0 {
        return Ok(None);
    }
    let mut begun = Begun::new(archive, (&kept.book, kept.month), (first, last), (rows, true))?;
    for batch in reader(&path)? {
        begun.push(left(batch)?)?;
    }
    begun.finish().map(Some)
}

/// Puts files that were written, and their names, on the device.
pub(super) fn settle<'a>(archive: &Path, files: impl Iterator<Item = &'a Kept>) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    for kept in files {
        let path = archive.join(&kept.path);
        File::open(&path)?.sync_all()?;
        // A folder that is new has its name in the one above it.
        folders.extend(
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(archive)).map(Path::to_owned),
        );
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// The rows of a file, in batches.
pub(super) fn reader(path: &Path) -> io::Result<ParquetRecordBatchReader> {
    let options = ArrowReaderOptions::new().with_schema(columns::schema());
    let file = crate::file::open(path)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(other)?;
    reader.with_batch_size(limits::ARCHIVE_PAGE_ROWS).build().map_err(other)
}

/// All rows of a file.
///
/// # Errors
/// When it cannot be read, or is none of the archive's.
pub fn read(path: &Path) -> io::Result<RecordBatch> {
    let batches: Result<Vec<_>, _> = reader(path)?.collect();
    concat_batches(&columns::schema(), &batches.map_err(other)?).map_err(other)
}
