//! The certificates that are in use, kept to what stands in their files.
//!
//! New connections take what is current; those that are open keep what they began with. A pair that does not belong together is
//! what a rotation looks like in its middle, so only what is found broken twice in a row is told.
//! Never: puts a broken pair in the place of a good one, or drops a connection.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use crate::background;
use crate::ids::Digest;
use crate::problem::Problem;

use super::certificates::Files;
use super::certificates::Made;
use super::certificates::TlsSettings;
use super::certificates::make;

/// What listeners with TLS accept connections with.
#[derive(Debug)]
pub struct Certificates {
    settings: TlsSettings,
    current: ArcSwap<ServerConfig>,
    standing: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    live: Digest,
    /// What was found broken last.
    broken: Option<Digest>,
    told: Standing,
}

/// How the certificates stand, for whoever asks.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// When the certificate in use ends, in seconds since 1970.
    pub expires: u64,
    /// What is wrong with the files, where they are not what is in use.
    pub refused: Vec<Problem>,
    /// How often new files were taken since the start.
    pub applied_total: u64,
    /// How often new files were refused since the start.
    pub refused_total: u64,
}

impl Certificates {
    /// Reads the files for the first time, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(settings: TlsSettings, now: u64) -> Result<Arc<Self>, Vec<Problem>> {
        let files = Files::read(&settings);
        let Made { config, expires, .. } = make(&settings, &files, now)?;
        let told = Standing { expires, ..Standing::default() };
        let kept = Kept { live: files.digest(), broken: None, told };
        Ok(Arc::new(Self { settings, current: ArcSwap::new(config), standing: Mutex::new(kept) }))
    }

    /// What a connection that begins now is accepted with.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// How they stand.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.kept().told.clone()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files again, and takes them if they are sound.
    pub fn look(&self, now: u64) {
        let files = Files::read(&self.settings);
        let digest = files.digest();
        let mut kept = self.kept();
        if digest == kept.live {
            kept.broken = None;
            kept.told.refused.clear();
            return;
        }
        match make(&self.settings, &files, now) {
            Ok(Made { config, expires, warnings }) => {
                self.current.store(config);
                let told = &mut kept.told;
                (told.expires, told.refused) = (expires, Vec::new());
                told.applied_total += 1;
                (kept.live, kept.broken) = (digest, None);
                tracing::info!(expires, "new certificates are in use");
                for problem in warnings {
                    tracing::warn!(file = %problem.place.file, "{}", problem.message);
                }
            }
            Err(_) if kept.broken != Some(digest) => kept.broken = Some(digest),
            Err(problems) if kept.told.refused.is_empty() => {
                kept.told.refused_total += 1;
                for problem in &problems {
                    tracing::error!(file = %problem.place.file, "the certificates in use stay: {}", problem.message);
                }
                kept.told.refused = problems;
            }
            Err(problems) => kept.told.refused = problems,
        }
    }

    /// Looks again and again, this often, on a thread of its own until what is given back is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn watch(
        self: &Arc<Self>,
        poll: Duration,
        now: impl Fn() -> u64 + Send + 'static,
    ) -> io::Result<Watching> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let certificates = Arc::clone(self);
        background::start("certificates", move || {
            while !matches!(receiver.recv_timeout(poll), Err(mpsc::RecvTimeoutError::Disconnected)) {
                certificates.look(now());
            }
        })?;
        Ok(Watching(sender))
    }
}

/// Somebody who looks at the files.
#[derive(Debug)]
pub struct Watching(mpsc::SyncSender<()>);

impl Watching {
    /// Has them looked at now.
    pub fn now(&self) {
        // Where one look is asked for already, it is this one too.
        if self.0.try_send(()).is_err() {
            tracing::debug!("certificates are looked at already");
        }
    }
}
