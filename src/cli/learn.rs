//! `palisade learn`: what stands in an app's bodies, counted, and the classification that is proposed by it.
//!
//! Never: prints a value, or writes a file.

mod read;
mod report;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::file;
use crate::learn::Learned;
use crate::learn::Observer;
use crate::learn::Proposal;
use crate::learn::Standing;
use crate::learn::format_of;
use crate::limits;
use crate::model::Model;

use super::Exit;
use super::Global;
use super::Out;
use super::Output;
use super::World;
use super::check;
use super::check::Ready;
use super::formats;
use super::healthcheck;
use super::redact::Of;

pub(super) const AFTER: &str = "\
Examples:
  palisade learn                                   what a running Palisade has learned (`learning` in its configuration)
  palisade learn -o yaml > proposed.yaml           the same, as a file of routes with their classes
  palisade learn --classes >> classes.yaml         the classes that it lacks
  palisade learn body1.json body2.json --route getPatient
  palisade learn export.csv --route exportPatients --content-type 'text/csv; header=present'
  palisade learn traffic.har                       exchanges recorded by a browser or a proxy
  palisade learn exchanges.ndjson -o json --fail-on contradicts

A line of exchanges is {\"method\": \"GET\", \"path\": \"/patients/7\", \"response\": {\"content_type\": \"application/json\", \"body\": {}}};
`request` beside or in place of `response`, `route` in place of `method` and `path`. Bodies are JSON, or texts.

Only counts are kept and shown, never a value. A key of an object may be a value: what is not spelt like a name is shown
as `*`, and with `--seen N` only keys that N bodies have are shown. What is not proposed may be sensitive all the same.

Exit codes: 0; 1 when a file, or the running Palisade, cannot be read; 2 what is asked makes no sense; 3 the configuration
is invalid; 5 with `--fail-on`, when there is such a path.";

/// Largest share, in percent.
const PERCENT_MAX: u64 = 100;

/// What `learn` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Bodies of one route (with `--route`), HAR files, or lines of exchanges. Without any, a running Palisade is asked.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The route that the files are bodies of.
    #[arg(long, value_name = "ID", requires = "files")]
    route: Option<String>,
    /// Which of its bodies they are.
    #[arg(long, value_enum, value_name = "BODY", default_value_t = Of::Response, requires = "route")]
    of: Of,
    /// How they are written, as a header would say it; without it, by the endings of their names.
    #[arg(long, value_name = "TYPE", requires = "route")]
    content_type: Option<String>,
    /// Read what a running Palisade saved (`learning.file`), in place of asking it.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    learned: Option<PathBuf>,
    /// Address of the admin listener; without it, the one of the configuration.
    #[arg(long, value_name = "IP:PORT", conflicts_with_all = ["files", "learned"])]
    address: Option<SocketAddr>,
    /// Longest wait for its answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout_ms: u64,
    /// Share of a path's values, in percent, that must be of a form for the path to be proposed by it.
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=PERCENT_MAX))]
    share: u64,
    /// Show only keys that so many bodies of the files have.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seen: u64,
    /// Print the classes that the proposal lacks, as a file of classes.
    #[arg(long)]
    classes: bool,
    /// End with 5 when there is a path of which this is said.
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// It is proposed, and not classified.
    New,
    /// It is classified as one thing and holds another.
    Contradicts,
    /// It is classified, and no body had it.
    Unseen,
}

impl FailOn {
    const fn standing(self) -> Standing {
        match self {
            Self::New => Standing::New,
            Self::Contradicts => Standing::Contradicts,
            Self::Unseen => Standing::Unseen,
        }
    }
}

pub(super) fn learn(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { config, checked, .. }) = check::ready(global, world, out) else {
        return Ok(Exit::Invalid);
    };
    let model = checked.snapshot().model();
    let learned = if !arguments.files.is_empty() {
        match offline(arguments, model)? {
            Ok((learned, notes)) => {
                notes.iter().for_each(|note| out.aside(note));
                learned
            }
            Err(why) => {
                out.error(&why);
                return Ok(Exit::Usage);
            }
        }
    } else if let Some(path) = &arguments.learned {
        let failed = |why: &dyn std::fmt::Display| format!("`{}` cannot be read: {why}", path.display());
        let text = file::text(path, limits::LEARNED_STATE_BYTES_MAX).map_err(|error| failed(&error))?;
        Learned::parse(&text).map_err(|why| failed(&why))?
    } else {
        asked(arguments.address.unwrap_or(config.listen.admin), arguments)?
    };
    let proposal = Proposal::new(&learned, model, arguments.share);
    if arguments.classes {
        out.raw(proposal.classes_yaml().as_bytes());
    } else {
        match global.output {
            Output::Yaml => out.raw(proposal.routes_yaml().as_bytes()),
            Output::Json => out.raw(formats::pretty(&report::json(&proposal)).as_bytes()),
            Output::Pretty
            | Output::Sarif
            | Output::Github
            | Output::Junit
            | Output::Mermaid
            | Output::Dot
            | Output::Svg => report::pretty(&proposal).iter().for_each(|line| out.line(line)),
        }
    }
    let fails = arguments.fail_on.iter().any(|what| proposal.count(what.standing()) > 0);
    Ok(if fails { Exit::Threshold } else { Exit::Ok })
}

/// What the files hold, and what is to be said of them; or why that cannot be asked for.
fn offline(arguments: &Arguments, model: &Model) -> Result<Result<(Learned, Vec<String>), String>, String> {
    let mut observer = Observer::new(Learned::default(), arguments.seen);
    let mut notes = Vec::new();
    match &arguments.route {
        Some(id) => {
            if !model.routes.iter().any(|(_, route)| *route.id == **id) {
                let near = crate::problem::nearest(id, model.routes.iter().map(|(_, route)| &*route.id));
                let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return Ok(Err(format!("there is no route `{id}`{hint}")));
            }
            for path in &arguments.files {
                let kind = arguments.content_type.as_deref().or_else(|| read::content_type(path));
                let Some(kind) = kind else {
                    return Ok(Err(format!("say by `--content-type` how `{}` is written", path.display())));
                };
                if format_of(kind).is_none() {
                    return Ok(Err(format!("a body of the type `{kind}` is not read")));
                }
                notes.extend(read::body(path, (id, arguments.of.side()), kind, &mut observer)?);
            }
        }
        None => {
            for path in &arguments.files {
                notes.extend(read::exchanges(path, model, &mut observer)?);
            }
        }
    }
    Ok(Ok((observer.learned(), notes)))
}

/// What a running Palisade has learned.
fn asked(address: SocketAddr, arguments: &Arguments) -> Result<Learned, String> {
    let patience = Duration::from_millis(arguments.timeout_ms);
    let most = limits::LEARNED_STATE_BYTES_MAX as u64;
    let (status, body) = healthcheck::get(healthcheck::here(address), "/learned", patience, most)
        .map_err(|why| format!("not reachable at {address}: {why}"))?;
    match status {
        200 => Learned::parse(&body)
            .map_err(|why| format!("{address} does not answer as an admin listener does: {why}")),
        404 => Err(format!("nothing is learned at {address}: set `learning.percent` there")),
        other => Err(format!("{address} does not answer as an admin listener does: {other}")),
    }
}
