//! To be written.

/// STUB: the lead writes it.
///
/// # Errors
/// Always, until it is written.
pub fn serve(
    _config: crate::config::Config,
    _live: std::sync::Arc<crate::snapshot::Live>,
    _reading: &crate::reload::Reading,
    _warnings: &[crate::problem::Problem],
) -> Result<(), String> {
    Err("serving is not written yet".to_owned())
}
