//! `palisade-audit hold`: records that may not go, for as long as somebody needs them.
//!
//! Never: says that a hold stands before it is on record and signed.

use serde_json::json;

use crate::audit::keeping::Act;
use crate::audit::keeping::Hold;
use crate::audit::keeping::Order;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::now_ms;
use crate::cli::out::BOLD;
use crate::cli::out::paint;
use crate::cli::printable;
use crate::cli::times;
use crate::disk;
use crate::evidence::Folder;
use crate::ids::ClassName;
use crate::ids::TenantPath;
use crate::keeping;

use super::Global;
use super::Refused;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit hold add case-42 --tenant acme --by \"legal, Ann\" --reason \"a lawsuit\"
  palisade-audit hold add leak --class pii --since 2026-11-01 --until 2026-11-08 --by dpo --reason \"the leak of November\"
  palisade-audit hold list
  palisade-audit hold release case-42 --by \"legal, Ann\" --reason settled

A hold covers the records that concern its tenant, in whose book they may stand, of its time and class; without any of them, all. It beats
retention, size and erasure, in the log and in its archive, until it is released. Both stand in the log as events `hold`.

Exit codes: 0; 1 the log cannot be read or written; 2 usage, or there is no such hold; 3 the configuration is invalid.";

/// What `hold` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Begin a hold.
    Add(Add),
    /// The holds that stand.
    List,
    /// End a hold.
    Release {
        /// Its name.
        name: String,
        /// Who asks for it.
        #[arg(long, value_name = "WHO")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// What a hold covers.
#[derive(Debug, clap::Args)]
struct Add {
    /// What it is called by, as a case number.
    name: String,
    /// Only records that concern this tenant or one below it. Default: all.
    #[arg(short, long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only those that carry this data class or one within it.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Only those from this time on: `24h`, `7d`, `2026-11-22` or RFC 3339.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Who asks for it.
    #[arg(long, value_name = "WHO")]
    by: String,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn hold(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let store = global.store(world)?;
    let holds =
        keeping::holds(&Folder::open(&store.dir).map_err(Refused::internal)?).map_err(Refused::internal)?;
    let (act, said) = match &arguments.what {
        What::List => {
            list(global, &holds.0, out);
            return Ok(Exit::Ok);
        }
        What::Add(add) if holds.get(&add.name).is_some() => {
            return Err(Refused::usage(format!("there is a hold `{}` already: release it first", add.name)));
        }
        What::Add(add) => (Act::Hold(wanted(add)?), format!("the hold `{}` stands", add.name)),
        What::Release { name, .. } if holds.get(name).is_none() => {
            return Err(Refused::usage(format!(
                "there is no hold `{name}`: `hold list` says which there are"
            )));
        }
        What::Release { name, by, reason } => {
            let (hold, by, reason) = (name.clone(), by.clone(), reason.clone());
            (Act::Release { hold, reason, by }, format!("the hold `{name}` stands no longer"))
        }
    };
    disk::act(&store, &Order { acts: vec![act] }).map_err(Refused::internal)?;
    out.line(&said);
    Ok(Exit::Ok)
}

fn wanted(add: &Add) -> Result<Hold, Refused> {
    let now = now_ms();
    let moment = |text: &Option<String>| {
        text.as_deref().map(|text| times::moment(text, now)).transpose().map_err(Refused::usage)
    };
    if let Some(tenant) = &add.tenant {
        TenantPath::parse(tenant).map_err(|why| Refused::usage(format!("`{tenant}` is no tenant: {why}")))?;
    }
    if let Some(class) = &add.class {
        ClassName::parse(class)
            .map_err(|why| Refused::usage(format!("`{class}` is no data class: {why}")))?;
    }
    Ok(Hold {
        hold: add.name.clone(),
        tenant: add.tenant.clone(),
        class: add.class.clone(),
        since_ms: moment(&add.since)?,
        until_ms: moment(&add.until)?,
        reason: add.reason.clone(),
        by: add.by.clone(),
    })
}

fn at(ms: Option<u64>) -> Option<String> {
    let at = ms.and_then(|ms| i64::try_from(ms).ok());
    at.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map(|at| at.to_string())
}

fn list(global: &Global, holds: &[Hold], out: &mut Out) {
    if global.is_json() {
        let all: Vec<_> = holds
            .iter()
            .map(|hold| {
                json!({
                    "hold": hold.hold, "tenant": hold.tenant, "class": hold.class, "since": at(hold.since_ms),
                    "until": at(hold.until_ms), "reason": hold.reason, "by": hold.by,
                })
            })
            .collect();
        return out.raw(formats::pretty(&json!({ "holds": all })).as_bytes());
    }
    if holds.is_empty() {
        out.line("no hold stands");
    }
    for hold in holds {
        out.line(&format!("{}  {}", paint(BOLD, printable(&hold.hold)), printable(&hold.reason)));
        let row = |out: &mut Out, name: &str, says: Option<&str>| {
            if let Some(says) = says {
                out.line(&format!("  {name:<8} {}", printable(says)));
            }
        };
        row(out, "tenant", hold.tenant.as_deref());
        row(out, "class", hold.class.as_deref());
        row(out, "since", at(hold.since_ms).as_deref());
        row(out, "until", at(hold.until_ms).as_deref());
        row(out, "by", Some(&hold.by));
    }
}
