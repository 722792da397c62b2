//! What could stand at the cursor in a YAML file: keys, words, names.
//!
//! Never: offers a key that the reader of the file does not take.

use crate::cases;
use crate::lsp::names::Names;
use crate::lsp::page::Desk;
use crate::lsp::page::Kind;
use crate::lsp::page::Page;
use crate::lsp::yaml::Role;
use crate::lsp::yaml::Scalar;
use crate::lsp::yaml::Step;
use crate::lsp::yaml::typed;
use crate::redact::Mask;
use crate::redact::detect;

use super::Icon;
use super::Offered;
use super::Offers;

type Keys = &'static [(&'static str, &'static str)];

const TENANT: Keys = &[
    ("region", "Where its data is kept. Default: that of the tenant around it."),
    ("tier", "What it has paid for. Default: that of the tenant around it."),
    ("status", "active, maintenance, suspended or quarantined."),
    ("isolation", "shared, or strict: tenants around it may not reach its data."),
    ("data_key", "What the app's database calls its data."),
    ("upstream", "Where the app runs for it. Default: as for the tenant around it."),
    ("description", "For people."),
    (
        "retry_after",
        "While it is in maintenance its data is closed, and callers are told to come again after this: `10m`.",
    ),
    ("limits", "How much it and the tenants within it may do together."),
    ("tenants", "The tenants within it."),
];
const LIMITS: Keys = &[
    ("requests", "So many in a time: `100/s`, `6000/min`, `1000/h` or `5/day`."),
    ("burst", "So many at once after a pause. Default: the number in `requests`."),
    ("concurrent", "So many at once."),
    ("bytes", "Bytes of bodies in a day of UTC: `10GiB/day`."),
];
const CLASS: Keys = &[
    ("level", "How sensitive it is, 0 to 9. Default: that of the class around it."),
    ("mask", "What hides it. Default: that of the class around it."),
    ("detect", "Which values are of it by their form, wherever they stand in guarded and closed bodies."),
    ("unclassified", "It is what no class names, in bodies that are closed."),
    ("description", "For people."),
    ("classes", "The classes within it."),
];
const LINK: Keys = &[
    ("id", "The name of the policy that the link is."),
    ("template", "The `@id` of the template that it fills in."),
    ("principal", "What fills `?principal`, as Cedar writes entities."),
    ("resource", "What fills `?resource`, as Cedar writes entities."),
];
const ROUTE: Keys = &[
    ("method", "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS."),
    ("path", "The path, with `{parameters}`."),
    ("id", "Its name. Default: method and path."),
    ("action", "What a call attempts. Default: that of the method."),
    ("public", "Anybody may call it; its bodies carry no classified data."),
    ("data_key", "Where a request says whose data it means."),
    ("groups", "The groups of routes that it belongs to."),
    ("request", "Which classes stand where in request bodies."),
    ("response", "Which classes stand where in response bodies."),
    ("graphql", "The schema of a route of GraphQL, and what it does not say itself."),
    ("websocket", "May a request open a WebSocket? Then each message is a body."),
];
const REQUEST: Keys = &[
    ("classes", "Which class stands where: a path and a data class each."),
    ("mode", "What becomes of what no class names: open, guarded or closed."),
    ("json", "Paths to strings that hold a JSON document."),
    ("protobuf", "The message that bodies of Protocol Buffers and gRPC are."),
    ("unknown_fields", "What becomes of fields that no descriptor knows: drop or refuse."),
    ("opaque", "Content types that pass unread: the route's word that nothing stands in them."),
    ("denied", "What becomes of a field that the caller may not set: drop or refuse."),
    ("schema", "What bodies are validated against."),
];
const RESPONSE: Keys = &[
    ("classes", "Which class stands where: a path and a data class each."),
    ("mode", "What becomes of what no class names: open, guarded or closed."),
    ("json", "Paths to strings that hold a JSON document."),
    ("protobuf", "The message that bodies of Protocol Buffers and gRPC are."),
    ("unknown_fields", "What becomes of fields that no descriptor knows: drop or refuse."),
    ("opaque", "Content types that pass unread: the route's word that nothing stands in them."),
    ("rows", "Whose each row is, so that others' never leave."),
];
const MODES: &[&str] = &["open", "guarded", "closed"];
const DENIED: &[&str] = &["drop", "refuse"];
const STATUSES: &[&str] = &["active", "maintenance", "suspended", "quarantined"];
const ISOLATIONS: &[&str] = &["shared", "strict"];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn offers(desk: &Desk<'_>, page: &Page, byte: usize) -> Option<Offers> {
    let word = typed(&page.text, byte)?;
    let (keys, words) = by_place(page.kind, &word);
    // A key that has its colon already is only renamed.
    let colon = if word.role == Role::Key { "" } else { ": " };
    let key =
        |name: &str, says: &str| Offered::new(Icon::Property, name, says).writing(format!("{name}{colon}"));
    let mut found: Vec<Offered> = keys.iter().map(|(name, says)| key(name, says)).collect();
    if word.role == Role::Value {
        found
            .extend(words.iter().map(|word| Offered::new(Icon::Keyword, *word, "").writing(in_quotes(word))));
    }
    let names =
        Names::of(page.kind, &word).filter(|_| page.kind != Kind::Tenants && page.kind != Kind::Classes);
    let as_key = Names::of(page.kind, &Scalar { role: Role::Key, ..word.clone() });
    if let Some(names) = names {
        for (name, says) in names.all(desk, page) {
            found.push(Offered::new(Icon::Value, &name, says).writing(in_quotes(&name)));
        }
        if names == Names::Classes
            && ["reveal", "hide", "settable", "unsettable"].contains(word.keys().last()?)
        {
            found.push(Offered::new(Icon::Keyword, "others", "all that are not named"));
        }
    } else if let Some(names) = as_key.filter(|_| page.kind == Kind::Tests) {
        for (name, says) in names.all(desk, page) {
            let text = format!("{}{colon}", in_quotes(&name));
            found.push(Offered::new(Icon::Value, &name, says).writing(text));
        }
    }
    Some((found, word.bytes))
}

