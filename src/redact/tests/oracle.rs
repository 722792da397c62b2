//! A second redactor, as plain as can be: a recursive tree that keeps every byte, and paths matched by recursion.
//! It shares no line with the engine but `Mask` and its texts.

use crate::redact::Mask;
use crate::redact::Scalar;

/// One value with the white space and punctuation around its parts, as sent.
pub(super) enum Tree<'a> {
    Scalar(&'a str),
    /// Space before the closing bracket if empty; items with the space before and after.
    Array(&'a str, Vec<(&'a str, Tree<'a>, &'a str)>),
    /// Members: space before, key with quotes, from key to value, value, space after.
    Object(&'a str, Vec<(&'a str, &'a str, &'a str, Tree<'a>, &'a str)>),
}

pub(super) struct Reader<'a>(pub(super) &'a str);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a str {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }

    pub(super) fn space(&mut self) -> &'a str {
        let n = self.0.len() - self.0.trim_start_matches([' ', '\n', '\r', '\t']).len();
        self.take(n)
    }

    fn text(&mut self) -> &'a str {
        let mut escaped = false;
        let end = self.0.get(1..).unwrap().find(|c| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        });
        self.take(end.unwrap() + 2)
    }

    pub(super) fn value(&mut self) -> Tree<'a> {
        match self.0.as_bytes()[0] {
            b'"' => Tree::Scalar(self.text()),
            open @ (b'{' | b'[') => {
                self.take(1);
                let mut members = Vec::new();
                let mut items = Vec::new();
                let mut before = self.space();
                while !self.0.starts_with(['}', ']']) {
                    if open == b'{' {
                        let key = self.text();
                        let from = self.0;
                        self.space();
                        self.take(1);
                        self.space();
                        let colon = from.get(..from.len() - self.0.len()).unwrap();
                        let value = self.value();
                        members.push((before, key, colon, value, self.space()));
                    } else {
                        let value = self.value();
                        items.push((before, value, self.space()));
                    }
                    if self.0.starts_with(',') {
                        self.take(1);
                        before = self.space();
                    }
                }
                self.take(1);
                if open == b'{' { Tree::Object(before, members) } else { Tree::Array(before, items) }
            }
            _ => {
                let n = self.0.find([' ', '\n', '\r', '\t', ',', ']', '}']).unwrap_or(self.0.len());
                Tree::Scalar(self.take(n))
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Key(&'static str),
    AnyKey,
    Items,
    Deeper,
}

#[derive(Debug, Clone)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    pub(super) fn text(&self) -> String {
        let mut text = "$".to_owned();
        for (at, step) in self.0.iter().enumerate() {
            let dot = if at > 0 && matches!(self.0[at - 1], Step::Deeper) { "" } else { "." };
            match step {
                Step::Key(key) => text.push_str(&format!("{dot}{key}")),
                Step::AnyKey => text.push_str(&format!("{dot}*")),
                Step::Items => text.push_str("[*]"),
                Step::Deeper => text.push_str(".."),
            }
        }
        text
    }
}

#[derive(Clone)]
enum At {
    Key(String),
    Item,
}

/// As far as the laws' keys need it.
fn folded(key: &str) -> String {
    key.to_lowercase().replace(['_', '-', ' ', '.'], "")
}

/// Does the path select the value at `at`? Arrays are transparent.
fn selects(path: &[Step], at: &[At], is_array: bool) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return at.iter().all(|at| matches!(at, At::Item));
    };
    if matches!(step, Step::Deeper) {
        let below = matches!(at.first(), Some(At::Key(_))) && selects(path, &at[1..], is_array);
        let beside = matches!(at.first(), Some(At::Item)) && selects(path, &at[1..], is_array);
        return below || beside || selects(rest, at, is_array);
    }
    match (at.first(), step) {
        (None, Step::Items) => !is_array && selects(rest, at, is_array),
        (None, _) => false,
        (Some(At::Item), Step::Items | Step::AnyKey) => {
            selects(rest, &at[1..], is_array) || selects(path, &at[1..], is_array)
        }
        (Some(At::Item), _) => selects(path, &at[1..], is_array),
        (Some(At::Key(_)), Step::Items) => selects(rest, at, is_array),
        (Some(At::Key(key)), Step::Key(name)) => {
            folded(key) == folded(name) && selects(rest, &at[1..], is_array)
        }
        (Some(At::Key(_)), Step::AnyKey) => selects(rest, &at[1..], is_array),
        (Some(At::Key(_)), Step::Deeper) => false,
    }
}

