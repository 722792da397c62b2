//! Readings of a log, on record in a log of their own beside it: sealed and signed like it, by a key of its own.
//!
//! Never: comes back without an error before the reading is on its device and signed.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::audit::Event;
use crate::limits;

use super::OpenError;
use super::StoreSettings;
use super::now_ms;
use super::open_store;
use super::store::Broken;

/// The folder of the log of readings, in the directory of the log that is read.
pub const READINGS: &str = "reads";

/// How long to wait before another reader's log is looked for again.
const PAUSE: Duration = Duration::from_millis(10);

/// Puts an event on record in the log of this directory, which is made where it is not there, in a folder that is.
///
/// # Errors
/// When it is not on record: the log cannot be opened or written, or somebody else holds it for too long.
pub fn put_in(dir: &Path, event: &Event<'_>) -> Result<(), OpenError> {
    let failed = |why: io::Error| OpenError::Store(dir.to_owned(), Broken::File(".".to_owned(), why));
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(failed(why)),
        Ok(()) | Err(_) => {}
    }
    let settings = StoreSettings { segment_bytes: limits::READINGS_SEGMENT_BYTES, ..StoreSettings::of(dir) };
    let end = Instant::now() + Duration::from_millis(limits::EVENT_LOG_WAIT_MS_MAX);
    let mut store = loop {
        match open_store(&settings) {
            Err(OpenError::Taken(_)) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(why) => return Err(why),
            Ok(store) => break store,
        }
    };
    store.read(event, now_ms()).map_err(failed)
}