/// The keys and the words that may stand where a word does.
fn by_place(kind: Kind, word: &Scalar<'_>) -> (Vec<(&'static str, &'static str)>, Vec<&'static str>) {
    let keys = word.keys();
    let last = keys.last().copied().unwrap_or("");
    // In a tree of names every second step is a name, and its value is a map.
    let in_name = keys.len().is_multiple_of(2) && !keys.is_empty();
    match kind {
        Kind::Tests => {
            let way: Vec<_> = word.way.steps().into_iter().map(Step::key).collect();
            let offer = cases::offer(&way);
            (offer.keys, offer.words)
        }
        Kind::Tenants if last == "status" => (Vec::new(), STATUSES.to_vec()),
        Kind::Tenants if last == "isolation" => (Vec::new(), ISOLATIONS.to_vec()),
        Kind::Tenants if last == "limits" && keys.len() > 1 => (LIMITS.to_vec(), Vec::new()),
        Kind::Tenants => tree(in_name, &keys, ("tenants", TENANT)),
        Kind::Classes if last == "mask" => (Vec::new(), Mask::WRITTEN.to_vec()),
        Kind::Classes if last == "detect" => (Vec::new(), detect::Kind::ALL.map(detect::Kind::word).to_vec()),
        Kind::Classes => tree(in_name, &keys, ("classes", CLASS)),
        Kind::Links if keys == ["links"] => (LINK.to_vec(), Vec::new()),
        Kind::Routes if last == "method" => (Vec::new(), METHODS.to_vec()),
        Kind::Routes if last == "mode" => (Vec::new(), MODES.to_vec()),
        Kind::Routes if last == "denied" || last == "unknown_fields" => (Vec::new(), DENIED.to_vec()),
        Kind::Routes if keys == ["routes"] => (ROUTE.to_vec(), Vec::new()),
        Kind::Routes if keys == ["routes", "request"] => (REQUEST.to_vec(), Vec::new()),
        Kind::Routes if keys == ["routes", "response"] => (RESPONSE.to_vec(), Vec::new()),
        Kind::Links
        | Kind::Routes
        | Kind::OpenApi
        | Kind::ApiKeys
        | Kind::Policies
        | Kind::Schema
        | Kind::Other => (Vec::new(), Vec::new()),
    }
}

fn tree(
    in_name: bool,
    keys: &[&str],
    (children, known): (&'static str, Keys),
) -> (Vec<(&'static str, &'static str)>, Vec<&'static str>) {
    let is_tree = keys.iter().step_by(2).all(|key| *key == children);
    let found = if keys.is_empty() {
        vec![(children, "All of them, by name.")]
    } else if in_name && is_tree {
        known.to_vec()
    } else {
        Vec::new()
    };
    (found, Vec::new())
}

/// A name as YAML takes it.
fn in_quotes(name: &str) -> String {
    let plain = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit() || "-?!&*%@`|> ".contains(c))
        && !name.contains([':', '#', '{', '}', '[', ']', ',', '"', '\''])
        && !name.ends_with(' ')
        && !["null", "true", "false", "~"].contains(&name);
    if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Classes;
    use crate::model::RoutesBuilder;
    use crate::model::Tenants;
    use crate::problem::Problem;

    #[test]
    fn what_is_offered_as_a_key_is_one_for_the_files_reader() {
        let known = |problems: Vec<Problem>, key: &str| {
            assert!(problems.iter().all(|problem| problem.code != "unknown-key"), "`{key}`: {problems:?}");
        };
        for (key, _) in TENANT {
            known(
                Tenants::parse("t", &format!("tenants: {{a: {{{key}: }}}}")).err().unwrap_or_default(),
                key,
            );
        }
        for (key, _) in CLASS {
            known(
                Classes::parse("c", &format!("classes: {{a: {{{key}: }}}}")).err().unwrap_or_default(),
                key,
            );
        }
        let classes = Classes::parse("c", "classes: {}").unwrap();
        for (body, keys) in [("request", REQUEST), ("response", RESPONSE)] {
            for (key, _) in keys {
                let mut routes = RoutesBuilder::new();
                routes.add_yaml("r", &format!("routes: [{{{body}: {{{key}: }}}}]"), &classes);
                known(routes.finish().err().unwrap_or_default(), key);
            }
        }
        for (key, _) in ROUTE {
            let mut routes = RoutesBuilder::new();
            routes.add_yaml("r", &format!("routes: [{{{key}: }}]"), &classes);
            known(routes.finish().err().unwrap_or_default(), key);
        }
    }
}
