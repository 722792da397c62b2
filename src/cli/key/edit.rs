//! Edits of the text of a file of API keys that leave everything else as it stands: comments, order, layout.
//!
//! Whether an edit is what was meant is for who asks to read back.
//! Never: looks at a secret.

use std::fmt::Write as _;

/// What a new file begins with.
pub(super) const HEAD: &str = "# API keys, `id.secret`. Only the SHA-256 of the secret stands here. `palisade key` edits this file.\nkeys:\n";

/// What is written of a new key.
pub(super) struct Entry<'e> {
    pub(super) id: &'e str,
    pub(super) sha256: &'e str,
    pub(super) kind: &'e str,
    pub(super) principal: &'e str,
    pub(super) tenant: &'e str,
    /// `roles`, `groups`, `scopes`.
    pub(super) lists: [(&'e str, &'e [String]); 3],
    /// `not_before`, `expires`.
    pub(super) times: [(&'e str, Option<&'e str>); 2],
}

/// The text with this key at its end.
pub(super) fn added(text: &str, entry: &Entry<'_>) -> String {
    let mut out = String::with_capacity(text.len() + 512);
    let mut first = None;
    for line in text.lines() {
        // A list that has become empty; what follows makes it one of lines.
        let line = if line.trim_end() == "keys: []" { "keys:" } else { line };
        out += line;
        out.push('\n');
        // The first one is of the list of keys; others may be of lists within.
        first = first.or_else(|| is_item(line).then(|| line.split('-').next()).flatten());
    }
    let indent = first.unwrap_or("  ");
    // A text as JSON is one as YAML, whatever is in it.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut write = |first: bool, name: &str, value: &str| {
        writeln!(out, "{indent}{} {name}: {value}", if first { '-' } else { ' ' }).ok();
    };
    write(true, "id", &quoted(entry.id));
    write(false, "sha256", &quoted(entry.sha256));
    write(false, "kind", entry.kind);
    write(false, "principal", &quoted(entry.principal));
    write(false, "tenant", &quoted(entry.tenant));
    for (name, values) in entry.lists.iter().filter(|(_, values)| !values.is_empty()) {
        write(false, name, &serde_json::Value::from(*values).to_string());
    }
    for (name, time) in entry.times {
        if let Some(time) = time {
            write(false, name, &quoted(time));
        }
    }
    out
}

/// The text without the key whose id stands in this line, counted from 1; `None` where it does not lie in lines of its own.
pub(super) fn removed(text: &str, line: u32) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = usize::try_from(line).ok()?.checked_sub(1).filter(|at| *at < lines.len())?;
    let first = (0..=at).rev().find(|at| lines.get(*at).is_some_and(|line| is_item(line)))?;
    let indent = lines.get(first)?.split('-').next()?;
    // It goes on as long as lines are further in; a comment before the next key belongs to that.
    let further = |line: &&str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with(' '));
    let rest = lines.get(first + 1..)?;
    let more = rest.iter().take_while(|line| further(line) && !is_item_of(line, indent)).count();
    let last = first + 1 + more;
    if at >= last {
        return None;
    }
    let (before, after) = (lines.get(..first)?, lines.get(last..)?);
    let kept: Vec<&str> = [before, after].concat();
    let is_empty = !kept.iter().any(|line| is_item(line));
    let mut out = String::with_capacity(text.len());
    for line in kept {
        out += if is_empty && line.trim_end() == "keys:" { "keys: []" } else { line };
        out.push('\n');
    }
    Some(out)
}

/// Does an item of a list begin in this line?
fn is_item(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with("- ")
}

fn is_item_of(line: &str, indent: &str) -> bool {
    line.strip_prefix(indent).is_some_and(|rest| rest.starts_with("- "))
}
