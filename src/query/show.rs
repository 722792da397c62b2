//! Answers as tables, lines of JSON, CSV and Parquet.
//!
//! Never: lets a text that somebody made move a terminal's cursor.

use datafusion::arrow::array::Array;
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::display::ArrayFormatter;
use datafusion::arrow::util::display::FormatOptions;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::archive::columns;

use super::engine::Answer;

/// Longest text of one cell of a table, in characters; CSV and JSON have all of it.
const CELL_CHARS_MAX: usize = 60;

/// The rows as texts, one a column; nothing where there is no value.
fn cells(batch: &RecordBatch, mut take: impl FnMut(Vec<Option<String>>)) -> Result<(), ArrowError> {
    let options = FormatOptions::new().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.3fZ"));
    let formatters: Result<Vec<_>, _> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options)).collect();
    let formatters = formatters?;
    for row in 0..batch.num_rows() {
        let cells = batch.columns().iter().zip(&formatters).map(|(column, formatter)| {
            if column.is_null(row) {
                return None;
            }
            Some(match column.as_list_opt::<i32>() {
                Some(list) => joined(list.value(row).as_ref(), &options),
                None => formatter.value(row).to_string(),
            })
        });
        take(cells.collect());
    }
    Ok(())
}

/// The items of a list, with spaces between them.
fn joined(items: &dyn Array, options: &FormatOptions<'_>) -> String {
    let Ok(formatter) = ArrayFormatter::try_new(items, options) else { return String::new() };
    let texts: Vec<String> = (0..items.len()).map(|at| formatter.value(at).to_string()).collect();
    texts.join(" ")
}

/// A text on one line, without what a terminal takes for more than a character.
fn plain(text: &str) -> String {
    let shown: String = text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect();
    if shown.chars().count() <= CELL_CHARS_MAX {
        return shown;
    }
    let mut cut: String = shown.chars().take(CELL_CHARS_MAX.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A table for people; columns without a value are left out.
///
/// # Errors
/// Never but for a column of a kind that has no text.
pub fn table(answer: &Answer) -> Result<String, ArrowError> {
    let mut rows: Vec<Vec<Option<String>>> = Vec::new();
    for batch in &answer.batches {
        cells(batch, |row| rows.push(row.into_iter().map(|cell| cell.map(|text| plain(&text))).collect()))?;
    }
    let names: Vec<String> = answer.schema.fields().iter().map(|field| plain(field.name())).collect();
    let mut widths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
    let mut filled = vec![false; names.len()];
    for row in &rows {
        for ((cell, width), filled) in row.iter().zip(&mut widths).zip(&mut filled) {
            *width = (*width).max(cell.as_ref().map_or(0, |text| text.chars().count()));
            *filled |= cell.is_some();
        }
    }
    let kept: Vec<usize> =
        (0..names.len()).filter(|at| rows.is_empty() || filled.get(*at) == Some(&true)).collect();
    let mut out = String::new();
    let mut line = |texts: &dyn Fn(usize) -> String| {
        let padded = kept.iter().map(|at| {
            let (text, width) = (texts(*at), widths.get(*at).copied().unwrap_or_default());
            let pad = width.saturating_sub(text.chars().count());
            format!("{text}{}", " ".repeat(pad))
        });
        let all: Vec<String> = padded.collect();
        out.push_str(all.join("  ").trim_end());
        out.push('\n');
    };
    line(&|at| names.get(at).cloned().unwrap_or_default());
    for row in &rows {
        line(&|at| row.get(at).cloned().flatten().unwrap_or_default());
    }
    Ok(out)
}

/// One JSON object a row.
///
/// # Errors
/// Never but for a column of a kind that JSON cannot say.
pub fn json_lines(answer: &Answer) -> Result<Vec<u8>, ArrowError> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for batch in &answer.batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(writer.into_inner())
}

/// CSV (RFC 4180) with a line of names; the items of a list have spaces between them.
///
/// # Errors
/// As for [`table`].
pub fn csv(answer: &Answer) -> Result<String, ArrowError> {
    let quoted = |text: &str| {
        let plain = !text.contains(['"', ',', '\n', '\r']) && !text.starts_with(' ') && !text.ends_with(' ');
        if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    let names: Vec<String> = answer.schema.fields().iter().map(|field| quoted(field.name())).collect();
    let mut out = names.join(",") + "\r\n";
    for batch in &answer.batches {
        cells(batch, |row| {
            let texts: Vec<String> =
                row.iter().map(|cell| quoted(cell.as_deref().unwrap_or_default())).collect();
            out.push_str(&texts.join(","));
            out.push_str("\r\n");
        })?;
    }
    Ok(out)
}

/// A Parquet file.
///
/// # Errors
/// When a column is of a kind that Parquet does not know.
pub fn parquet(answer: &Answer) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), std::sync::Arc::clone(&answer.schema), Some(properties))?;
    for batch in &answer.batches {
        writer.write(batch)?;
    }
    writer.into_inner()
}

/// The records of whole rows, as bytes, each in turn; `None` for a row that is of no record.
pub fn records(answer: &Answer, mut take: impl FnMut(Option<&[u8]>)) {
    let mut record = Vec::new();
    for batch in &answer.batches {
        for at in 0..batch.num_rows() {
            record.clear();
            let made = columns::row(batch, at).is_some_and(|row| row.record(&mut record).is_ok());
            take(made.then_some(record.as_slice()));
        }
    }
}

/// The highest number of a record, where rows have one.
#[must_use]
pub fn last(answer: &Answer) -> Option<u64> {
    let numbers = |batch: &RecordBatch| {
        let seq = batch.column_by_name("seq")?.as_primitive_opt::<UInt64Type>()?;
        seq.values().iter().max().copied()
    };
    answer.batches.iter().filter_map(numbers).max()
}
