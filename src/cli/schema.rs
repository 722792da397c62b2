//! `palisade schema`: the schemas that this version reads and writes by.
//!
//! Never: prints a schema that the code does not use.

use crate::audit::row::CLICKHOUSE_TABLE;
use crate::cases;
use crate::config::Config;
use crate::policy;

use super::Exit;
use super::Out;

pub(super) const AFTER: &str = "\
Examples:
  palisade schema config > config.schema.json     for editors: # yaml-language-server: $schema=config.schema.json
  palisade schema record                          the decision record
  palisade schema tests > test.schema.json        the test files beside the policies
  palisade schema cedar                           what policies may say
  palisade schema clickhouse | clickhouse-client  the table that the decision log is sent to";

/// What `schema` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// Which one.
    #[arg(value_enum)]
    of: Of,
}

/// A schema.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Of {
    /// JSON Schema of `palisade.yaml`.
    Config,
    /// JSON Schema of a decision record.
    Record,
    /// JSON Schema of the test files beside the policies (`*_test.yaml`).
    Tests,
    /// Cedar schema of the policies.
    Cedar,
    /// The table of ClickHouse that the decision log is sent to.
    Clickhouse,
}

pub(super) fn schema(arguments: &Arguments, out: &mut Out) -> Result<Exit, String> {
    let text = match arguments.of {
        Of::Config => Config::schema_json(),
        Of::Record => crate::audit::schema_json(),
        Of::Tests => cases::schema_json(),
        Of::Cedar => policy::SCHEMA.to_owned(),
        Of::Clickhouse => CLICKHOUSE_TABLE.to_owned(),
    };
    out.raw(text.as_bytes());
    Ok(Exit::Ok)
}
