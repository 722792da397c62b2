//! Rows side by side, as Arrow keeps them; and rows read back from there.
//!
//! Never: changes a name or a type of a column: they are in the files, and in other people's questions.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::ArrayBuilder;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::array::BinaryViewBuilder;
use datafusion::arrow::array::BooleanBuilder;
use datafusion::arrow::array::ListBuilder;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringViewBuilder;
use datafusion::arrow::array::TimestampMicrosecondBuilder;
use datafusion::arrow::array::UInt64Builder;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Field;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::datatypes::TimeUnit;
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::arrow::error::ArrowError;

use crate::audit::entry::Kind;

use super::places::COUNTS;
use super::places::LISTS;
use super::places::NUMBERS;
use super::places::TEXTS;
use super::row::Row;

/// The column of what remains of a record: of use to this program alone.
pub const REST: &str = "rest";

/// What of a column's items a list calls each.
const ELEMENT: &str = "element";

fn list_of(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new(ELEMENT, of, true)))
}

/// The columns of the archive's files; those of the table `decisions` are the same but the last.
#[must_use]
pub fn schema() -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("time", utc, false),
        Field::new("seq", DataType::UInt64, false),
        Field::new("type", DataType::Utf8View, false),
        Field::new("book", DataType::Utf8View, false),
        Field::new("mirror", DataType::Boolean, false),
    ];
    let mut add = |names: &[&str], of: &DataType| {
        fields.extend(names.iter().map(|name| Field::new(*name, of.clone(), true)));
    };
    add(&TEXTS.map(|(name, _)| name), &DataType::Utf8View);
    add(&NUMBERS, &DataType::UInt64);
    add(&LISTS, &list_of(DataType::Utf8View));
    add(&COUNTS, &list_of(DataType::UInt64));
    fields.push(Field::new(REST, DataType::BinaryView, false));
    Arc::new(Schema::new(fields))
}

/// Rows that are being put side by side.
#[derive(Debug)]
pub struct Columns {
    time: TimestampMicrosecondBuilder,
    seq: UInt64Builder,
    kind: StringViewBuilder,
    book: StringViewBuilder,
    mirror: BooleanBuilder,
    texts: [StringViewBuilder; TEXTS.len()],
    numbers: [UInt64Builder; NUMBERS.len()],
    lists: [ListBuilder<StringViewBuilder>; LISTS.len()],
    counts: [ListBuilder<UInt64Builder>; COUNTS.len()],
    rest: BinaryViewBuilder,
}

/// Empty, and small as long as they are: many books and days are put side by side at once.
impl Default for Columns {
    fn default() -> Self {
        let field = |of| Arc::new(Field::new(ELEMENT, of, true));
        Self {
            time: TimestampMicrosecondBuilder::with_capacity(0).with_timezone("UTC"),
            seq: UInt64Builder::with_capacity(0),
            kind: StringViewBuilder::with_capacity(0),
            book: StringViewBuilder::with_capacity(0),
            mirror: BooleanBuilder::with_capacity(0),
            texts: std::array::from_fn(|_| StringViewBuilder::with_capacity(0)),
            numbers: std::array::from_fn(|_| UInt64Builder::with_capacity(0)),
            lists: std::array::from_fn(|_| {
                ListBuilder::with_capacity(StringViewBuilder::with_capacity(0), 0)
                    .with_field(field(DataType::Utf8View))
            }),
            counts: std::array::from_fn(|_| {
                ListBuilder::with_capacity(UInt64Builder::with_capacity(0), 0)
                    .with_field(field(DataType::UInt64))
            }),
            rest: BinaryViewBuilder::with_capacity(0),
        }
    }
}

impl Columns {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seq.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seq.is_empty()
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Row<'_>) {
        self.time.append_value(row.time_us);
        self.seq.append_value(row.seq);
        self.kind.append_value(row.kind.as_str());
        self.book.append_value(&*row.book);
        self.mirror.append_value(row.mirror);
        for (column, text) in self.texts.iter_mut().zip(&row.texts) {
            column.append_option(text.as_deref());
        }
        for (column, number) in self.numbers.iter_mut().zip(&row.numbers) {
            column.append_option(*number);
        }
        for (column, list) in self.lists.iter_mut().zip(&row.lists) {
            list.iter().flatten().for_each(|text| column.values().append_value(&**text));
            column.append(list.is_some());
        }
        for (column, list) in self.counts.iter_mut().zip(&row.counts) {
            list.iter().flatten().for_each(|number| column.values().append_value(*number));
            column.append(list.is_some());
        }
        self.rest.append_value(&row.rest);
    }

    /// The rows; none are left.
    ///
    /// # Errors
    /// Never but for a defect here: the columns are those of [`schema`].
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut all: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.seq.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.book.finish()),
            Arc::new(self.mirror.finish()),
        ];
        all.extend(self.texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        all.extend(self.numbers.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        all.extend(self.lists.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        all.extend(self.counts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        all.push(Arc::new(self.rest.finish()));
        RecordBatch::try_new(schema(), all)
    }
}

fn named<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    batch.column_by_name(name)
}

fn text<'a>(batch: &'a RecordBatch, name: &str, at: usize) -> Option<&'a str> {
    let column = named(batch, name)?.as_string_view_opt()?;
    (at < column.len() && column.is_valid(at)).then(|| column.value(at))
}

fn number(batch: &RecordBatch, name: &str, at: usize) -> Option<u64> {
    let column = named(batch, name)?.as_primitive_opt::<UInt64Type>()?;
    (at < column.len() && column.is_valid(at)).then(|| column.value(at))
}

fn items(batch: &RecordBatch, name: &str, at: usize) -> Option<ArrayRef> {
    let column = named(batch, name)?.as_list_opt::<i32>()?;
    (at < column.len() && column.is_valid(at)).then(|| column.value(at))
}

/// The row at a place of a batch with all columns of [`schema`]; `None` where there is none, or it has others.
#[must_use]
pub fn row(batch: &RecordBatch, at: usize) -> Option<Row<'_>> {
    if at >= batch.num_rows() {
        return None;
    }
    let list = |name: &str| -> Option<Vec<Cow<'_, str>>> {
        let items = items(batch, name, at)?;
        let texts = items.as_string_view_opt()?;
        Some(texts.iter().map(|text| Cow::Owned(text.unwrap_or_default().to_owned())).collect())
    };
    let counts = |name: &str| -> Option<Vec<u64>> {
        let items = items(batch, name, at)?;
        Some(items.as_primitive_opt::<UInt64Type>()?.iter().map(Option::unwrap_or_default).collect())
    };
    Some(Row {
        kind: Kind::from_word(text(batch, "type", at)?)?,
        mirror: named(batch, "mirror")?.as_boolean_opt()?.value(at),
        seq: number(batch, "seq", at)?,
        time_us: named(batch, "time")?.as_primitive_opt::<TimestampMicrosecondType>()?.value(at),
        book: Cow::Borrowed(text(batch, "book", at)?),
        texts: TEXTS.map(|(name, _)| text(batch, name, at).map(Cow::Borrowed)),
        numbers: NUMBERS.map(|name| number(batch, name, at)),
        lists: LISTS.map(list),
        counts: COUNTS.map(counts),
        rest: named(batch, REST)?.as_binary_view_opt()?.value(at).to_vec(),
    })
}
