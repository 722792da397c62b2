//! What the story prints. Colours only on a terminal, and not with `NO_COLOR`; anstream sees to that.
//!
//! Never: decides whether a step went as told.

use std::io::Write;

use anstyle::AnsiColor;
use anstyle::Style;
use serde_json::Value;

use crate::Fallible;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const MASKED: Style = AnsiColor::Yellow.on_default();
/// All that is masked is shown, and so much of what is not.
const CLEAR_MAX: usize = 4;
const VALUE_CHARS_MAX: usize = 64;
const TEXT_WIDTH: usize = 92;

/// What is shown of a decision and its outcome, as JSON pointers (RFC 6901): who, what, and why.
const RECORD: [(&str, &str); 11] = [
    ("decision", "/decision"),
    ("code", "/code"),
    ("detail", "/detail"),
    ("action", "/action"),
    ("data_key", "/data_key"),
    ("principal", "/principal"),
    ("tenant_sources", "/tenant_sources"),
    ("pathway", "/pathway"),
    ("reasons", "/reasons"),
    ("errors", "/errors"),
    ("redactions", "/redactions"),
];
/// Who issued the credential is the same all through the story.
const RECORD_DULL: &str = "issuer";

/// The printer.
pub(crate) struct Show(anstream::AutoStream<std::io::Stdout>);

impl Show {
    pub(crate) fn new() -> Self {
        Self(anstream::stdout())
    }

    /// A line of plain text.
    pub(crate) fn say(&mut self, text: &str) -> Fallible<()> {
        writeln!(self.0, "{text}")?;
        Ok(())
    }

    pub(crate) fn headline(&mut self, text: &str) -> Fallible<()> {
        writeln!(self.0, "\n{BOLD}{text}{BOLD:#}")?;
        Ok(())
    }

    pub(crate) fn step(&mut self, number: usize, title: &str, why: &str) -> Fallible<()> {
        writeln!(self.0, "\n{BOLD}{number:>2}  {title}{BOLD:#}")?;
        let words: Vec<String> = why.split(' ').map(str::to_owned).collect();
        for line in filled(&words, " ", TEXT_WIDTH) {
            writeln!(self.0, "    {DIM}{line}{DIM:#}")?;
        }
        Ok(())
    }

    /// A labelled line of a step.
    pub(crate) fn row(&mut self, label: &str, text: &str) -> Fallible<()> {
        writeln!(self.0, "    {DIM}{label:<8}{DIM:#}{text}")?;
        Ok(())
    }

    /// What is changed in a file: texts, and what stands in their place.
    pub(crate) fn edit(&mut self, file: &str, changes: &[(&str, &str)]) -> Fallible<()> {
        self.row("edit", file)?;
        for (from, to) in changes {
            for (sign, style, text) in [('-', BAD, from), ('+', GOOD, to)] {
                for line in text.lines() {
                    writeln!(self.0, "            {style}{sign} {line}{style:#}")?;
                }
            }
        }
        Ok(())
    }

    /// The body that the caller got, leaf by leaf, beside what the app had answered.
    pub(crate) fn body(&mut self, got: &Value, app: Option<&Value>) -> Fallible<()> {
        let mut leaves = Vec::new();
        compare("", app, Some(got), &mut leaves);
        let (mut clear, before) = (0, leaves.len());
        leaves.retain(|leaf| {
            clear += usize::from(matches!(leaf.fate, Fate::Clear));
            !matches!(leaf.fate, Fate::Clear) || clear <= CLEAR_MAX
        });
        let width = leaves.iter().map(|leaf| leaf.path.chars().count()).max().unwrap_or(0);
        for Leaf { path, value, fate } in &leaves {
            match fate {
                Fate::Clear => writeln!(self.0, "            {path:<width$}  {value}")?,
                Fate::Masked => {
                    writeln!(self.0, "            {path:<width$}  {MASKED}{value}  masked{MASKED:#}")?
                }
                Fate::Dropped => writeln!(self.0, "            {path:<width$}  {MASKED}dropped{MASKED:#}")?,
            }
        }
        if leaves.len() < before {
            writeln!(self.0, "            {DIM}and {} more in clear{DIM:#}", before - leaves.len())?;
        }
        Ok(())
    }

