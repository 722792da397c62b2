//! The command line: one file a verb, one table of exit codes.
//!
//! Never: leaves the process, or reads the environment; `main.rs` hands it in and takes the exit code.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap::FromArgMatches as _;
use clap::parser::ValueSource;

use crate::config::Format;
use crate::config::Level;

mod answer;
mod audit;
#[cfg(feature = "audit")]
pub(crate) mod audits;
mod bundle;
mod check;
mod diff;
mod difference;
mod eval;
mod explain;
mod explain_field;
mod facts;
mod files;
mod fmt;
#[cfg(feature = "audit")]
pub(crate) mod followed;
pub(crate) mod formats;
mod graph;
mod healthcheck;
mod init;
mod key;
mod learn;
mod lint;
mod loaded;
mod lsp;
pub(crate) mod out;
mod policies;
pub(crate) mod progress;
mod reach;
mod redact;
mod replay;
mod report;
mod reveal;
mod run;
mod schema;
mod shadow;
mod spoken;
mod test;
pub(crate) mod times;
mod what_can;
mod who_can;
mod xml;

#[cfg(feature = "audit")]
pub(crate) use check::now_ms;
pub use loaded::Loaded;
pub use loaded::load;
use loaded::load_text;
#[cfg(feature = "audit")]
pub(crate) use loaded::log_dir;
#[cfg(feature = "audit")]
pub(crate) use loaded::log_store;
pub use out::Out;
#[cfg(feature = "audit")]
pub(crate) use report::printable;
pub use run::run;

/// What the process was given.
pub struct World<'a> {
    /// The arguments, the program's name first.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("arguments", &self.arguments).finish_non_exhaustive()
    }
}

/// How the program ended; others rely on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It could not do it.
    Internal = 1,
    /// It was asked for what does not exist.
    Usage = 2,
    /// The config or a file of the snapshot is invalid.
    Invalid = 3,
    /// Tests failed.
    TestsFailed = 4,
    /// A threshold was passed, or something got worse.
    Threshold = 5,
    /// The audit log does not verify.
    Audit = 6,
    /// `eval --exit-code`, `redact`, `explain-field`, `reveal`: denied.
    Denied = 10,
}

const AFTER: &str = "\
Examples:
  palisade init demo                        write a small working configuration
  palisade check -c demo/palisade.yaml      find every problem in it
  palisade run -c demo/palisade.yaml        serve
  palisade test -c demo/palisade.yaml       run the tests beside its policies
  palisade eval -c demo/palisade.yaml --principal dana --tenant acme --roles clinician --action read
  palisade explain -c demo/palisade.yaml --principal dana --tenant acme --roles clinician --action delete

Exit codes: 0 ok, 1 internal, 2 usage, 3 invalid config or policy, 4 tests failed, 5 threshold or regression,
6 audit verification failed; `eval --exit-code`, `redact`, `explain-field`, `reveal`: 10 denied.";

/// Policy-as-code enforcement sidecar for multi-tenant services.
#[derive(Debug, clap::Parser)]
#[command(name = "palisade", version, about, after_help = AFTER, max_term_width = 110, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The configuration.
    #[arg(short, long, global = true, value_name = "FILE", default_value = "palisade.yaml")]
    pub config: PathBuf,
    /// Set a key of the configuration over the file; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How much is logged.
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub log_level: Option<Level>,
    /// How the log is written.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// When to use colours; `NO_COLOR` in the environment turns `auto` off.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub color: Colour,
    /// How results are printed.
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t = Output::Pretty)]
    pub output: Output,
    /// Was that said, or is it the default?
    #[arg(skip)]
    pub output_is_said: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Pretty,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanners (`check`, `lint`).
    Sarif,
    /// Annotations of GitHub Actions (`check`, `lint`).
    Github,
    /// YAML (`learn`).
    Yaml,
    /// JUnit's XML (`test`).
    Junit,
    /// A Mermaid flowchart (`graph`).
    Mermaid,
    /// Graphviz's language (`graph`).
    Dot,
    /// A drawing (`graph`).
    Svg,
}

