//! Policy texts in Cedar's own layout.
//!
//! Each policy is laid out by itself: Cedar's formatter looks through all words of its text for each of them, so a file
//! at once would cost its length squared. What stands between policies is laid out here: comments stay, one to a line,
//! and so does an empty line between them.
//! INVARIANT: the text means the same and says the same: policies, their order, annotations and comments
//! (`tests::formatting`). Never: gives out a text of which that has not been checked.

use cedar_policy_core::ast::Template;
use cedar_policy_core::parser;
use cedar_policy_formatter::Config;
use cedar_policy_formatter::policies_str_to_pretty;

use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Source;
use super::parse;
use super::problems;
use super::scan;

mod pieces;

use pieces::Piece;

/// How wide a line may be, in characters, unless somebody says otherwise. It is what Cedar's own tools use.
pub const WIDTH: usize = 80;
/// How far each level is indented.
const INDENT: isize = 2;
/// How often one policy is laid out at most. Twice is enough but for comments between odd words.
const ROUNDS_MAX: usize = 8;

/// A text in Cedar's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// The policies that were left as they are, and why.
    pub left: Vec<Problem>,
}

/// Lays out the policies of one file, in lines of at most `width` characters where that is possible.
///
/// # Errors
/// When the text is too big or too deep to be read, or cannot be parsed.
pub fn format(source: &Source, width: usize) -> Result<Formatted, Vec<Problem>> {
    if let Some(problem) = parse::measure(source, scan::Kind::Policy) {
        return Err(vec![problem]);
    }
    let before = read(source)?;
    let mut left = Vec::new();
    let mut text = String::with_capacity(source.text.len() * 2);
    for piece in pieces::split(&source.text) {
        if !text.is_empty() {
            text.push('\n');
        }
        comments(piece.before, &mut text);
        if !piece.policy.is_empty() {
            text += &policy(source, &piece, width, &mut left);
            text.push('\n');
        }
    }
    let after = Source { text: text.as_str().into(), ..source.clone() };
    let same = read(&after).is_ok_and(|after| same(&before, &after))
        && pieces::comments(&source.text).eq(pieces::comments(&text));
    if same {
        return Ok(Formatted { text, left });
    }
    let place = Place::file(source.file.clone());
    let why = "laid out, the file would not say the same, so it is left as it is";
    Ok(Formatted { text: source.text.to_string(), left: vec![Problem::warning("fmt-left", place, why)] })
}

/// One policy in its layout; where that cannot be, as it is.
fn policy(source: &Source, piece: &Piece<'_>, width: usize, left: &mut Vec<Problem>) -> String {
    match pretty(piece.policy, width) {
        Ok(pretty) => pretty,
        Err(why) => {
            let why = format!("this policy is left as it is: {why}");
            left.push(Problem::warning("fmt-left", problems::place(source, piece.at, 1), why));
            piece.policy.to_owned()
        }
    }
}

/// Cedar's layout of one policy. A comment between odd words moves once more when it is laid out again, so that is done
/// until nothing moves: what was laid out stays so.
fn pretty(policy: &str, width: usize) -> Result<String, String> {
    if policy.len() > limits::FORMAT_POLICY_BYTES_MAX {
        return Err(format!("it has more than {} bytes", limits::FORMAT_POLICY_BYTES_MAX));
    }
    let config = Config { line_width: width, indent_width: INDENT };
    let mut before = policy.to_owned();
    for _ in 0..ROUNDS_MAX {
        let after = policies_str_to_pretty(&before, &config).map_err(|error| error.to_string())?;
        let after = after.trim();
        if !pieces::comments(policy).eq(pieces::comments(after)) {
            return Err("a comment in it would be lost".to_owned());
        }
        if before == after {
            return Ok(before);
        }
        after.clone_into(&mut before);
    }
    Err("its comments never come to rest".to_owned())
}

/// The comments before a policy, each on its line; of several empty lines between them one is left.
fn comments(before: &str, text: &mut String) {
    let mut gap = false;
    let mut any = false;
    for line in before.lines().map(str::trim) {
        if line.is_empty() {
            gap = any;
            continue;
        }
        if std::mem::take(&mut gap) {
            text.push('\n');
        }
        any = true;
        text.push_str(line);
        text.push('\n');
    }
    if gap {
        text.push('\n');
    }
}

fn read(source: &Source) -> Result<Vec<Template>, Vec<Problem>> {
    match parser::parse_policyset(&source.text) {
        Ok(set) => {
            let mut all: Vec<Template> = set.all_templates().cloned().collect();
            all.sort_by_key(|template| template.loc().map(parser::Loc::start));
            Ok(all)
        }
        Err(errors) => Err(errors
            .into_iter()
            .map(|error| problems::from_cedar("policy-syntax", Severity::Error, source, None, &error))
            .collect()),
    }
}

/// Do two texts have the same policies in the same order?
fn same(before: &[Template], after: &[Template]) -> bool {
    let annotations = |template: &Template| {
        let all = template.annotations().map(|(key, value)| (key.clone(), value.val.clone()));
        all.collect::<Vec<_>>()
    };
    let one = |(before, after): (&Template, &Template)| {
        let conditions = match (before.non_scope_constraints(), after.non_scope_constraints()) {
            (Some(before), Some(after)) => before.eq_shape(after),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        conditions
            && before.effect() == after.effect()
            && annotations(before) == annotations(after)
            && before.principal_constraint() == after.principal_constraint()
            && before.action_constraint() == after.action_constraint()
            && before.resource_constraint() == after.resource_constraint()
    };
    before.len() == after.len() && before.iter().zip(after).all(one)
}
