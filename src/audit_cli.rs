//! The command line of `palisade-audit`, the auditors' program: one file a verb, the exit codes of `palisade`.
//!
//! It reads the directory of a decision log and nothing of a running sidecar, so it works on a copy as well.
//! Never: writes into a log but what a witness said of it, its archive, who read it, and what is asked of who keeps it; takes a record
//! away before that is on record.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap::Parser as _;

use crate::cli;
use crate::cli::Colour;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::disk::StoreSettings;

mod asking;
mod check_proof;
mod checkpoint;
mod compact;
mod erase;
mod explain;
mod export;
mod hold;
mod keys;
mod prove;
mod prune;
mod query;
mod reading;
mod reconcile;
mod serve;
mod tail;
mod verify;
mod witness;

const AFTER: &str = "\
Examples:
  palisade-audit verify                              is the log of ./palisade.yaml what was signed?
  palisade-audit verify --log /var/log/palisade --key log.vkey --anchor friday.checkpoint
  palisade-audit query -t acme --shown pii.contact --since 7d      who saw acme's contact data last week
  palisade-audit query --deny --policy no-exports --since 24h      which denials came from a policy
  palisade-audit tail -f --deny
  palisade-audit explain 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f
  palisade-audit prove 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f --record decision.bin > decision.tlog-proof
  palisade-audit check-proof decision.bin decision.tlog-proof --key log.vkey
  palisade-audit export --tenant acme --since 7d --out case-42
  palisade-audit checkpoint > friday.checkpoint      keep it where nobody who can write the log can
  palisade-audit prune                               what would go by `decision_log.retention`; with --yes it goes
  palisade-audit hold add case-42 --tenant acme --by legal --reason lawsuit
  palisade-audit erase --tenant acme --principal ann --by dpo --reason request-17
  palisade-audit witness https://witness.example.com --key witness.vkey

`palisade audit` runs this program. Exit codes: 0 ok, 1 internal, 2 usage, 3 invalid configuration, 5 a bound was passed, 6 the log or
the proof does not verify, 10 the policies let no book be read.";

/// Reads, verifies and proves the decision log of Palisade.
#[derive(Debug, clap::Parser)]
#[command(
    name = "palisade-audit",
    version,
    about,
    after_help = AFTER,
    max_term_width = 110,
    propagate_version = true
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// The directory of the log. Default: `decision_log.dir` of the configuration.
    #[arg(short, long, global = true, value_name = "DIR")]
    log: Option<PathBuf>,
    /// The configuration.
    #[arg(short, long, global = true, value_name = "FILE", default_value = "palisade.yaml")]
    config: PathBuf,
    /// Set a key of the configuration over the file; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// When to use colours; `NO_COLOR` in the environment turns `auto` off.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,
    /// How results are printed. Default: for people on a terminal, else JSON.
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Output>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Pretty,
    /// JSON.
    Json,
    /// CSV (`query`, `top`, `pathways`, `stats`).
    Csv,
    /// A Parquet file (the same).
    Parquet,
    /// Events of OCSF 1.6, one a line (`query` without --sql).
    Ocsf,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Is the log what was signed? Names what is wrong, the first cause first.
    #[command(after_help = verify::AFTER)]
    Verify(verify::Arguments),
    /// Ask the log: by flags, or one SELECT over the table `decisions`.
    #[command(after_help = query::AFTER)]
    Query(Box<query::Arguments>),
    /// The newest records, and those that come.
    #[command(after_help = tail::AFTER)]
    Tail(Box<tail::Arguments>),
    /// By whom, by which policy, on which route: what comes most often.
    #[command(after_help = query::TOP_AFTER)]
    Top(Box<query::Top>),
    /// Who reached across from which tenant into which.
    #[command(after_help = query::PATHWAYS_AFTER)]
    Pathways(Box<query::Counting>),
    /// What there is of each day.
    #[command(after_help = query::STATS_AFTER)]
    Stats(Box<query::Counting>),
    /// Bring the archive up to the last sealed segment: Parquet, a folder a book and month.
    #[command(after_help = compact::AFTER)]
    Compact(compact::Arguments),
    /// One decision: who, what, why, the policies' text of that day, what was hidden, and whether it is proven.
    #[command(after_help = explain::AFTER)]
    Explain(explain::Arguments),
    /// Prove that one record is in the log, for whoever has its checkpoint's key.
    #[command(after_help = prove::AFTER)]
    Prove(prove::Arguments),
    /// Check such a proof, without the log.
    #[command(after_help = check_proof::AFTER)]
    CheckProof(check_proof::Arguments),
    /// Make a case folder: the records of one tenant, with the proof that none is left out.
    #[command(after_help = export::AFTER)]
    Export(export::Arguments),
    /// Hold the app's access log against the records: what did the app see that is not on record?
    #[command(after_help = reconcile::AFTER)]
    Reconcile(reconcile::Arguments),
    /// Take away what is past its time by `decision_log.retention`, from the log and its archive; says what would go.
    #[command(after_help = prune::AFTER)]
    Prune(prune::Arguments),
    /// Hold records for as long as somebody needs them: they do not go by age, size or erasure.
    #[command(after_help = hold::AFTER)]
    Hold(hold::Arguments),
    /// Take away all that names a person, in the log, its archive, its readings and the kept snapshots.
    #[command(after_help = erase::AFTER)]
    Erase(erase::Arguments),
    /// Print the newest signed checkpoint.
    #[command(after_help = checkpoint::AFTER)]
    Checkpoint(checkpoint::Arguments),
    /// Have a witness cosign the newest checkpoint.
    #[command(after_help = witness::AFTER)]
    Witness(witness::Arguments),
    /// Answer the same questions over HTTP, each caller as the policies let it.
    #[command(after_help = serve::AFTER)]
    Serve(serve::Arguments),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  palisade-audit completions bash > /etc/bash_completion.d/palisade-audit"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Does what the arguments ask for; the exit code comes back.