    /// What matters of a line of the decision log.
    pub(crate) fn record(&mut self, label: &str, record: &Value) -> Fallible<()> {
        let items: Vec<String> = RECORD
            .into_iter()
            .filter_map(|(name, place)| Some((name, plain(record.pointer(place)?))))
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        self.list(label, &items, "  ")
    }

    /// What was checked and is seen nowhere else, and each thing that is not as told.
    pub(crate) fn checks(&mut self, telling: &[String], failed: &[String]) -> Fallible<()> {
        self.list("ok", telling, "; ")?;
        for what in failed {
            writeln!(self.0, "    {BAD}FAILED{BAD:#}  {what}")?;
        }
        Ok(())
    }

    /// Labelled parts, as many on each line as fit.
    pub(crate) fn list(&mut self, label: &str, parts: &[String], between: &str) -> Fallible<()> {
        for (at, line) in filled(parts, between, TEXT_WIDTH).into_iter().enumerate() {
            self.row(if at == 0 { label } else { "" }, &line)?;
        }
        Ok(())
    }

    pub(crate) fn summary(&mut self, steps: usize, checks: usize, failed: &[String]) -> Fallible<()> {
        if failed.is_empty() {
            writeln!(self.0, "\n{GOOD}{steps} steps, {checks} checks: all as told.{GOOD:#}")?;
        } else {
            writeln!(self.0, "\n{BAD}{steps} steps, {checks} checks, {} failed:{BAD:#}", failed.len())?;
            for what in failed {
                writeln!(self.0, "  {what}")?;
            }
        }
        self.0.flush()?;
        Ok(())
    }
}

enum Fate {
    Clear,
    Masked,
    Dropped,
}

struct Leaf {
    path: String,
    value: String,
    fate: Fate,
}

/// Walks both bodies at once. Of an array of objects at the top only the first element is shown.
fn compare(path: &str, app: Option<&Value>, got: Option<&Value>, leaves: &mut Vec<Leaf>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (app, got) {
        (None, None) => {}
        (Some(_), None) => leaves.push(Leaf { path: path.into(), value: String::new(), fate: Fate::Dropped }),
        (_, Some(Value::Object(members))) => {
            let empty = serde_json::Map::new();
            let original = app.and_then(Value::as_object).unwrap_or(&empty);
            let added = members.keys().filter(|name| !original.contains_key(*name));
            for name in original.keys().chain(added) {
                compare(&below(name), original.get(name), members.get(name), leaves);
            }
        }
        (_, Some(Value::Array(items))) if items.iter().any(Value::is_object) => {
            let original = app.and_then(Value::as_array);
            for (at, item) in items.iter().enumerate().take(1) {
                compare(&below(&at.to_string()), original.and_then(|all| all.get(at)), Some(item), leaves);
            }
        }
        (_, Some(value)) => {
            let same = app.is_none_or(|app| app == value);
            let fate = if same { Fate::Clear } else { Fate::Masked };
            leaves.push(Leaf { path: path.into(), value: brief(value), fate });
        }
    }
}

/// One line of JSON, cut where it is long, text without its quotation marks.
fn brief(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut short: String =
        text.chars().take(VALUE_CHARS_MAX * if value.is_string() { 1 } else { 3 }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A part of a record without its punctuation: `permit:roles-read, forbid:ssn`.
fn plain(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let parts = members.iter().filter(|(name, _)| *name != RECORD_DULL);
            parts.map(|(_, part)| plain(part)).collect::<Vec<_>>().join(":")
        }
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => brief(value),
    }
}

/// Puts as many items on each line as fit.
fn filled(items: &[String], between: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.chars().count() + between.len() + item.chars().count() <= width => {
                line.push_str(between);
                line.push_str(item);
            }
            Some(_) | None => lines.push(item.clone()),
        }
    }
    lines
}
