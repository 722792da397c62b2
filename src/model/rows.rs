//! Rows of a body that say whose they are, and which of them a request may see.
//!
//! Never: takes a row for anybody's whose owner it does not know.

use std::fmt;
use std::sync::Arc;

use crate::ids::DataKey;
use crate::model::tenants::TenantIx;
use crate::model::tenants::Tenants;
use crate::model::tree::At;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Problem;
use crate::redact::Foreign;
use crate::redact::Owns;
use crate::redact::ShapeBuilder;

/// How a row says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// By a DataKey, as the app's database has it.
    DataKey,
    /// By a tenant: its path, or the app's key of it.
    Tenant,
}

/// The rows of a route's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// How they say whose they are.
    pub named_by: NamedBy,
    /// What becomes of those that are somebody else's.
    pub foreign: Foreign,
}

const KEYS: [&str; 5] = ["at", "data_key", "tenant", "foreign", "counts"];
const COUNTS: [&str; 2] = ["correct", "refuse"];
const FOREIGN: [(&str, Foreign); 2] = [("drop", Foreign::Drop), ("refuse", Foreign::Refuse)];

/// Reads where a body has rows, into its shape.
pub(super) fn read(reader: &mut Reader, node: &Node, shape: &mut ShapeBuilder) -> Option<Rows> {
    reader.fields(node, "rows", &KEYS);
    let at = need(reader, node, "at");
    let (key, named_by) = read_named_by(reader, node)?;
    let owner = need(reader, node, key);
    let foreign = read_foreign(reader, node)?;
    let ((at, place), (owner, _)) = (at?, owner?);
    if let Err(error) = shape.rows(&at, &owner, foreign) {
        let message = format!("the rows cannot be found by `{at}` and `{owner}`: {}", error.message);
        reader.add(place, |place| {
            Problem::error("bad-body-path", place, message).hint("`$.items[*]` and, below it, `tenant.id`")
        });
        return None;
    }
    if let Some(counts) = node.get("counts") {
        if foreign == Foreign::Refuse {
            let message = "`counts` says what becomes of numbers where rows are taken out, but none are";
            reader.add(counts.at, |place| {
                Problem::error("contradiction", place, message).hint("say `foreign: drop`, or leave it out")
            });
            return None;
        }
        read_counts(reader, counts, shape);
    }
    Some(Rows { named_by, foreign })
}

fn need(reader: &mut Reader, node: &Node, key: &str) -> Option<(String, At)> {
    let found = node.get(key);
    if found.is_none() {
        reader.error("missing-key", node.at, format!("rows need a key `{key}`"));
    }
    let found = found?;
    Some((reader.text(found, &format!("`{key}`"))?.to_owned(), found.at))
}

/// Reads what becomes of rows that are somebody else's.
pub(super) fn read_foreign(reader: &mut Reader, node: &Node) -> Option<Foreign> {
    let Some(written) = node.get("foreign") else { return Some(Foreign::Refuse) };
    let text = reader.text(written, "what becomes of a row of somebody else")?;
    let found = FOREIGN.into_iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let words = FOREIGN.map(|(word, _)| word);
        reader.unknown("unknown-word", written.at, "`drop` or `refuse`", text, words);
    }
    Some(found?.1)
}

/// Reads the key by which rows are said to name their owner: `data_key` or `tenant`.
pub(super) fn read_named_by(reader: &mut Reader, node: &Node) -> Option<(&'static str, NamedBy)> {
    match (node.get("data_key"), node.get("tenant")) {
        (Some(_), Some(tenant)) => {
            let message = "rows are named by `data_key` or by `tenant`, and not by both";
            reader.error("contradiction", tenant.at, message);
            None
        }
        (None, Some(_)) => Some(("tenant", NamedBy::Tenant)),
        (_, None) => Some(("data_key", NamedBy::DataKey)),
    }
}

/// Warns of content types in which no rows can be told: such answers are refused.
pub(super) fn warn_of_untold(reader: &mut Reader, at: At, content_type: &str) {
    let message = format!(
        "answers of `{}` are refused on this route: rows of somebody else cannot be told in them",
        content_type.escape_debug()
    );
    reader.add(at, |place| {
        Problem::warning("rows-untold", place, message)
            .hint("rows are told in JSON, events, CSV, XML, Protocol Buffers and GraphQL")
    });
}

/// Reads where a body says how many rows there are.
fn read_counts(reader: &mut Reader, node: &Node, shape: &mut ShapeBuilder) {
    reader.fields(node, "counts", &COUNTS);
    for word in COUNTS {
        let Some(paths) = node.get(word) else { continue };
        for (path, at) in reader.texts(paths, &format!("`{word}`")) {
            if let Err(error) = shape.row_count(path, word == "correct") {
                let message = format!("`{path}` leads to no number of rows: {}", error.message);
                reader.add(at, |place| Problem::error("bad-body-path", place, message).hint("`$.total`"));
            }
        }
    }
}

