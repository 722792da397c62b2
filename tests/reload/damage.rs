//! Random damage to a policy text, each told by a number: bytes and words lost, doubled, swapped, changed and moved.
//!
//! Never: draws from anything but its number.

/// Words that policies are made of, and some that they are not.
const WORDS: [&str; 32] = [
    "permit",
    "forbid",
    "principal",
    "action",
    "resource",
    "context",
    "when",
    "unless",
    "in",
    "==",
    "is",
    "has",
    "like",
    "if",
    "then",
    "else",
    "true",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "{",
    "}",
    "[",
    ";",
    "@id(\"x\")",
    "@pathway(\"x\")",
    "?principal",
    "\"",
    "9223372036854775807",
    "principal.dataKey",
];

/// A source of damage.
pub(crate) struct Damage(u64);

impl Damage {
    /// The damage of this number.
    pub(crate) fn new(number: u64) -> Self {
        Self((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below another (xorshift64*).
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or(0) % end.max(1)
    }

    /// A text with one to three damages; some come from another text.
    pub(crate) fn of(&mut self, text: &str, other: &str) -> String {
        let mut words = words(text);
        let others = words_of(other);
        for _ in 0..=self.below(3) {
            let at = self.below(words.len());
            match self.below(9) {
                0 => drop(words.remove(at)),
                1 => words.insert(at, words.get(at).cloned().unwrap_or_default()),
                2 => {
                    let with = self.below(words.len());
                    words.swap(at, with);
                }
                3 => words.insert(at, format!(" {} ", WORDS.get(self.below(WORDS.len())).unwrap_or(&""))),
                4 => {
                    if let Some(word) = words.get_mut(at) {
                        *word = (*WORDS.get(self.below(WORDS.len())).unwrap_or(&"")).to_owned();
                    }
                }
                5 => {
                    if let Some(word) = words.get_mut(at) {
                        *word = self.character(word);
                    }
                }
                6 => {
                    let word = others.get(self.below(others.len())).cloned().unwrap_or_default();
                    if let Some(old) = words.get_mut(at) {
                        *old = word;
                    }
                }
                7 => {
                    // A run of words goes, as when lines are lost in a merge.
                    let end = (at + self.below(40)).min(words.len());
                    drop(words.drain(at..end));
                }
                _ => {
                    let end = (at + self.below(40)).min(words.len());
                    let again: Vec<String> = words.get(at..end).unwrap_or_default().to_vec();
                    let to = self.below(words.len());
                    drop(words.splice(to..to, again).collect::<Vec<_>>());
                }
            }
            if words.is_empty() {
                words.push(";".to_owned());
            }
        }
        words.concat()
    }

    /// The word with one character changed for another.
    fn character(&mut self, word: &str) -> String {
        let mut all: Vec<char> = word.chars().collect();
        let at = self.below(all.len());
        let printable = u32::try_from(self.below(95)).unwrap_or(0) + 32;
        if let Some(one) = all.get_mut(at) {
            *one = char::from_u32(printable).unwrap_or('?');
        }
        all.into_iter().collect()
    }
}

fn words_of(text: &str) -> Vec<String> {
    words(text).into_iter().filter(|word| !word.trim().is_empty()).collect()
}

/// Runs of letters and digits, runs of spaces, and single other characters.
fn words(text: &str) -> Vec<String> {
    let kind = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            0
        } else if c.is_whitespace() {
            1
        } else {
            2
        }
    };
    let mut all: Vec<String> = Vec::new();
    let mut last = 3;
    for c in text.chars() {
        match all.last_mut().filter(|_| kind(c) == last && last < 2) {
            Some(word) => word.push(c),
            None => all.push(c.to_string()),
        }
        last = kind(c);
    }
    all
}
