//! One file of the archive: Parquet, sorted by time, compressed, with what lets a reader pass over most of it.
//!
//! Never: holds how this program's memory looked: it is what any reader of Parquet reads.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::SortColumn;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::compute::lexsort_to_indices;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::arrow::datatypes::UInt64Type;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
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

/// How hard the columns are compressed: what is written once is read often.
const ZSTD_LEVEL: i32 = 4;

/// How often a Bloom filter says of what is not there that it may be.
const BLOOM_WRONG: f64 = 0.03;

/// Numbers and times of rows, from the first to the last of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) since_us: i64,
    pub(super) until_us: i64,
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

/// The rows by time, and by number where that is the same.
pub(super) fn sorted(batch: &RecordBatch) -> io::Result<RecordBatch> {
    let columns: Vec<SortColumn> = ["time", "seq"]
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .map(|values| SortColumn { values: Arc::clone(values), options: None })
        .collect();
    let order = lexsort_to_indices(&columns, None).map_err(other)?;
    if order.values().iter().enumerate().all(|(at, from)| at == *from as usize) {
        return Ok(batch.clone());
    }
    take_record_batch(batch, &order).map_err(other)
}

/// Between which numbers and times rows lie; `None` where there are none.
pub(super) fn span(batch: &RecordBatch) -> Option<Span> {
    let seq = batch.column_by_name("seq")?.as_primitive_opt::<UInt64Type>()?;
    let time = batch.column_by_name("time")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    Some(Span {
        first: seq.values().iter().min().copied()?,
        last: seq.values().iter().max().copied()?,
        since_us: time.values().iter().min().copied()?,
        until_us: time.values().iter().max().copied()?,
    })
}

fn properties(rows: u64) -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let level = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("palisade ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(limits::ARCHIVE_GROUP_ROWS))
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
    for name in ["decision_id", "request_id"] {
        properties = properties
            .set_column_statistics_enabled(column(name), EnabledStatistics::Page)
            .set_column_bloom_filter_enabled(column(name), true)
            .set_column_bloom_filter_fpp(column(name), BLOOM_WRONG)
            .set_column_bloom_filter_max_ndv(column(name), rows.max(1));
    }
    properties.build()
}

/// Writes rows, which are sorted, as a file.
pub(super) fn write(batch: &RecordBatch, to: &mut File) -> io::Result<()> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties(batch.num_rows() as u64))
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(to, batch.schema(), options).map_err(other)?;
    writer.write(batch).map_err(other)?;
    writer.close().map_err(other)?;
    Ok(())
}

/// All rows of a file.
///
/// # Errors
/// When it cannot be read, or is none of the archive's.
pub fn read(path: &Path) -> io::Result<RecordBatch> {
    let options = ArrowReaderOptions::new().with_schema(columns::schema());
    let file = crate::file::open(path)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(other)?;
    let reader = reader.with_batch_size(limits::ARCHIVE_PAGE_ROWS).build().map_err(other)?;
    let batches: Result<Vec<_>, _> = reader.collect();
    concat_batches(&columns::schema(), &batches.map_err(other)?).map_err(other)
}