impl Output {
    /// JSON, or what people read? Most verbs have no third way, and `verb` refuses what a verb does not print.
    const fn is_json(self) -> bool {
        matches!(self, Self::Json)
    }
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Serve: stand in front of the app.
    #[command(after_help = run::AFTER)]
    Run,
    /// Check the configuration and every file it names; report every problem at once.
    #[command(after_help = check::AFTER)]
    Check,
    /// Make one decision, and name the policies that made it.
    #[command(after_help = eval::AFTER)]
    Eval(Box<eval::Arguments>),
    /// Compare two configurations or folders of policies: their text, and their effect on many requests.
    #[command(after_help = diff::AFTER)]
    Diff(diff::Arguments),
    /// What a candidate would change of what is decided; put it in place, and take that back.
    #[command(after_help = shadow::AFTER)]
    Shadow(shadow::Arguments),
    /// What each policy did in a running Palisade: which never matched, only err, or are always overridden.
    #[command(after_help = policies::AFTER)]
    Policies(policies::Arguments),
    /// Find what is worth a second look in policies that are valid.
    #[command(after_help = lint::AFTER)]
    Lint(lint::Arguments),
    /// Serve an editor: problems, meanings, names and places as one types.
    #[command(after_help = lsp::AFTER)]
    Lsp,
    /// Explain one decision: what every policy said to it and why, and what would change it.
    #[command(after_help = explain::AFTER)]
    Explain(Box<explain::Arguments>),
    /// Explain what one caller sees of one field of a body, and why.
    #[command(after_help = explain_field::AFTER)]
    ExplainField(Box<explain_field::Arguments>),
    /// Show a body as one caller would see it, or what of it would be hidden.
    #[command(after_help = redact::AFTER)]
    Redact(Box<redact::Arguments>),
    /// Make past decisions again: as they were made, or with a candidate, and count what would flip.
    #[command(after_help = replay::AFTER)]
    Replay(replay::Arguments),
    /// Propose which data class stands where, from what bodies are seen to hold; never a value.
    #[command(after_help = learn::AFTER)]
    Learn(learn::Arguments),
    /// Turn masked values back into what they were, for who may see them.
    #[command(after_help = reveal::AFTER)]
    Reveal(Box<reveal::Arguments>),
    /// Everyone whom the policies let do an action on some data.
    #[command(after_help = who_can::AFTER)]
    WhoCan(who_can::Arguments),
    /// Everything that the policies let one caller do.
    #[command(after_help = what_can::AFTER)]
    WhatCan(what_can::Arguments),
    /// Draw the tenants, and the pathways between them.
    #[command(after_help = graph::AFTER)]
    Graph(graph::Arguments),
    /// Lay out policies as Cedar's own tools do.
    #[command(after_help = fmt::AFTER)]
    Fmt(fmt::Arguments),
    /// Run the tests beside the policies.
    #[command(after_help = test::AFTER)]
    Test(test::Arguments),
    /// Verify, query and prove the decision log: runs `palisade-audit`.
    #[command(disable_help_flag = true)]
    Audit(audit::Arguments),
    /// Build, sign, verify and publish bundles: everything that says what is allowed, as one signed file.
    #[command(after_help = bundle::AFTER)]
    Bundle(bundle::Arguments),
    /// Make, list and revoke API keys.
    #[command(after_help = key::AFTER)]
    Key(key::Arguments),
    /// Write a small working configuration into a folder.
    #[command(after_help = init::AFTER)]
    Init(init::Arguments),
    /// Ask a running Palisade whether it is ready: exit code 0 or 1.
    #[command(after_help = healthcheck::AFTER)]
    Healthcheck(healthcheck::Arguments),
    /// Print a schema.
    #[command(after_help = schema::AFTER)]
    Schema(schema::Arguments),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  palisade completions bash > /etc/bash_completion.d/palisade")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Reads the arguments.
fn parsed(given: &[OsString]) -> Result<Arguments, clap::Error> {
    let matches = Arguments::command().try_get_matches_from(given)?;
    let mut arguments = Arguments::from_arg_matches(&matches)?;
    let is_said =
        |matches: &clap::ArgMatches| matches.value_source("output") == Some(ValueSource::CommandLine);
    let of_verb = matches.subcommand().is_some_and(|(_, matches)| is_said(matches));
    arguments.global.output_is_said = of_verb || is_said(&matches);
    Ok(arguments)
}

/// Does what the arguments ask for; the exit code comes back.
#[must_use]
pub fn main(world: &World<'_>) -> u8 {
    let arguments = match parsed(&world.arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // Nobody is left to tell when the terminal is gone.
            drop(error.print());
            return code as u8;
        }
    };
    let global = &arguments.global;
    let mut out = out(global.color, world);
    let exit = match verb(&arguments, world, &mut out) {
        Ok(exit) => exit,
        Err(message) => {
            out.error(&message);
            Exit::Internal
        }
    };
    if out.is_broken() && exit == Exit::Ok { Exit::Internal as u8 } else { exit as u8 }
}