/// May the path select the value at `at`, or one in it?
fn leads(path: &[Step], at: &[At]) -> bool {
    let (Some(here), Some((step, rest))) = (at.first(), path.split_first()) else {
        return at.iter().all(|at| matches!(at, At::Item));
    };
    let within = &at[1..];
    match (here, step) {
        (_, Step::Deeper) => leads(path, within) || leads(rest, at),
        (At::Item, Step::Items | Step::AnyKey) => leads(path, within) || leads(rest, within),
        (At::Item, Step::Key(_)) => leads(path, within),
        (At::Key(_), Step::Items) => leads(rest, at),
        (At::Key(key), Step::Key(name)) => folded(key) == folded(name) && leads(rest, within),
        (At::Key(_), Step::AnyKey) => leads(rest, within),
    }
}

/// What replaces a value, given its raw text. `pseudonyms` says what the engine's key makes of class and text.
type Pseudonyms<'a> = &'a dyn Fn(&Mask, usize, Scalar<&str>) -> String;

fn replaced(class: usize, mask: &Mask, tree: &Tree<'_>, pseudonyms: Pseudonyms<'_>) -> String {
    let full = || "\"[redacted]\"".to_owned();
    let raw = match tree {
        Tree::Scalar(raw) => *raw,
        Tree::Array(..) | Tree::Object(..) => "[",
    };
    let text = serde_json::from_str::<String>(raw).ok();
    let is_number = raw.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    // The engine writes every control character in the same way.
    let quoted = |text: String| serde_json::to_string(&text).unwrap().replace("\\n", "\\u000a");
    match mask {
        Mask::Drop | Mask::Null => "null".to_owned(),
        Mask::Fixed(fixed) => serde_json::to_string(&**fixed).unwrap(),
        Mask::Typed => match tree {
            Tree::Array(..) => "[]".to_owned(),
            Tree::Object(..) => "{}".to_owned(),
            Tree::Scalar("null") => "null".to_owned(),
            Tree::Scalar("true" | "false") => "false".to_owned(),
            Tree::Scalar(_) if is_number => "0".to_owned(),
            Tree::Scalar(_) => full(),
        },
        Mask::KeepFirst(count) => match text {
            Some(text) if usize::from(*count) * 3 <= text.chars().count() => {
                let star = |(at, c)| if at < usize::from(*count) { c } else { '*' };
                quoted(text.chars().enumerate().map(star).collect())
            }
            _ => full(),
        },
        Mask::KeepLast(count) => match text {
            Some(text) if usize::from(*count) * 3 <= text.chars().count() => {
                let hidden = text.chars().count() - usize::from(*count);
                let star = |(at, c)| if at < hidden { '*' } else { c };
                quoted(text.chars().enumerate().map(star).collect())
            }
            _ => full(),
        },
        Mask::Pseudonym | Mask::Seal => match text {
            Some(text) => pseudonyms(mask, class, Scalar::Text(&text)),
            None if is_number => pseudonyms(mask, class, Scalar::Number(raw)),
            None => full(),
        },
        Mask::Format => {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
            let is_form = |text: &str| text.chars().all(|c| c.is_ascii_digit() || " -./()+".contains(c));
            match text.filter(|text| is_form(text) && (6..=38).contains(&digits(text))) {
                Some(text) => pseudonyms(mask, class, Scalar::Text(&text)),
                None => full(),
            }
        }
        Mask::Bucket(width) if is_number && !raw.contains(['e', 'E']) => {
            let width = f64::from(*width);
            format!("{:.0}", (raw.parse::<f64>().unwrap() / width).floor() * width + 0.0)
        }
        Mask::Year | Mask::Prefix(_) | Mask::Network => {
            text.and_then(|text| general(mask, &text)).map_or_else(full, quoted)
        }
        Mask::Bucket(_) => full(),
    }
}

