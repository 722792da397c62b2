//! The configuration that the flags name, as it was read.
//!
//! Never: keeps a problem of it to itself.

use std::path::PathBuf;

use crate::config::Config;
use crate::disk::StoreSettings;
use crate::file;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;

use super::Exit;
use super::Global;
use super::World;

/// A config that was read, and what it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// The text of the file, for messages.
    pub text: String,
    /// The config with its warnings, or every problem.
    pub config: Result<(Config, Vec<Problem>), Vec<Problem>>,
}

/// Reads the config that the flags name, with what they set over it.
#[must_use]
pub fn load(global: &Global, world: &World<'_>) -> Loaded {
    match file::text(&global.config, limits::CONFIG_BYTES_MAX) {
        Ok(text) => load_text(global, world, text),
        Err(error) => {
            let message = format!("the configuration cannot be read: {error}");
            let place = Place::file(global.config.to_string_lossy());
            let problem = Problem::error("unreadable", place, message);
            let problem = problem.hint("name it with `--config`, or write one with `palisade init`");
            Loaded { text: String::new(), config: Err(vec![problem]) }
        }
    }
}

/// Reads a text as the config that the flags name.
pub(super) fn load_text(global: &Global, world: &World<'_>, text: String) -> Loaded {
    let file = global.config.to_string_lossy();
    let config = Config::read(&file, &text, &global.set, world.variable).map(|(mut config, warnings)| {
        config.log.level = global.log_level.unwrap_or(config.log.level);
        config.log.format = global.log_format.unwrap_or(config.log.format);
        (config, warnings)
    });
    Loaded { text, config }
}

/// The directory of the decision log that the config names.
///
/// # Errors
/// How the program ends where it names none or cannot be read, and why.
pub(crate) fn log_dir(global: &Global, world: &World<'_>) -> Result<PathBuf, (Exit, String)> {
    log_store(global, world).map(|store| store.dir)
}

/// How the config says that the directory of the decision log is kept.
///
/// # Errors
/// The same.
pub(crate) fn log_store(global: &Global, world: &World<'_>) -> Result<StoreSettings, (Exit, String)> {
    let file = global.config.display();
    let (config, _) = load(global, world).config.map_err(|problems| {
        let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
        let hint = "name the log's directory with `--log`, or find every problem with `palisade check`";
        (Exit::Invalid, format!("`{file}`: {first}; {hint}"))
    })?;
    config.decision_log.store.ok_or_else(|| {
        (Exit::Usage, format!("`{file}` names no `decision_log.dir`: name the log's directory with `--log`"))
    })
}
