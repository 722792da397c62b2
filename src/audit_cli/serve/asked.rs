//! What a request asks: its path and parameters, read as the verbs read their flags.
//!
//! Never: takes a parameter that the verb of the same name has no flag for.

use clap::Parser as _;
use http::HeaderValue;
use http::Method;

use crate::audit_cli::Output;
use crate::audit_cli::Refused;
use crate::audit_cli::asking::Which;
use crate::audit_cli::query::Counted;
use crate::audit_cli::query::ROWS;
use crate::limits;

/// Parameters, by the names of the flags.
#[derive(Debug, clap::Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true, color = clap::ColorChoice::Never)]
pub(super) struct Parameters {
    /// Only the books of these tenants and of those below them.
    #[arg(long)]
    pub(super) tenant: Vec<String>,
    #[command(flatten)]
    pub(super) which: Which,
    #[arg(long)]
    limit: Option<usize>,
    #[arg(long, value_enum)]
    by: Option<Counted>,
    #[arg(long, value_enum, default_value = "json")]
    pub(super) format: Output,
    #[arg(long)]
    pub(super) timeout: Option<String>,
    /// Begin behind the record of this number.
    #[arg(long)]
    pub(super) after: Option<u64>,
}

/// Which question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Decisions,
    Top,
    Pathways,
    Stats,
    /// This statement.
    Sql(String),
    /// The newest, and those that come.
    Tail,
}

/// What a path is for, and the method that it takes.
pub(super) fn question(path: &str) -> Option<(Question, Method)> {
    Some(match path {
        "/v1/decisions" => (Question::Decisions, Method::GET),
        "/v1/top" => (Question::Top, Method::GET),
        "/v1/pathways" => (Question::Pathways, Method::GET),
        "/v1/stats" => (Question::Stats, Method::GET),
        "/v1/tail" => (Question::Tail, Method::GET),
        "/v1/sql" => (Question::Sql(String::new()), Method::POST),
        _ => return None,
    })
}

impl Parameters {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// When it has what no flag is for, or a value that the flag does not take.
    pub(super) fn read(query: &str) -> Result<Self, Refused> {
        let mut flags = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            if !is_name {
                return Err(Refused::usage(format!("`{}` is no parameter", name.escape_debug())));
            }
            flags.push(match (&*name, &*value) {
                ("allow" | "deny", "" | "true") => format!("--{name}"),
                ("allow" | "deny", "false") => continue,
                (name, value) => format!("--{name}={value}"),
            });
        }
        Self::try_parse_from(flags).map_err(|error| Refused::usage(said(&error)))
    }

    /// Begins behind the event that a caller had last, which its header names when it connects again.
    ///
    /// # Errors
    /// When the header names none.
    pub(super) fn begin_after(&mut self, last: Option<&HeaderValue>) -> Result<(), Refused> {
        let Some(last) = last else { return Ok(()) };
        let last = last.to_str().ok().and_then(|text| text.parse().ok());
        self.after = Some(last.ok_or_else(|| Refused::usage("`last-event-id` is the number of a record"))?);
        Ok(())
    }

    /// How many rows at most.
    pub(super) fn rows(&self, question: &Question) -> usize {
        let usual = match question {
            Question::Decisions | Question::Tail => ROWS,
            Question::Top | Question::Pathways => 20,
            Question::Sql(_) | Question::Stats => limits::QUERY_ROWS,
        };
        self.limit.unwrap_or(usual).min(limits::QUERY_ROWS_MAX)
    }

    /// By what it is counted.
    ///
    /// # Errors
    /// When that is not said, or said where nothing is counted.
    pub(super) fn by(&self, question: &Question) -> Result<Option<Counted>, Refused> {
        match (question, self.by) {
            (Question::Top, None) => Err(Refused::usage("say by what it is counted: `by`")),
            (Question::Top, by) => Ok(by),
            (_, None) => Ok(None),
            (_, Some(_)) => Err(Refused::usage("`by` is for /v1/top")),
        }
    }
}

/// The first line of what is wrong, without the words for a terminal.
fn said(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("error: ").replace("'--", "'").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_the_flags_of_the_verbs() {
        let read =
            Parameters::read("tenant=acme&deny&since=24h&class=pii.contact&limit=5&tenant=b%2Fc").unwrap();
        assert_eq!(
            (&*read.tenant, read.rows(&Question::Decisions)),
            (&["acme".to_owned(), "b/c".to_owned()][..], 5)
        );
        let filter = read.which.filter(false).unwrap();
        assert_eq!((filter.decision, filter.class.as_deref()), (Some("deny"), Some("pii.contact")));
        assert!(Parameters::read("deny=false").unwrap().which.is_empty());
        assert_eq!(Parameters::read("").unwrap().rows(&Question::Decisions), ROWS);
    }

    #[test]
    fn what_no_flag_is_for_is_refused_and_named() {
        for (query, named) in [
            ("as=ann", "as"),
            ("archive=/etc", "archive"),
            ("reads=/tmp/x", "reads"),
            ("log=/tmp", "log"),
            ("help", "help"),
            ("limit=many", "limit"),
            ("format=exe", "format"),
            ("allow&deny", "allow"),
            ("%2d%2dtenant=a", "parameter"),
            ("=x", "parameter"),
            ("a%00b=x", "parameter"),
        ] {
            let Err(Refused(exit, why)) = Parameters::read(query) else { panic!("{query} is read") };
            assert!(exit == crate::cli::Exit::Usage && why.contains(named), "{query}: {why}");
        }
        assert!(Parameters::read("by=tenant").unwrap().by(&Question::Stats).is_err());
        assert!(Parameters::read("").unwrap().by(&Question::Top).is_err());
    }
}
