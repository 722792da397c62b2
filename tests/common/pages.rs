//! Pages with commands and what they answer: their fenced blocks, and whether something real is what a block shows. `…`
//! stands for anything.

use serde_json::Value;

/// What another run, another proof and another app change in a record.
const VARIES: [&str; 8] =
    ["decision_id", "time", "now", "snapshot", "generation", "auth_method", "issuer", "response_bytes"];

/// A fenced block.
pub struct Block {
    pub language: String,
    pub text: String,
}

impl Block {
    pub fn commands(&self) -> Vec<String> {
        if self.language != "sh" {
            return Vec::new();
        }
        let joined: Vec<&str> = self.text.split("\\\n").map(str::trim).collect();
        joined.join(" ").lines().map(str::to_owned).collect()
    }
}

/// The fenced blocks.
pub fn blocks(page: &str) -> Vec<Block> {
    let parts: Vec<&str> = page.split("\n```").collect();
    assert_eq!(parts.len() % 2, 1, "a fence is not closed");
    let fenced = parts.iter().skip(1).step_by(2).map(|part| part.split_once('\n').unwrap());
    fenced.map(|(language, text)| Block { language: language.to_owned(), text: text.to_owned() }).collect()
}

/// Is this the line, where `…` stands for anything?
fn is_line(shown: &str, real: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = real.strip_prefix(parts.next().unwrap()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

/// Is this what was said, where a line `…` stands for any lines? Empty lines do not count.
fn shows(shown: &str, real: &str) -> Result<(), String> {
    let mut lines = real.lines().filter(|line| !line.trim().is_empty());
    let mut gap = false;
    for wanted in shown.lines().filter(|line| !line.trim().is_empty()) {
        if wanted.trim() == "…" {
            gap = true;
            continue;
        }
        let mut next = lines.by_ref().take(if gap { usize::MAX } else { 1 });
        if !next.any(|line| is_line(wanted, line)) {
            return Err(format!("it shows\n{wanted}\nwhich is not said here:\n{real}"));
        }
        gap = false;
    }
    let all = gap || lines.next().is_none();
    if all { Ok(()) } else { Err(format!("more is said than it shows:\n{real}")) }
}

/// Is each member that is shown in what is real?
fn is_part(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => shown.iter().all(|(name, value)| {
            real.get(name).is_some_and(|found| VARIES.contains(&name.as_str()) || is_part(value, found))
        }),
        (Value::Array(shown), Value::Array(real)) => {
            shown.len() == real.len() && shown.iter().zip(real).all(|(shown, real)| is_part(shown, real))
        }
        _ => shown == real,
    }
}

/// Is this what a command said?
///
/// # Errors
/// Says what is not.
pub fn compare(block: &Block, said: &str) -> Result<(), String> {
    if block.language != "json" {
        return shows(&block.text, said);
    }
    let values = |text: &str| -> Vec<Value> {
        serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
    };
    let (shown, real) = (values(&block.text), values(said));
    let same = shown.len() == real.len() && shown.iter().zip(&real).all(|(shown, real)| is_part(shown, real));
    if same { Ok(()) } else { Err(format!("another record is shown than\n{said}")) }
}
