//! One named text of a body that is not JSON: a field of a form, a cell of a table. It is looked up and masked as the
//! member of that name would be, by the same walk.
//!
//! Frameworks read more into a name than its letters (`user[ssn]`, `user.ssn`, `ssn[]`), so all that they may read
//! is looked up, and what hides wins.
//!
//! Never: knows one mask from another, or lets a text through that it cannot place.

use bytes::Bytes;
use serde_json::Value;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::State;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
use crate::redact::text;
use crate::redact::walk::Walk;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Item,
}

type Path = Vec<Step>;

/// What the plan hides at a place.
enum Reach {
    Nothing,
    /// Not the value itself, but something in it if it is JSON.
    Below,
    Here,
}

/// Where fields of one name stand, if anything of them may have to be hidden.
#[derive(Debug)]
pub(super) struct Place {
    /// The readings of the name that lead to something hidden. If the first hides the value itself, it is the only one.
    paths: Vec<Path>,
    is_here: bool,
    /// Nothing is said of it: it is only searched for what is found by its form.
    is_searched: bool,
}

/// What becomes of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Gone,
    Becomes(String),
}

impl Place {
    /// The place of a name; `None` where nothing is hidden.
    ///
    /// # Errors
    /// When the name cannot be judged.
    pub(super) fn of(plan: &Plan, name: &str) -> Result<Option<Self>, BadName> {
        if name.len() > limits::JSON_KEY_BYTES_MAX || name.contains('\0') {
            return Err(BadName);
        }
        let mut below = Vec::new();
        let mut paths = readings(name);
        if paths.iter().any(|path| !is_rest(plan, path)) {
            // Where one reading is described, the others are not what no class names.
            paths.retain(|path| !is_rest(plan, path));
        }
        for path in paths {
            if path.len() >= limits::JSON_DEPTH_MAX {
                return Err(BadName);
            }
            match reach(plan, &path) {
                Reach::Nothing => {}
                Reach::Below => below.push(path),
                Reach::Here => {
                    return Ok(Some(Self { paths: vec![path], is_here: true, is_searched: false }));
                }
            }
        }
        let is_searched = below.is_empty() && plan.finds;
        if is_searched {
            below.push(vec![Step::Member(name.to_owned())]);
        }
        Ok((!below.is_empty()).then_some(Self { paths: below, is_here: false, is_searched }))
    }

    /// Is nothing said of it, so that it is only searched?
    pub(super) const fn is_only_searched(&self) -> bool {
        self.is_searched
    }

    /// What becomes of a text that stands here.
    ///
    /// # Errors
    /// When it looks like JSON in which something may have to be hidden, and is not.
    pub(super) fn judge(&self, plan: &Plan, text: &str, counts: &mut Vec<u64>) -> Result<Fate, Malformed> {
        self.judge_by(text, |path, now| {
            let seen = if self.is_here {
                walked(plan, path, &mask::quoted(now), counts)?
            } else if !self.is_searched && now.trim_start().starts_with(['{', '[', '\u{feff}']) {
                walked(plan, path, now.as_bytes(), counts)?
            } else if plan.finds && self.paths.first().is_some_and(|first| std::ptr::eq(&**first, path)) {
                // Once, whatever the name is read as.
                walked(plan, path, &mask::quoted(now), counts)?
            } else {
                Seen::Same
            };
            Ok(match seen {
                Seen::Same => Fate::Stays,
                Seen::Inside(raw) => plain(&raw),
                Seen::Outer(fate) => fate,
            })
        })
    }

    /// What becomes of a JSON document that stands here.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn judge_json(
        &self,
        plan: &Plan,
        text: &str,
        counts: &mut Vec<u64>,
    ) -> Result<Fate, Malformed> {
        self.judge_by(text, |path, now| {
            let raw = match walked(plan, path, now.as_bytes(), counts)? {
                Seen::Same => return Ok(Fate::Stays),
                Seen::Inside(raw) => raw,
                Seen::Outer(Fate::Becomes(text)) => mask::quoted(&text),
                Seen::Outer(fate @ (Fate::Gone | Fate::Stays)) => return Ok(fate),
            };
            // What the walk lets out of UTF-8 is UTF-8.
            Ok(String::from_utf8(raw).map_or(Fate::Gone, Fate::Becomes))
        })
    }

    fn judge_by(
        &self,
        text: &str,
        mut one: impl FnMut(&[Step], &str) -> Result<Fate, Malformed>,
    ) -> Result<Fate, Malformed> {
        let mut fate = Fate::Stays;
        for path in &self.paths {
            let now = match &fate {
                Fate::Stays => text,
                Fate::Becomes(text) => text,
                Fate::Gone => return Ok(fate),
            };
            let next = one(path, now)?;
            if next != Fate::Stays {
                fate = next;
            }
        }
        Ok(fate)
    }
}