/// What a text becomes, of those that the laws are tested with.
fn general(mask: &Mask, text: &str) -> Option<String> {
    match mask.kind() {
        "year" if text.contains('T') => {
            let zone = if text.ends_with('Z') { "Z" } else { "" };
            let time: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
            Some(format!("{:04}-01-01T00:00:00{zone}", time.year()))
        }
        "year" => Some(format!("{:04}-01-01", text.parse::<jiff::civil::Date>().ok()?.year())),
        "prefix" => {
            let known = [("94103", "94100"), ("EC1A 1BB", "EC1A 0AA")];
            let dates = [("1984-06-05", "1980-00-00"), ("1984-06-31", "1980-00-00")];
            let found = known.into_iter().chain(dates).find(|(code, _)| *code == text);
            found.map(|(_, prefix)| prefix.to_owned())
        }
        "network" => {
            let numbers: Vec<&str> = text.split('.').collect();
            let are_bytes = numbers.len() == 4 && numbers.iter().all(|number| number.parse::<u8>().is_ok());
            are_bytes.then(|| format!("{}.0", numbers[..3].join(".")))
        }
        _ => None,
    }
}

pub(super) struct Oracle<'a> {
    pub(super) rules: &'a [(Path, Mask)],
    pub(super) pseudonyms: Pseudonyms<'a>,
    at: Vec<At>,
    pub(super) hidden: Vec<String>,
    /// How many values were hidden, those within them not counted.
    pub(super) count: usize,
    /// Where what no path selects is hidden: the paths of what is classified and not hidden.
    pub(super) shown: Option<&'a [Path]>,
    /// How many values around here are classified.
    covered: usize,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(rules: &'a [(Path, Mask)], pseudonyms: Pseudonyms<'a>) -> Self {
        Self { rules, pseudonyms, at: Vec::new(), hidden: Vec::new(), count: 0, shown: None, covered: 0 }
    }

    fn rule(&self, tree: &Tree<'_>) -> Option<(usize, &'a Mask)> {
        let is_array = matches!(tree, Tree::Array(..));
        let rules =
            self.rules.iter().enumerate().filter(|(_, (path, _))| selects(&path.0, &self.at, is_array));
        rules
            .map(|(class, (_, mask))| (class, mask))
            .reduce(|most, next| if next.1 > most.1 { next } else { most })
    }

    pub(super) fn write(&mut self, tree: &Tree<'_>, out: &mut String) {
        let is_array = matches!(tree, Tree::Array(..));
        let shown = self.shown.unwrap_or_default();
        let covers = usize::from(shown.iter().any(|path| selects(&path.0, &self.at, is_array)));
        self.covered += covers;
        self.write_inside(tree, out);
        self.covered -= covers;
    }

    fn write_inside(&mut self, tree: &Tree<'_>, out: &mut String) {
        let all = self.rules.iter().map(|(path, _)| path).chain(self.shown.unwrap_or_default());
        let is_described =
            !matches!(tree, Tree::Scalar(_)) && all.into_iter().any(|path| leads(&path.0, &self.at));
        if self.shown.is_some() && self.covered == 0 && !is_described && self.rule(tree).is_none() {
            self.count += 1;
            self.note(tree);
            return out.push_str("\"[redacted]\"");
        }
        if let Some((class, mask)) = self.rule(tree) {
            self.count += 1;
            self.note(tree);
            out.push_str(&replaced(class, mask, tree, self.pseudonyms));
            return;
        }
        match tree {
            Tree::Scalar(raw) => out.push_str(raw),
            Tree::Array(space, items) => {
                out.push('[');
                for (n, (before, item, after)) in items.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    out.push_str(before);
                    self.at.push(At::Item);
                    self.write(item, out);
                    self.at.pop();
                    out.push_str(after);
                }
                out.push_str(if items.is_empty() { space } else { "" });
                out.push(']');
            }
            Tree::Object(space, members) => {
                out.push('{');
                let mut kept = false;
                for (before, key, colon, value, after) in members {
                    self.at.push(At::Key(serde_json::from_str(key).unwrap()));
                    if matches!(self.rule(value), Some((_, Mask::Drop))) {
                        self.count += 1;
                        self.note(value);
                    } else {
                        out.push_str(if kept { "," } else { "" });
                        kept = true;
                        [before, key, colon].iter().for_each(|text| out.push_str(text));
                        self.write(value, out);
                    }
                    self.at.pop();
                    out.push_str(after);
                }
                out.push_str(if members.is_empty() { space } else { "" });
                out.push('}');
            }
        }
    }

    /// Remembers the texts of a hidden value.
    fn note(&mut self, tree: &Tree<'_>) {
        match tree {
            Tree::Scalar(raw) => self.hidden.push((*raw).to_owned()),
            Tree::Array(_, items) => items.iter().for_each(|(_, item, _)| self.note(item)),
            Tree::Object(_, members) => members.iter().for_each(|(_, _, _, value, _)| self.note(value)),
        }
    }
}
