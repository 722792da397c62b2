//! The names of people in an answer, in place of the pseudonyms that the log has for them.
//!
//! Never: changes a column that is no text.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringArray;
use datafusion::arrow::array::StringViewArray;
use datafusion::arrow::error::ArrowError;

use crate::audit::keeping::Names;

use super::engine::Answer;

/// Puts the names in.
///
/// # Errors
/// Never but for a defect here: the columns keep their types and lengths.
pub fn named(answer: &mut Answer, names: &Names) -> Result<(), ArrowError> {
    if names.is_empty() {
        return Ok(());
    }
    let name = |text: Option<&str>| text.map(|text| names.reveal(text, str::to_owned));
    let column = |column: &ArrayRef| -> ArrayRef {
        if let Some(texts) = column.as_string_view_opt() {
            return Arc::new(texts.iter().map(name).collect::<StringViewArray>());
        }
        match column.as_string_opt::<i32>() {
            Some(texts) => Arc::new(texts.iter().map(name).collect::<StringArray>()),
            None => Arc::clone(column),
        }
    };
    for batch in &mut answer.batches {
        let columns = batch.columns().iter().map(column).collect();
        *batch = RecordBatch::try_new(batch.schema(), columns)?;
    }
    Ok(())
}