fn verb(arguments: &Arguments, world: &World<'_>, out: &mut Out) -> Result<Exit, String> {
    let global = &arguments.global;
    let formats: &[Output] = match &arguments.verb {
        Verb::Check | Verb::Lint(_) => &[Output::Pretty, Output::Json, Output::Sarif, Output::Github],
        Verb::Learn(_) => &[Output::Pretty, Output::Json, Output::Yaml],
        Verb::Test(_) => &[Output::Pretty, Output::Json, Output::Junit],
        Verb::Eval(_)
        | Verb::Diff(_)
        | Verb::Shadow(_)
        | Verb::Policies(_)
        | Verb::Explain(_)
        | Verb::ExplainField(_)
        | Verb::Redact(_)
        | Verb::Replay(_)
        | Verb::Reveal(_)
        | Verb::Fmt(_)
        | Verb::Bundle(_)
        | Verb::Init(_)
        | Verb::Key(_)
        | Verb::WhoCan(_)
        | Verb::WhatCan(_)
        | Verb::Healthcheck(_) => &[Output::Pretty, Output::Json],
        Verb::Graph(_) => &[Output::Pretty, Output::Mermaid, Output::Dot, Output::Svg],
        Verb::Run | Verb::Lsp | Verb::Audit(_) | Verb::Schema(_) | Verb::Completions { .. } => {
            &[Output::Pretty]
        }
    };
    if !formats.contains(&global.output) {
        out.error("this verb does not print in that format (`-o`)");
        return Ok(Exit::Usage);
    }
    match &arguments.verb {
        Verb::Run => run::run(global, world, out),
        Verb::Check => Ok(check::check(global, world, out)),
        Verb::Test(arguments) => test::test(global, arguments, world, out),
        Verb::Eval(arguments) => eval::eval(global, arguments, world, out),
        Verb::Diff(arguments) => diff::diff(global, arguments, world, out),
        Verb::Shadow(arguments) => shadow::shadow(global, arguments, world, out),
        Verb::Policies(arguments) => policies::policies(global, arguments, world, out),
        Verb::Lint(arguments) => lint::lint(global, arguments, world, out),
        Verb::Lsp => lsp::lsp(global, world, out),
        Verb::Explain(arguments) => explain::explain(global, arguments, world, out),
        Verb::ExplainField(arguments) => explain_field::explain_field(global, arguments, world, out),
        Verb::Redact(arguments) => redact::redact(global, arguments, world, out),
        Verb::Learn(arguments) => learn::learn(global, arguments, world, out),
        Verb::Replay(arguments) => replay::replay(global, arguments, world, out),
        Verb::Reveal(arguments) => reveal::reveal(global, arguments, world, out),
        Verb::WhoCan(arguments) => who_can::who_can(global, arguments, world, out),
        Verb::WhatCan(arguments) => what_can::what_can(global, arguments, world, out),
        Verb::Graph(arguments) => graph::graph(global, arguments, world, out),
        Verb::Fmt(arguments) => fmt::fmt(global, arguments, world, out),
        Verb::Audit(arguments) => audit::audit(arguments, out),
        Verb::Bundle(arguments) => bundle::bundle(global, arguments, world, out),
        Verb::Key(arguments) => key::key(global, arguments, world, out),
        Verb::Init(arguments) => init::init(global, arguments, out),
        Verb::Healthcheck(arguments) => healthcheck::healthcheck(global, arguments, world, out),
        Verb::Schema(arguments) => schema::schema(arguments, out),
        Verb::Completions { shell } => Ok(completions(*shell, out)),
    }
}

fn completions(shell: clap_complete::Shell, out: &mut Out) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "palisade", &mut script);
    out.raw(&script);
    Exit::Ok
}

/// The streams to print to.
pub(crate) fn out(when: Colour, world: &World<'_>) -> Out {
    Out::new(
        out::colours(when, world, std::io::stdout().is_terminal()),
        out::colours(when, world, std::io::stderr().is_terminal()),
    )
}