/// What a walk makes of a value at a path.
enum Seen {
    Same,
    /// This JSON stands there now.
    Inside(Vec<u8>),
    /// What stood around it was hidden.
    Outer(Fate),
}

/// A name that is too long, too deep, or holds a NUL, after which some would not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadName;

/// All that a name may be read as: itself first, then by its brackets, by its dots as well, and as PHP turns it into a
/// variable.
fn readings(name: &str) -> Vec<Path> {
    let trimmed = name.trim();
    let mut all = vec![vec![Step::Member(name.to_owned())]];
    let mut add = |path: Path| {
        if !all.contains(&path) {
            all.push(path);
        }
    };
    add(vec![Step::Member(trimmed.to_owned())]);
    for dots in [false, true] {
        for numbers in [false, true] {
            add(split(trimmed, dots, numbers));
        }
    }
    add(vec![Step::Member(trimmed.replace(['.', ' ', '['], "_"))]);
    // PHP changes the name before its first bracket only, and many take `[]` for an item where it stands.
    let (base, brackets) =
        trimmed.split_at_checked(trimmed.find('[').unwrap_or(trimmed.len())).unwrap_or_default();
    let php = format!("{}{brackets}", base.replace(['.', ' '], "_"));
    for name in [trimmed, &php] {
        for numbers in [false, true] {
            add(split(name, false, numbers));
        }
        add(split(&name.replace("[]", "[0]"), false, false));
        add(split(&name.replace("[]", "[0]"), true, false));
    }
    all
}

/// The steps of `a[b][]`, and of `a.b` if dots count; a number is an item or, if numbers are members, a member.
fn split(name: &str, dots: bool, numbers: bool) -> Path {
    let mut path = Vec::new();
    for part in name.split(|c| matches!(c, '[' | ']') || dots && c == '.').filter(|part| !part.is_empty()) {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        let is_item = is_number && !numbers && !path.is_empty();
        path.push(if is_item { Step::Item } else { Step::Member(part.to_owned()) });
    }
    if name.contains("[]") {
        path.push(Step::Item);
    }
    path
}

/// The sets of classes of what stands around the end of a path, and the state at the end.
fn follow(plan: &Plan, path: &[Step]) -> (Vec<u16>, State) {
    let mut sets = Vec::with_capacity(path.len());
    let mut state = plan.shape.start;
    for step in path {
        let around = plan.shape.state(state);
        let (set, next) = match step {
            Step::Member(key) => (around.object, plan.shape.member(around.inside, key.as_bytes())),
            Step::Item => (around.array, around.item),
        };
        sets.push(set);
        state = next;
    }
    (sets, plan.shape.state(state))
}

/// Is the last member of a path one that the shape knows?
fn is_named(plan: &Plan, path: &[Step]) -> bool {
    let (mut state, mut is_named) = (plan.shape.start, false);
    for step in path {
        let around = plan.shape.state(state);
        state = match step {
            Step::Member(key) => {
                is_named = plan.shape.names(around.inside, key.as_bytes());
                plan.shape.member(around.inside, key.as_bytes())
            }
            Step::Item => around.item,
        };
    }
    is_named
}

/// Does a path lead to what no class names?
fn is_rest(plan: &Plan, path: &[Step]) -> bool {
    let mut state = plan.shape.start;
    plan.shape.rest != DEAD
        && path.iter().any(|step| {
            let around = plan.shape.state(state);
            state = match step {
                Step::Member(key) => plan.shape.member(around.inside, key.as_bytes()),
                Step::Item => around.item,
            };
            state == plan.shape.rest
        })
}

fn reach(plan: &Plan, path: &[Step]) -> Reach {
    let (around, end) = follow(plan, path);
    if around.into_iter().chain([end.scalar]).any(|set| plan.hides(set)) {
        Reach::Here
    } else if plan.hides(end.below) {
        Reach::Below
    } else {
        Reach::Nothing
    }
}

