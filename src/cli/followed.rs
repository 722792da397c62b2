//! The policies of a configuration, kept as its files are, for a program that judges and forwards nothing.
//!
//! Never: goes on without policies. A broken edit is refused, and the last good ones stay.

use std::sync::Arc;

use http::HeaderName;

use crate::reload::Change;
use crate::reload::Reloader;
use crate::snapshot::Live;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::check::Ready;
use super::run;

/// Policies that follow their files as long as this lives.
pub(crate) struct Followed {
    /// The snapshot that is live.
    pub(crate) live: Arc<Live>,
    /// Where a caller's key stands.
    pub(crate) api_key_header: HeaderName,
    /// In which header a caller says what it reads for.
    pub(crate) purpose_header: HeaderName,
    _reloader: Reloader,
}

/// Begins to follow the files, and to tell on standard error what happens.
///
/// # Errors
/// When the configuration is invalid, or the system gives no thread.
pub(crate) fn follow(global: &Global, world: &World<'_>, out: &mut Out) -> Result<Followed, (Exit, String)> {
    let Some(Ready { config, reading, checked, .. }) = check::ready(global, world, out) else {
        let why = "the policies cannot be asked: the configuration is invalid";
        return Err((Exit::Invalid, why.to_owned()));
    };
    let internal = |why: String| (Exit::Internal, why);
    run::start_logging(&config, out.colours_errors()).map_err(internal)?;
    let live = Live::new(checked);
    let settings = Arc::clone(&config.settings);
    let (of, shared) = (config.files.clone(), Arc::clone(&live));
    let reloader = Reloader::start(of, Arc::clone(&settings), shared, &reading, config.reload.poll, told)
        .map_err(|why| internal(format!("cannot start reloading: {why}")))?;
    Ok(Followed {
        live,
        api_key_header: settings.api_key_header.clone(),
        purpose_header: settings.purpose_header.clone(),
        _reloader: reloader,
    })
}

fn told(change: &Change) {
    match change {
        Change::Applied { after, generation, .. } => {
            tracing::info!(snapshot = %after, generation, "the edit is live");
        }
        Change::Refused { problems, .. } => {
            let first = problems.first().map(|problem| problem.message.as_str()).unwrap_or_default();
            tracing::warn!("the edit is refused, the last good policies stay: {first}");
        }
        Change::Restored { .. } => tracing::info!("the edit is taken back: the files are what is live"),
        // Nothing is looked at beside what decides.
        Change::Beside(_) => {}
    }
}
