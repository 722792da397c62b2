//! Tables (`text/csv`, RFC 4180): the first row names the columns, each cell is like the member of its column's name.
//!
//! A row leaves whole or not at all: one with a cell too many or too few may have them shifted, and is refused.
//!
//! Never: passes a row that parsers would take apart differently, or one whose columns have no names.

use std::sync::Arc;

use bytes::Bytes;

use crate::limits;
use crate::redact::field::Fate;
use crate::redact::field::Place;
use crate::redact::field::is_classified;
use crate::redact::field::names_owner;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::shape::Foreign;
use crate::redact::walk;
use crate::redact::walk::Owns;

/// What the next byte of a row stands after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// A comma, or nothing.
    Start,
    Bare,
    /// An open quote.
    Quoted,
    /// A quote within quotes, which may be their end.
    Quote,
    Return,
}

#[derive(Debug)]
pub(super) struct Csv {
    /// Does the content type say that the first row names the columns?
    is_named: bool,
    /// What the first row says. `None` before it.
    columns: Option<Columns>,
    after: After,
    /// The row so far, as sent.
    row: Vec<u8>,
    /// Where its commas stand.
    commas: Vec<usize>,
    /// How many bytes came before this piece.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
    /// How many rows were another owner's.
    pub(super) foreign: u64,
    owner: Option<Arc<dyn Owns>>,
}

#[derive(Debug)]
struct Columns {
    /// For each, its place if something in it may have to be hidden.
    places: Vec<Option<Place>>,
    /// Those that say whose a row is.
    owners: Vec<usize>,
}

impl Csv {
    /// The table of which only this owner's rows stay.
    pub(super) const fn new(is_named: bool, owner: Option<Arc<dyn Owns>>) -> Self {
        Self {
            is_named,
            columns: None,
            after: After::Start,
            row: Vec::new(),
            commas: Vec::new(),
            before: 0,
            counts: Vec::new(),
            foreign: 0,
            owner,
        }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        let mut out = Vec::with_capacity(piece.len());
        for (at, byte) in (self.before..).zip(piece.iter().copied()) {
            if byte == b',' && self.after != After::Quoted {
                self.commas.push(self.row.len());
            }
            self.row.push(byte);
            let max = self.columns.as_ref().map_or(limits::CSV_COLUMNS_MAX, |columns| columns.places.len());
            if self.commas.len() >= max {
                return Err(Malformed::NotCsv { at });
            }
            if self.row.len() > limits::FIELD_BYTES_MAX {
                return Err(Malformed::FieldTooLong { at });
            }
            self.after = match next(self.after, byte).ok_or(Malformed::NotCsv { at })? {
                Some(after) => after,
                None => {
                    self.row_end(plan, at, &mut out)?;
                    After::Start
                }
            };
        }
        self.before += piece.len() as u64;
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        let mut out = Vec::new();
        match self.after {
            After::Quoted => Err(Malformed::Truncated),
            After::Return => Err(Malformed::NotCsv { at: self.before }),
            After::Start | After::Bare | After::Quote => {
                self.row_end(plan, self.before, &mut out)?;
                Ok(out.into())
            }
        }
    }

    /// The row is whole, and ends before `at`.
    fn row_end(&mut self, plan: &Plan, at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let odd = Malformed::NotCsv { at };
        let row = std::mem::take(&mut self.row);
        let commas = std::mem::take(&mut self.commas);
        let text = std::str::from_utf8(&row).map_err(|_| odd)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            out.extend_from_slice(&row);
        } else {
            let starts = std::iter::once(0).chain(commas.iter().map(|comma| comma + 1));
            let ends = commas.iter().copied().chain([line.len()]);
            let cells: Vec<&str> = starts.zip(ends).filter_map(|(from, to)| line.get(from..to)).collect();
            match &self.columns {
                None => {
                    self.columns = Some(Columns::read(plan, &cells, self.is_named).ok_or(odd)?);
                    out.extend_from_slice(&row);
                }
                Some(columns) if cells.len() != columns.places.len() => return Err(odd),
                Some(columns) if plan.has_rows() && !columns.are_of(plan, self.owner.as_deref(), &cells) => {
                    self.foreign += 1;
                    if plan.shape.foreign == Foreign::Refuse || !are_rows(plan) {
                        return Err(Malformed::ForeignRow { at });
                    }
                }
                Some(columns) => {
                    masked(plan, &columns.places, &cells, &mut self.counts, out).ok_or(odd)?;
                    out.extend_from_slice(row.get(line.len()..).unwrap_or_default());
                }
            }
        }
        // The room is kept for the next row.
        self.row = row;
        self.row.clear();
        self.commas = commas;
        self.commas.clear();
        Ok(())
    }
}

