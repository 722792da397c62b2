//! `palisade eval`: one decision, by the same steps that a request takes, and why it fell out so.
//!
//! Never: decides in a way of its own; tenancy, DataKey, policies and masks are those of serving.

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::answer;
use super::check;
use super::check::Ready;
use super::facts;
use super::facts::Asking;
use super::formats;

pub(super) const AFTER: &str = "\
Examples:
  palisade eval --principal dana --tenant acme --roles clinician --method GET --path /patients/7
  palisade eval --principal dana --tenant acme --roles clinician --action read --data-key acme/west --classes pii.name
  palisade eval --principal finn --tenant globex --roles auditor --target acme/west --purpose audit --action read
  echo '{\"principal\":\"dana\",\"tenant\":\"acme\",\"action\":\"read\"}' | palisade eval --request - -o json
  palisade eval … --exit-code || echo denied

Exit codes: 0 whatever the decision; with --exit-code 10 for a deny; 3 when the configuration is invalid.";

/// What `eval` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Read the request as JSON from a file, or from the standard input (`-`); flags come first.
    #[arg(long, value_name = "FILE")]
    request: Option<String>,
    /// End with 10 when the decision is a deny.
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    asking: Asking,
}

pub(super) fn eval(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, String> {
    let Some(Ready { checked, .. }) = check::ready(global, world, out) else { return Ok(Exit::Invalid) };
    let snapshot = checked.snapshot();
    let answer = facts::read(&arguments.asking, arguments.request.as_deref())
        .and_then(|asking| facts::question(&asking))
        .and_then(|question| {
            answer::answer(snapshot, &question).map_err(|why| facts::unasked(snapshot.model(), &why))
        });
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            out.error(&why);
            return Ok(Exit::Usage);
        }
    };
    if global.output.is_json() {
        out.raw(formats::pretty(&answer::json(&answer)).as_bytes());
    } else {
        out.line(answer::pretty(&answer).trim_end());
    }
    Ok(if arguments.exit_code && !answer.allowed { Exit::Denied } else { Exit::Ok })
}