/// Does a name lead, in any reading, to what is classified, be it hidden or not?
pub(super) fn is_classified(plan: &Plan, name: &str) -> bool {
    readings(name).iter().any(|path| {
        let (around, end) = follow(plan, path);
        // The empty set has the number 0. What any name leads to, says nothing of this one.
        is_named(plan, path) && (end.below != 0 || around.iter().any(|set| *set != 0))
    })
}

/// Does a name lead, in any reading, to what says whose a row is?
pub(super) fn names_owner(plan: &Plan, name: &str) -> bool {
    readings(name).iter().any(|path| {
        let act = plan.act_of(follow(plan, path).1.scalar);
        act != 0 && plan.act(act).owner
    })
}

/// Writes the document in which `value`, which is JSON, stands at the path; walks it; and reads what stands there then.
fn walked(plan: &Plan, path: &[Step], value: &[u8], counts: &mut Vec<u64>) -> Result<Seen, Malformed> {
    let mut document = Vec::with_capacity(value.len() + 64);
    let mut close = Vec::new();
    for step in path {
        match step {
            Step::Member(key) => {
                document.push(b'{');
                document.extend(mask::quoted(key));
                document.push(b':');
                close.push(b'}');
            }
            Step::Item => {
                document.push(b'[');
                close.push(b']');
            }
        }
    }
    close.reverse();
    let open = document.len();
    document.extend_from_slice(value);
    document.extend_from_slice(&close);
    let document = Bytes::from(document);
    let mut walk = Walk::new(plan);
    let mut out = walk.feed(plan, &document)?.to_vec();
    out.extend_from_slice(&walk.finish(plan)?);
    add_counts(counts, &walk.counts);
    if out == document {
        return Ok(Seen::Same);
    }
    let inside = document
        .get(..open)
        .and_then(|open| out.strip_prefix(open))
        .and_then(|inside| inside.strip_suffix(&*close));
    Ok(match inside {
        Some(raw) => Seen::Inside(raw.to_vec()),
        None => Seen::Outer(outer(&out, path)),
    })
}

fn plain(raw: &[u8]) -> Fate {
    Fate::Becomes(spelled(raw))
}

/// The text of a JSON value: of a string what it spells, of `null` nothing, of any other the value itself.
pub(super) fn spelled(raw: &[u8]) -> String {
    let inside = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
    let text = match inside {
        Some(inside) => text::unescape(inside),
        None if raw == b"null" => Some(String::new()),
        None => String::from_utf8(raw.to_vec()).ok(),
    };
    text.unwrap_or_else(|| mask::REDACTED.to_owned())
}

/// What a mask around the value has left of it.
fn outer(document: &[u8], path: &[Step]) -> Fate {
    let hidden = || Fate::Becomes(mask::REDACTED.to_owned());
    let Ok(mut value) = serde_json::from_slice::<Value>(document) else { return hidden() };
    for step in path {
        let inner = match (&mut value, step) {
            (Value::Object(members), Step::Member(key)) => members.remove(key),
            (Value::Array(items), Step::Item) => items.pop(),
            (Value::String(text), _) => return Fate::Becomes(std::mem::take(text)),
            (Value::Null, _) => return Fate::Becomes(String::new()),
            _ => return hidden(),
        };
        match inner {
            Some(inner) => value = inner,
            None => return Fate::Gone,
        }
    }
    hidden()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(key: &str) -> Step {
        Step::Member(key.to_owned())
    }

    #[test]
    fn a_name_is_read_in_all_the_ways_that_frameworks_read_it() {
        let user = vec![member("user"), member("ssn")];
        for name in ["user[ssn]", "user.ssn", " user[ssn]"] {
            assert!(readings(name).contains(&user), "{name}");
        }
        assert!(readings("ssn[]").contains(&vec![member("ssn"), Step::Item]));
        assert!(readings("u[0][ssn]").contains(&vec![member("u"), Step::Item, member("ssn")]));
        assert!(readings("u[0]").contains(&vec![member("u"), member("0")]));
        assert!(readings("user.ssn").contains(&vec![member("user_ssn")]));
        assert_eq!(readings("ssn"), [vec![member("ssn")]]);
    }
}
