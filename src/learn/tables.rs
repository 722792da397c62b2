//! Tables: each row counts like an item of the document, each cell like the member of its column.
//!
//! Never: takes a first row for the names of the columns in which a cell is not spelt like a name, or that may be a row like
//! those below it.

use std::collections::HashSet;

use crate::learn::json;
use crate::learn::json::Unreadable;
use crate::learn::names;
use crate::learn::node::Look;
use crate::learn::node::Node;
use crate::learn::node::add;
use crate::learn::words::speaks;
use crate::limits;

/// Counts a table (RFC 4180). `is_named`: the type says that the first row names the columns.
pub(super) fn table(
    root: &mut Node,
    look: &mut Look,
    text: &str,
    is_named: bool,
    is_cut: bool,
) -> Result<(), Unreadable> {
    root.enter(look);
    add(&mut root.types.array, 1);
    let mut rows = Rows { rest: text };
    let heads = rows.next().ok_or(Unreadable)?;
    if is_cut && rows.rest.is_empty() {
        return Ok(());
    }
    let has_heads = is_named || are_heads(&heads, Rows { rest: rows.rest });
    let Some(items) = root.items(look) else { return Ok(()) };
    let columns: Vec<Column<'_>> = heads
        .iter()
        .map(|head| if has_heads { head.trim() } else { "" })
        .map(|head| Column { head, is_name: is_head(head, is_named) })
        .collect();
    if !has_heads {
        row(items, look, &columns, &heads);
    }
    let mut next = rows.next();
    while let Some(cells) = next {
        next = rows.next();
        // The last row of what was cut breaks off.
        if next.is_some() || !is_cut {
            row(items, look, &columns, &cells);
        }
    }
    Ok(())
}

/// So many rows are compared with the first one.
const COMPARED_MAX: usize = 32;

/// Does the first row name the columns, where nothing says so? All of it must be spelt like names, each another one; none may
/// stand in its own column again; and either one speaks of what is known, or what is in a column is not spelt so.
fn are_heads(heads: &[String], below: Rows<'_>) -> bool {
    let heads: Vec<&str> = heads.iter().map(|head| head.trim()).collect();
    let mut known = HashSet::new();
    if !heads.iter().all(|head| is_head(head, false) && known.insert(head.to_lowercase())) {
        return false;
    }
    let mut differs = vec![None; heads.len()];
    for row in below.take(COMPARED_MAX) {
        for ((head, differs), cell) in heads.iter().zip(&mut differs).zip(&row) {
            let cell = cell.trim();
            if cell.eq_ignore_ascii_case(head) {
                return false;
            }
            if !cell.is_empty() {
                *differs = Some(differs.unwrap_or(true) && !names::is_heading(cell));
            }
        }
    }
    heads.iter().any(|head| speaks(head).is_some()) || differs.contains(&Some(true))
}

struct Column<'t> {
    head: &'t str,
    is_name: bool,
}

/// Is it a name of a column? Words with spaces between them may be somebody's: they are one only where the type says that
/// there are names, or where they are words for what is known.
fn is_head(head: &str, is_named: bool) -> bool {
    names::is_name(head) || names::is_heading(head) && (is_named || speaks(head).is_some())
}

fn row(items: &mut Node, look: &mut Look, columns: &[Column<'_>], cells: &[String]) {
    items.enter(look);
    add(&mut items.types.object, 1);
    for (at, cell) in cells.iter().enumerate() {
        let Column { head, is_name } = columns.get(at).unwrap_or(&Column { head: "", is_name: false });
        if let Some(node) = items.member(head, *is_name, look) {
            cell_at(node, head, look, cell);
        }
    }
}

/// Counts a cell or a field: an empty one is nothing.
pub(super) fn cell_at(node: &mut Node, key: &str, look: &mut Look, cell: &str) {
    node.enter(look);
    if cell.trim().is_empty() {
        add(&mut node.types.null, 1);
    } else {
        json::text(node, key, look, cell);
    }
}

struct Rows<'t> {
    rest: &'t str,
}

impl Iterator for Rows<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut chars = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    chars.next();
                    cell.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted && cells.len() < limits::CSV_COLUMNS_MAX => {
                    cells.push(std::mem::take(&mut cell))
                }
                '\n' if !quoted => {
                    end = at + 1;
                    break;
                }
                '\r' if !quoted => {}
                c => cell.push(c),
            }
        }
        cells.push(cell);
        self.rest = self.rest.get(end..).unwrap_or_default();
        Some(cells)
    }
}
