//! A clinic's API behind Palisade: starts both, then tells who calls, what happens, and why.
//!
//! ```text
//! cargo run --release --example clinic              the story: each call, its answer, its decision record
//! cargo run --release --example clinic -- --serve   the same, then leaves everything running for curl
//! ```
//!
//! Exits with 1 if anything does not go as told. The configuration in `examples/clinic/config/` is used as a copy.
//! Never: needs a network beyond loopback, or anything that is not in this repository.

mod app;
mod check;
mod data;
mod edits;
mod ground;
mod people;
mod show;
mod sidecar;
mod stage;
mod story;
mod wire;

use std::process::ExitCode;

use sidecar::AS_PALISADE;
use stage::Stage;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// The example stops at the first thing it did not expect, and says what.
type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str =
    "usage: clinic [--serve]\n\n  --serve  when the story is told, leave everything running for curl";

/// Long enough for a day of trying things out.
const TOKEN_SECONDS: i64 = 12 * 3600;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(AS_PALISADE) {
        return sidecar::be_palisade();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run())) {
        Ok(code) => code,
        Err(why) => {
            anstream::eprintln!("clinic: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Fallible<ExitCode> {
    let mut serve = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--serve" => serve = true,
            "--help" | "-h" => {
                show::Show::new().say(USAGE)?;
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(format!("`{other}` is not understood\n{USAGE}").into()),
        }
    }
    let (mut stage, failed) = tokio::select! {
        told = perform(serve) => told?,
        interrupted = stop() => return interrupted.map(|()| ExitCode::FAILURE),
    };
    if serve {
        invite(&mut stage)?;
        stop().await?;
    } else {
        stage.show.say("To try it with curl: cargo run --release --example clinic -- --serve")?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the story; how many things in it did not go as told comes back.
async fn perform(serve: bool) -> Fallible<(Stage, usize)> {
    let mut stage = Stage::set(serve).await?;
    introduce(&mut stage)?;
    story::tell(&mut stage).await?;
    edits::tell(&mut stage).await?;
    let failed = stage.finish()?;
    Ok((stage, failed))
}

/// Waits until somebody ends the example.
async fn stop() -> Fallible<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn introduce(stage: &mut Stage) -> Fallible<()> {
    let (app, data, admin) = (stage.app, stage.data(), stage.admin());
    let (config, log) = (stage.config(), stage.decision_log());
    stage.show.headline("A clinic behind Palisade")?;
    stage.show.row("app", &format!("http://{app}  the clinic's API: patients, encounters and claims"))?;
    stage.show.row("data", &format!("http://{data}  Palisade, in front of it"))?;
    stage.show.row("admin", &format!("http://{admin}  Palisade's health and metrics"))?;
    stage.show.row("config", &config.display().to_string())?;
    stage.show.row("record", &log.display().to_string())?;
    stage.show.row("tenants", "two companies and their sites: acme (west with sf1, east), globex (north)")
}

fn invite(stage: &mut Stage) -> Fallible<()> {
    let (data, admin, config) = (stage.data(), stage.admin(), stage.config());
    let credentials = stage.hand_out_credentials(TOKEN_SECONDS)?;
    stage.show.headline("It keeps running. In another shell, take the credentials of everyone:")?;
    stage.show.say(&format!("  . {}", credentials.display()))?;
    stage.show.headline("Then, for example:")?;
    for line in [
        format!("curl -sH \"$wim\" 'http://{data}/patients?limit=1'"),
        format!("curl -sH \"$frida\" http://{data}/patients/p-101"),
        format!("curl -sH \"$cora\" -H 'x-tenant: acme/east' 'http://{data}/patients?limit=1'"),
        format!("curl -sH \"$gina\" http://{data}/companies/acme/sites/west/patients"),
        format!("curl -sH \"$gus\" -H 'x-tenant: acme' -H 'x-purpose: audit' 'http://{data}/claims?limit=1'"),
        format!("curl -sH \"$robot\" http://{data}/claims/c-101"),
        format!("curl -s 'http://{admin}/readyz?verbose'"),
        format!("tail -n 2 {}", stage.decision_log().display()),
        format!("${{EDITOR:-vi}} {}/policies/roles.cedar   # takes effect when you save", config.display()),
    ] {
        stage.show.say(&format!("  {line}"))?;
    }
    stage.show.say("\nCtrl-C ends everything and removes the folder.")
}
