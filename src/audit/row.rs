//! A record as a row of a column store's table: what people ask for in columns, and the record's own line beside them.
//!
//! Never: performs I/O. The table is [`CLICKHOUSE_TABLE`], and a row names its columns and no others
//! (`a_row_has_the_columns_of_the_table`).

use serde_json::Value;

use crate::audit::entry::Entry;
use crate::audit::entry::Malformed;
use crate::audit::forms;
use crate::audit::forms::Fields;

/// The table that rows are made for. Rows of one key are the same record: `FINAL` shows it once, however often it was sent.
pub const CLICKHOUSE_TABLE: &str = "\
CREATE TABLE palisade.decisions
(
    log_id            LowCardinality(String),
    seq               UInt64,
    time              DateTime64(3, 'UTC'),
    kind              LowCardinality(String),
    book              LowCardinality(String),
    mirror            UInt8,
    decision_id       String,
    decision          LowCardinality(String),
    code              LowCardinality(String),
    tenant            LowCardinality(String),
    principal_type    LowCardinality(String),
    principal         String,
    principal_tenant  LowCardinality(String),
    action            LowCardinality(String),
    resource          LowCardinality(String),
    method            LowCardinality(String),
    path              String,
    status            UInt16,
    pathway           LowCardinality(String),
    policies          Array(LowCardinality(String)),
    revealed          Array(LowCardinality(String)),
    hidden            Array(LowCardinality(String)),
    event             LowCardinality(String),
    snapshot          LowCardinality(String),
    trace_id          String,
    record            String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (book, time, log_id, seq);
";

/// Texts of a row, each with the place of the field that it is.
const TEXTS: [(&str, &str); 17] = [
    ("kind", "/type"),
    ("book", "/book"),
    ("decision_id", "/decision_id"),
    ("decision", "/decision"),
    ("code", "/code"),
    ("tenant", "/tenant"),
    ("principal_type", "/principal/type"),
    ("principal", "/principal/id"),
    ("principal_tenant", "/principal/tenant"),
    ("action", "/action"),
    ("resource", "/resource"),
    ("method", "/http/method"),
    ("path", "/http/path"),
    ("pathway", "/pathway"),
    ("event", "/event"),
    ("snapshot", "/snapshot"),
    ("trace_id", "/trace_id"),
];

/// Appends the row of a record of the log with this id, as a line of JSON.
///
/// # Errors
/// Where the bytes are no record.
pub fn row_line(log_id: &str, record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    forms::put(&row(log_id, record)?, out)?;
    out.push(b'\n');
    Ok(())
}

fn row(log_id: &str, record: &[u8]) -> Result<Fields, Malformed> {
    let entry = Entry::read(record)?;
    let mut text = Vec::new();
    crate::audit::entry::line(record, &mut text)?;
    text.pop();
    let line = String::from_utf8(text).map_err(|_| Malformed { at: 0 })?;
    let fields = Value::Object(forms::fields(record)?);
    let of = |place: &str| fields.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let mut row = Fields::new();
    let mut put = |name: &str, value: Value| row.insert(name.to_owned(), value);
    put("log_id", log_id.into());
    put("seq", entry.seq.into());
    // A column of UTC reads this without any setting of the server.
    put("time", of("/time").trim_end_matches('Z').replacen('T', " ", 1).into());
    put("mirror", u8::from(entry.mirror).into());
    for (name, place) in TEXTS {
        put(name, of(place).into());
    }
    let status = ["/http/status", "/status"].iter().find_map(|place| fields.pointer(place)?.as_u64());
    put("status", status.unwrap_or(0).into());
    for (name, place, member) in [
        ("policies", "/reasons", "policy_id"),
        ("revealed", "/classes/revealed", "class"),
        ("hidden", "/classes/hidden", "class"),
    ] {
        let items = fields.pointer(place).and_then(Value::as_array).into_iter().flatten();
        put(name, items.map(|item| item.get(member).unwrap_or(item).clone()).collect());
    }
    put("record", line.into());
    Ok(row)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::audit::tests::LOG_ID;
    use crate::audit::tests::golden;
    use crate::audit::tests::records;

    #[test]
    fn rows_are_those_of_the_golden_file() {
        let rows = records().into_iter().map(|record| Value::Object(row(LOG_ID, &record).unwrap()));
        golden("clickhouse.jsonl", &rows.collect::<Vec<_>>());
    }

    #[test]
    fn a_row_has_the_columns_of_the_table() {
        let columns = CLICKHOUSE_TABLE.lines().filter(|line| line.starts_with("    "));
        let columns: BTreeSet<String> =
            columns.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
        for record in records() {
            let names: BTreeSet<String> = row(LOG_ID, &record).unwrap().keys().cloned().collect();
            assert_eq!(names, columns);
        }
    }
}