#[must_use]
pub fn main(world: &World<'_>) -> u8 {
    let arguments = match Arguments::try_parse_from(&world.arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // Nobody is left to tell when the terminal is gone.
            drop(error.print());
            return code as u8;
        }
    };
    let mut out = cli::out(arguments.global.color, world);
    let exit = match verb(&arguments, world, &mut out) {
        Ok(exit) => exit,
        Err(Refused(exit, message)) => {
            out.error(&message);
            exit
        }
    };
    if out.is_broken() && exit == Exit::Ok { Exit::Internal as u8 } else { exit as u8 }
}

fn verb(arguments: &Arguments, world: &World<'_>, out: &mut Out) -> Result<Exit, Refused> {
    let global = &arguments.global;
    let asks = matches!(arguments.verb, Verb::Query(_) | Verb::Top(_) | Verb::Pathways(_) | Verb::Stats(_));
    if matches!(global.output, Some(Output::Csv | Output::Parquet | Output::Ocsf)) && !asks {
        return Err(Refused::usage("this verb does not print in that format (`-o`)"));
    }
    match &arguments.verb {
        Verb::Verify(arguments) => verify::verify(global, arguments, world, out),
        Verb::Query(arguments) => query::query(global, arguments, world, out),
        Verb::Tail(arguments) => tail::tail(global, arguments, world, out),
        Verb::Top(arguments) => query::top(global, arguments, world, out),
        Verb::Pathways(arguments) => query::pathways(global, arguments, world, out),
        Verb::Stats(arguments) => query::stats(global, arguments, world, out),
        Verb::Compact(arguments) => compact::compact(global, arguments, world, out),
        Verb::Explain(arguments) => explain::explain(global, arguments, world, out),
        Verb::Prove(arguments) => prove::prove(global, arguments, world, out),
        Verb::Export(arguments) => export::export(global, arguments, world, out),
        Verb::Reconcile(arguments) => reconcile::reconcile(global, arguments, world, out),
        Verb::Prune(arguments) => prune::prune(global, arguments, world, out),
        Verb::Hold(arguments) => hold::hold(global, arguments, world, out),
        Verb::Erase(arguments) => erase::erase(global, arguments, world, out),
        Verb::CheckProof(arguments) => check_proof::check_proof(global, arguments, out),
        Verb::Checkpoint(arguments) => checkpoint::checkpoint(global, arguments, world, out),
        Verb::Serve(arguments) => serve::serve(global, arguments, world, out),
        Verb::Witness(arguments) => witness::witness(global, arguments, world, out),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "palisade-audit", &mut script);
            out.raw(&script);
            Ok(Exit::Ok)
        }
    }
}

/// A verb that cannot do what was asked: how the program ends, and why.
#[derive(Debug)]
struct Refused(Exit, String);

impl Refused {
    fn usage(why: impl Into<String>) -> Self {
        Self(Exit::Usage, why.into())
    }

    fn internal(why: impl ToString) -> Self {
        Self(Exit::Internal, why.to_string())
    }
}

impl Global {
    /// The directory of the log that is meant.
    fn log(&self, world: &World<'_>) -> Result<PathBuf, Refused> {
        if let Some(log) = &self.log {
            return Ok(log.clone());
        }
        cli::log_dir(&self.of_palisade(), world).map_err(|(exit, why)| Refused(exit, why))
    }

    /// How the log that is meant is kept: as the configuration says, where there is one.
    fn store(&self, world: &World<'_>) -> Result<StoreSettings, Refused> {
        let of_config =
            || cli::log_store(&self.of_palisade(), world).map_err(|(exit, why)| Refused(exit, why));
        match &self.log {
            Some(dir) if !self.config.exists() => Ok(StoreSettings::of(dir)),
            Some(dir) => {
                let of_config = of_config()?;
                let same = |path: &PathBuf| path.canonicalize().ok();
                // Another log, as that of readings, has a key of its own.
                let own = same(dir) == same(&of_config.dir);
                let (key_file, previous_key_file) =
                    if own { (of_config.key_file, of_config.previous_key_file) } else { (None, None) };
                Ok(StoreSettings { dir: dir.clone(), key_file, previous_key_file, ..of_config })
            }
            None => of_config(),
        }
    }

    /// The same flags, as `palisade` takes them.
    fn of_palisade(&self) -> cli::Global {
        cli::Global {
            config: self.config.clone(),
            set: self.set.clone(),
            log_level: None,
            log_format: None,
            color: self.color,
            output: cli::Output::Pretty,
            output_is_said: false,
        }
    }

    /// Is it printed as JSON?
    fn is_json(&self) -> bool {
        match self.output {
            Some(Output::Json) => true,
            Some(Output::Pretty | Output::Csv | Output::Parquet | Output::Ocsf) => false,
            None => !std::io::stdout().is_terminal(),
        }
    }
}