/// Whose rows one request may see: those within the DataKey that it was judged for.
pub struct RowOwner {
    tenants: Arc<Tenants>,
    owner: TenantIx,
    key: DataKey,
    /// How the app's texts of such rows begin.
    prefix: String,
    named_by: NamedBy,
}

impl fmt::Debug for RowOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowOwner")
            .field("key", &self.key)
            .field("named_by", &self.named_by)
            .finish_non_exhaustive()
    }
}

impl RowOwner {
    /// The owner of rows for a request about this DataKey of this tenant.
    #[must_use]
    pub fn new(tenants: &Arc<Tenants>, owner: TenantIx, key: &DataKey, rows: Rows) -> Self {
        let prefix = tenants.app_key(key);
        Self { tenants: Arc::clone(tenants), owner, key: key.clone(), prefix, named_by: rows.named_by }
    }
}

impl Owns for RowOwner {
    fn owns(&self, text: &str) -> bool {
        if self.named_by == NamedBy::DataKey && text == self.prefix {
            return true;
        }
        let Some(named) = self.tenants.of_app_key(text) else { return false };
        match self.named_by {
            NamedBy::DataKey => named.is_within(&self.key),
            NamedBy::Tenant => self.tenants.find(named.as_str()).is_some_and(|tenant| {
                // A slice of a tenant's data is that tenant's.
                tenant == self.owner || named.is_within(&self.key)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::classes::Classes;

    #[test]
    fn a_row_is_owned_within_the_key_that_was_judged_and_nowhere_else() {
        let text = "tenants: {acme: {tenants: {west: {data_key: '9.'}, east: {}}}, acme2: {}, globex: {data_key: '7.'}}";
        let tenants = Arc::new(Tenants::parse("tenants.yaml", text).unwrap().0);
        let owns = |named_by, key: &str, row: &str| {
            let key = DataKey::parse(key).unwrap();
            let owner = tenants.owner(&key).unwrap();
            RowOwner::new(&tenants, owner, &key, Rows { named_by, foreign: Foreign::Drop }).owns(row)
        };
        for (key, row, by_key, by_tenant) in [
            ("acme", "acme/", true, true),
            ("acme", "acme", true, true),
            ("acme", "acme/east/", true, true),
            ("acme", "9.", true, true),
            ("acme", "9.claims.", true, false),
            ("acme", "acme2/", false, false),
            ("acme", "7.", false, false),
            ("acme", "", false, false),
            ("acme/east", "acme/", false, false),
            ("acme/east", "acme/east", true, true),
            ("acme/east/claims", "acme/east/", false, true),
            ("acme/east/claims", "acme/east/claims/1/", true, false),
            ("globex", "7", true, true),
            ("globex", "9.", false, false),
        ] {
            assert_eq!(owns(NamedBy::DataKey, key, row), by_key, "{row} for {key}");
            assert_eq!(owns(NamedBy::Tenant, key, row), by_tenant, "the tenant {row} for {key}");
        }
    }

    #[test]
    fn content_types_in_which_no_rows_can_be_told_are_warned_of() {
        let told = |add: &dyn Fn(&mut crate::model::RoutesBuilder, &Classes)| {
            let classes = Classes::parse("classes.yaml", "classes: {}").unwrap();
            let mut builder = crate::model::RoutesBuilder::new();
            add(&mut builder, &classes);
            let routes = builder.finish().unwrap();
            let warnings = routes.warnings().iter();
            warnings.map(|problem| format!("{} {}", problem.code, problem.message)).collect::<Vec<_>>()
        };
        let rows = "rows: {at: $, data_key: owner}";
        let yaml = |body: &str| {
            let text = format!("routes: [{{method: GET, path: /a, response: {{{body}}}}}]");
            told(&|builder, classes| builder.add_yaml("routes.yaml", &text, classes))
        };
        assert!(yaml(rows).is_empty() && yaml("opaque: [image/*]").is_empty());
        let warned = yaml(&format!("{rows}, opaque: [image/*]"));
        assert!(warned.len() == 1 && warned[0].contains("`image/*`"), "{warned:?}");
        let open = |extension: &str| {
            let text = format!(
                "openapi: 3.1.0\ninfo: {{}}\npaths:\n  /a:\n    get:\n      {extension}\n      responses:\n        '200': {{$ref: '#/components/responses/all'}}\n        4XX: {{content: {{multipart/form-data: {{}}}}}}\ncomponents:\n  responses:\n    all: {{content: {{application/json: {{}}, text/xml; charset=utf-8: {{}}, text/plain: {{}}, '*/*': {{}}}}}}\n"
            );
            told(&|builder, classes| builder.add_openapi("openapi.yaml", &text, classes))
        };
        assert!(open("summary: a").is_empty());
        let warned = open("x-palisade-rows: {at: $, data_key: owner}");
        assert_eq!(warned.len(), 2, "{warned:?}");
        assert!(warned[0].contains("rows-untold answers of `multipart/form-data`"), "{warned:?}");
        assert!(warned[1].contains("`text/plain`"), "{warned:?}");
    }
}
