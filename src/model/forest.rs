//! Reads a tree of names that may be written nested (`acme: {tenants: {west: …}}`) or flat (`acme/west: …`).
//!
//! Tenants and data classes are both such trees. INVARIANT: entries leave here in the order of their segments, so
//! that each subtree is one run: an entry is followed by all that is below it, and by nothing else, up to its `end`.

use std::cmp::Ordering;

use crate::ids::BadName;
use crate::model::tree::At;
use crate::model::tree::Key;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Problem;
use crate::problem::nearest;

/// How one kind of tree is written.
pub(super) struct Kind {
    /// "tenant", "data class"
    pub(super) noun: &'static str,
    /// The key that holds the names below a name, and the whole tree at the top of the file.
    pub(super) children: &'static str,
    /// What else may stand at the top of the file.
    pub(super) beside: &'static [&'static str],
    pub(super) separator: char,
    /// All keys that an entry may have, `children` among them.
    pub(super) known: &'static [&'static str],
    pub(super) check: fn(&str) -> Result<(), BadName>,
    pub(super) duplicate: &'static str,
}

/// One name of the tree.
pub(super) struct Entry<'n> {
    pub(super) path: String,
    pub(super) at: At,
    pub(super) fields: &'n [(Key, Node)],
    /// Where the enclosing name stands in the list of entries.
    pub(super) parent: Option<usize>,
    /// One past the last entry below this one.
    pub(super) end: usize,
}

impl<'n> Entry<'n> {
    pub(super) fn field(&self, key: &str) -> Option<&'n Node> {
        self.fields.iter().find(|(found, _)| found.text == key).map(|(_, node)| node)
    }
}

/// The order in which a subtree is one run: the separator comes before every other character.
pub(super) fn by_segments(a: &str, b: &str, separator: char) -> Ordering {
    let rank = |byte: u8| if char::from(byte) == separator { 0 } else { byte };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

/// Reads the whole tree of a file.
pub(super) fn read<'n>(reader: &mut Reader, root: &'n Node, kind: &Kind) -> Vec<Entry<'n>> {
    reader.fields(root, "this file", &[&[kind.children], kind.beside].concat());
    let Some(top) = root.get(kind.children) else {
        reader.error("missing-key", root.at, format!("the file needs a key `{}`", kind.children));
        return Vec::new();
    };
    let entries = gather(reader, top, kind);
    arrange(reader, entries, kind)
}

fn gather<'n>(reader: &mut Reader, top: &'n Node, kind: &Kind) -> Vec<Entry<'n>> {
    let mut entries = Vec::new();
    let mut waiting = vec![(String::new(), top)];
    while let Some((above, names)) = waiting.pop() {
        for (key, node) in reader.map(names, &format!("`{}`", kind.children)) {
            let mut path = above.clone();
            if !path.is_empty() {
                path.push(kind.separator);
            }
            path.push_str(&key.text);
            if let Err(bad) = (kind.check)(&path) {
                let message = format!("`{}` is no name of a {}: {bad}", key.text.escape_debug(), kind.noun);
                reader.error("bad-name", key.at, message);
                continue;
            }
            let fields = reader.fields(node, &format!("a {}", kind.noun), kind.known);
            if let Some(below) = node.get(kind.children) {
                waiting.push((path.clone(), below));
            }
            entries.push(Entry { path, at: key.at, fields, parent: None, end: 0 });
        }
    }
    entries
}

fn arrange<'n>(reader: &mut Reader, mut entries: Vec<Entry<'n>>, kind: &Kind) -> Vec<Entry<'n>> {
    entries.sort_by(|a, b| by_segments(&a.path, &b.path, kind.separator).then(a.at.line().cmp(&b.at.line())));
    let mut first_line = 0;
    let mut kept: Vec<Entry<'n>> = Vec::with_capacity(entries.len());
    for entry in entries {
        if kept.last().is_some_and(|last| last.path == entry.path) {
            let message =
                format!("the {} `{}` is written twice: first in line {first_line}", kind.noun, entry.path);
            reader.error(kind.duplicate, entry.at, message);
            continue;
        }
        first_line = entry.at.line();
        kept.push(entry);
    }
    link(reader, &mut kept, kind);
    kept
}

/// Sets `parent` and `end` of each entry.
fn link(reader: &mut Reader, entries: &mut [Entry<'_>], kind: &Kind) {
    let mut open: Vec<usize> = Vec::new();
    let mut ends = vec![entries.len(); entries.len()];
    let mut parents = vec![None; entries.len()];
    for (at, entry) in entries.iter().enumerate() {
        while let Some(last) = open.last().copied() {
            if entries.get(last).is_some_and(|last| is_below(&entry.path, &last.path, kind.separator)) {
                break;
            }
            open.pop();
            set(&mut ends, last, at);
        }
        if let Some((above, _)) = entry.path.rsplit_once(kind.separator) {
            let parent =
                open.last().copied().filter(|last| entries.get(*last).is_some_and(|e| e.path == above));
            if parent.is_none() {
                missing_parent(reader, entry, above, entries, kind);
            }
            set(&mut parents, at, parent);
        }
        open.push(at);
    }
    for ((entry, end), parent) in entries.iter_mut().zip(ends).zip(parents) {
        entry.end = end;
        entry.parent = parent;
    }
}

fn missing_parent(reader: &mut Reader, entry: &Entry<'_>, above: &str, entries: &[Entry<'_>], kind: &Kind) {
    let message = format!("the {} `{}` stands below `{above}`, which is not written", kind.noun, entry.path);
    let names = entries.iter().take(1000).map(|entry| entry.path.as_str()).filter(|path| *path != entry.path);
    let hint = nearest(above, names).map_or_else(
        || format!("write `{above}` too"),
        |near| format!("did you mean `{near}`, or is `{above}` missing?"),
    );
    reader.add(entry.at, |place| Problem::error("unknown-parent", place, message).hint(hint));
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

fn is_below(inner: &str, outer: &str, separator: char) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(separator))
}
