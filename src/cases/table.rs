//! Reads tables: principals by columns (actions, routes or requests) by rows (DataKeys), with a decision in each cell.

use std::sync::Arc;

use crate::identity::Principal;
use crate::ids::DataKey;
use crate::model::tree::At;
use crate::model::tree::Node;
use crate::model::tree::Value;
use crate::problem::Problem;
use crate::request::question::Call;

use super::What;
use super::expect;
use super::keys;
use super::read::File;
use super::request;
use super::request::Request;

/// The ways to say what the columns are.
const COLUMNS: [&str; 3] = ["actions", "routes", "requests"];

struct Column {
    name: String,
    request: Request,
}

struct Row {
    name: String,
    data_key: DataKey,
}

struct Table {
    name: String,
    shared: Request,
    columns: Vec<Column>,
    /// Empty where the table has one row without a name.
    rows: Vec<Row>,
}

pub(super) fn read(file: &mut File, node: &Node) {
    file.reader.fields(node, "a table", &keys::names(keys::TABLE));
    let name = file.name(node, "a table");
    let shared = match node.get("request") {
        Some(_) => file.request(node, "a table"),
        None => Some(Request::default()),
    };
    let (Some(name), Some(shared), Some(columns)) = (name, shared, columns(file, node)) else { return };
    let rows = node.get("data_keys").map(|node| rows(file, node)).unwrap_or_default();
    let Some(expect) = node.get("expect") else {
        return file.missing(node.at, "a table needs a key `expect`");
    };
    let table = Table { name, shared, columns, rows };
    let entries = file.reader.map(expect, "`expect`");
    if entries.is_empty() {
        file.missing(expect.at, "a table needs a line for each principal in `expect`");
    }
    for (who, cells) in entries {
        if let Some(principal) = file.known_principal(&who.text, who.at) {
            table.principal(file, &who.text, &principal, cells);
        }
    }
}

fn columns(file: &mut File, node: &Node) -> Option<Vec<Column>> {
    let given: Vec<(&str, &Node)> = COLUMNS.iter().filter_map(|way| Some((*way, node.get(way)?))).collect();
    let [(way, list)] = given.as_slice() else {
        let at = given.get(1).map_or(node.at, |(_, node)| node.at);
        file.reader.error("missing-key", at, "a table needs one of `actions`, `routes` and `requests`");
        return None;
    };
    let names: Vec<(String, At)> = file
        .reader
        .texts(list, &format!("`{way}`"))
        .iter()
        .map(|(text, at)| ((*text).to_owned(), *at))
        .collect();
    if names.is_empty() {
        file.missing(list.at, &format!("`{way}` is empty"));
    }
    let mut columns = Vec::new();
    for (name, at) in names {
        let request = match *way {
            "actions" => {
                let call = request::action(file, &name, at).map(|action| Call::Action(action, Vec::new()));
                Request { call: Some(call?), ..Request::default() }
            }
            "routes" => {
                file.mention(What::Route, &name, at);
                Request { call: Some(Call::Route(name.clone())), ..Request::default() }
            }
            _ => file.known_request(&name, at)?,
        };
        columns.push(Column { name, request });
    }
    Some(columns)
}

fn rows(file: &mut File, node: &Node) -> Vec<Row> {
    let names: Vec<(String, At)> =
        file.reader.texts(node, "`data_keys`").iter().map(|(text, at)| ((*text).to_owned(), *at)).collect();
    let read = names.into_iter().filter_map(|(name, at)| {
        let data_key = request::data_key(file, &name, at)?;
        Some(Row { name, data_key })
    });
    read.collect()
}

impl Table {
    /// All cells of one principal.
    fn principal(&self, file: &mut File, who: &str, principal: &Arc<Principal>, node: &Node) {
        if self.rows.is_empty() {
            return self.row(file, (who, principal), None, node);
        }
        if let Value::Map(entries) = &node.value
            && !entries.is_empty()
        {
            for (key, _) in entries {
                if !self.rows.iter().any(|row| row.name == key.text) {
                    let known = self.rows.iter().map(|row| row.name.as_str());
                    file.reader.unknown("unknown-row", key.at, "a DataKey of this table", &key.text, known);
                }
            }
            for row in &self.rows {
                match node.get(&row.name) {
                    Some(node) => self.row(file, (who, principal), Some(row), node),
                    None => self.open(file, node.at, who, &row.name),
                }
            }
            return;
        }
        if let Value::List(_) = node.value {
            let message = "with `data_keys` the cells of a principal are one word, or a map by DataKey";
            return file.reader.error("wrong-type", node.at, message);
        }
        for row in &self.rows {
            self.row(file, (who, principal), Some(row), node);
        }
    }

    /// All cells of one row: a word for all, a list, or a map by column.
    fn row(&self, file: &mut File, who: (&str, &Arc<Principal>), row: Option<&Row>, node: &Node) {
        match &node.value {
            Value::List(cells) if cells.len() == self.columns.len() => {
                for (column, cell) in self.columns.iter().zip(cells) {
                    self.cell(file, who, column, row, cell);
                }
            }
            Value::List(cells) => {
                let columns: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
                let message = format!("there are {} columns, and this is {}", columns.len(), cells.len());
                file.reader.add(node.at, |place| {
                    let hint = format!("the columns are `{}`", columns.join("`, `"));
                    Problem::error("wrong-length", place, message).hint(hint)
                });
            }
            Value::Map(entries) => {
                for (key, _) in entries {
                    if !self.columns.iter().any(|column| column.name == key.text) {
                        let known = self.columns.iter().map(|column| column.name.as_str());
                        file.reader.unknown(
                            "unknown-column",
                            key.at,
                            "a column of this table",
                            &key.text,
                            known,
                        );
                    }
                }
                for column in &self.columns {
                    match node.get(&column.name) {
                        Some(cell) => self.cell(file, who, column, row, cell),
                        None => self.open(file, node.at, who.0, &column.name),
                    }
                }
            }
            Value::Text(_) | Value::Whole(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
                for column in &self.columns {
                    self.cell(file, who, column, row, node);
                }
            }
        }
    }

    fn cell(
        &self,
        file: &mut File,
        (who, principal): (&str, &Arc<Principal>),
        column: &Column,
        row: Option<&Row>,
        node: &Node,
    ) {
        let Some(Some(expect)) = expect::cell(file, node) else { return };
        let at_row = Request { data_key: row.map(|row| row.data_key.clone()), ..Request::default() };
        let request = at_row.over(&column.request).over(&self.shared);
        let row = row.map_or(String::new(), |row| format!(", {}", row.name));
        let name = format!("{}: {who}, {}{row}", self.name, column.name);
        file.case(name, node.at, Some(Arc::clone(principal)), request, expect);
    }

    fn open(&self, file: &mut File, at: At, who: &str, name: &str) {
        file.reader.add(at, |place| {
            let message = format!("the table says nothing of `{name}` for `{who}`");
            Problem::error("missing-cell", place, message).hint("write `~` where nothing is expected")
        });
    }
}
