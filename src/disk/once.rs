//! One line appended to a log by a verb that ends with it.
//!
//! Never: comes back without an error before the line is on its device.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::audit::Event;
use crate::limits;

use super::OpenError;
use super::event_line;
use super::sink::Sink;

/// How long to wait before another verb's line is looked for again.
const PAUSE: Duration = Duration::from_millis(10);

/// Appends one event to a log, which nobody else writes to for longer than a line.
///
/// # Errors
/// When it cannot be opened, written or put on its device; or somebody else holds it.
pub fn put(path: &Path, event: &Event<'_>) -> Result<(), OpenError> {
    let failed = |error| OpenError::File(path.to_owned(), error);
    let end = Instant::now() + Duration::from_millis(limits::EVENT_LOG_WAIT_MS_MAX);
    let mut sink = loop {
        match Sink::file(path) {
            Err(OpenError::Taken(_)) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(error) => return Err(error),
            Ok((sink, _)) => break sink,
        }
    };
    sink.write(&event_line(event)).map_err(failed)?;
    sink.synced().map_err(failed)
}