/// Are the rows of a table the rows that say whose they are?
fn are_rows(plan: &Plan) -> bool {
    let start = plan.shape.state(plan.shape.start);
    let is_row = |set| plan.act_of(set) != 0 && plan.act(plan.act_of(set)).row;
    is_row(start.object) || is_row(plan.shape.state(start.item).object)
}

/// What follows a byte: another place in the row, or `None` if the row has ended. No answer where it may not stand.
const fn next(after: After, byte: u8) -> Option<Option<After>> {
    match (after, byte) {
        (_, 0) => None,
        (After::Quoted, b'"') => Some(Some(After::Quote)),
        (After::Start | After::Quote, b'"') | (After::Quoted, _) => Some(Some(After::Quoted)),
        (After::Return, b'\n') => Some(None),
        (After::Bare, b'"') | (After::Return, _) => None,
        (After::Start | After::Bare | After::Quote, b',') => Some(Some(After::Start)),
        (After::Start | After::Bare | After::Quote, b'\n') => Some(None),
        (After::Start | After::Bare | After::Quote, b'\r') => Some(Some(After::Return)),
        (After::Quote, _) => None,
        (After::Start | After::Bare, _) => Some(Some(After::Bare)),
    }
}

impl Columns {
    /// What the first row names. `None` if it cannot be told that it names columns at all.
    fn read(plan: &Plan, cells: &[&str], is_named: bool) -> Option<Self> {
        let mut columns = Self { places: Vec::with_capacity(cells.len()), owners: Vec::new() };
        let mut is_known = is_named;
        for (number, cell) in cells.iter().enumerate() {
            let cell = if number == 0 { cell.strip_prefix('\u{feff}').unwrap_or(cell) } else { cell };
            let name = text(cell);
            // Spreadsheets take `sep=,` for a line that says the delimiter, and the next one for the header.
            if number == 0 && name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep=")) {
                return None;
            }
            // Another delimiter: these are several columns.
            if name.contains([';', '\t', '|']) {
                return None;
            }
            is_known |= is_classified(plan, &name);
            if plan.has_rows() && names_owner(plan, &name) {
                columns.owners.push(number);
                is_known = true;
            }
            columns.places.push(Place::of(plan, &name).ok()?);
        }
        is_known.then_some(columns)
    }

    /// May a row of these cells stay? None may that names no owner, or has a cell that may hold rows itself.
    fn are_of(&self, plan: &Plan, owner: Option<&dyn Owns>, cells: &[&str]) -> bool {
        let is_own = |cell: &&str| owner.is_some_and(|owner| owner.owns(&text(cell)));
        let mut named = self.owners.iter().filter_map(|number| cells.get(*number));
        let reads = plan.looks || plan.shape.reads_strings();
        let holds = |cell: &&str| walk::may_hold_a_document(&text(cell));
        are_rows(plan) && !self.owners.is_empty() && named.all(is_own) && !(reads && cells.iter().any(holds))
    }
}

/// Writes a row as it may be seen.
fn masked(
    plan: &Plan,
    columns: &[Option<Place>],
    cells: &[&str],
    counts: &mut Vec<u64>,
    out: &mut Vec<u8>,
) -> Option<()> {
    for (number, (cell, place)) in cells.iter().zip(columns).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let fate = match place {
            Some(place) => place.judge(plan, &text(cell), counts).ok()?,
            None => Fate::Stays,
        };
        match fate {
            Fate::Stays => out.extend_from_slice(cell.as_bytes()),
            // A row of one empty cell would be an empty line, which is no row.
            Fate::Gone => quote("", columns.len() == 1, out),
            Fate::Becomes(text) => {
                let is_odd = text.contains(['"', ',', '\r', '\n']) || text.trim() != text;
                let is_lost = text.is_empty() && columns.len() == 1;
                quote(&text, is_odd || is_lost || cell.starts_with('"'), out);
            }
        }
    }
    Some(())
}

/// What a cell spells.
fn text(cell: &str) -> String {
    match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => cell.to_owned(),
    }
}

fn quote(text: &str, quotes: bool, out: &mut Vec<u8>) {
    if quotes {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}
