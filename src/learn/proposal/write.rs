//! The proposal as a file of routes, as `palisade check` reads it, and the classes that it lacks.
//!
//! INVARIANT: what is classified stays so (`learn::tests::what_is_proposed_has_all_that_is_classified`).
//! Never: writes a value, or a class that there is not.

use crate::ids::ClassName;
use crate::learn::Side;
use crate::model::Denied;
use crate::model::Route;
use crate::redact::Classified;
use crate::redact::Mode;
use crate::redact::Shape;

use super::Choice;
use super::Line;
use super::OfBody;
use super::OfRoute;
use super::Proposal;
use super::Standing;
use super::evidence::NEW_PARENT;

const HEAD: &str = "\
# Proposed by `palisade learn`, from counts: nobody has looked at what the values mean. Read it before you use it.
# Every route is here with all paths that are classified now; `new` ones come on top. Lines that are commented out need a
# class that there is not yet. `rows`, `schema`, `json`, `protobuf` and `opaque` of the files of now are not repeated here.
";

impl Proposal<'_> {
    /// As a file of routes. It has every route of the model.
    #[must_use]
    pub fn routes_yaml(&self) -> String {
        let mut out = HEAD.to_owned();
        for concept in self.missing() {
            out.push_str(&format!(
                "# No class is for `{concept}` yet: `palisade learn --classes` prints one.\n"
            ));
        }
        out.push_str("routes:\n");
        for route in &self.routes {
            self.route(route, &mut out);
        }
        if self.routes.is_empty() {
            out.push_str("  []\n");
        }
        out
    }

    /// The classes that the proposal lacks, as a file of classes.
    #[must_use]
    pub fn classes_yaml(&self) -> String {
        if self.missing.is_empty() {
            return "# Every path that is proposed has a class.\nclasses: {}\n".to_owned();
        }
        let parent =
            ClassName::parse(NEW_PARENT).is_ok_and(|name| self.model.classes.find(name.as_str()).is_some());
        let mut out = "# Proposed by `palisade learn`: levels and masks are a guess.\nclasses:\n".to_owned();
        if !parent {
            out.push_str(&format!("  {NEW_PARENT}:\n    level: 3\n    mask: fixed\n    classes:\n"));
        }
        for concept in self.missing() {
            let (level, mask) = concept.proposed();
            let detect = concept.kind().map_or(String::new(), |kind| format!(", detect: [{kind}]"));
            let line = format!("{{level: {level}, mask: {mask}{detect}}}");
            out.push_str(&if parent {
                format!("  {NEW_PARENT}.{concept}: {line}\n")
            } else {
                format!("      {concept}: {line}\n")
            });
        }
        out
    }

    fn route(&self, of: &OfRoute<'_>, out: &mut String) {
        let route = of.route;
        let text = |text: &str| serde_json::Value::from(text).to_string();
        out.push_str(&format!("  - method: {}\n    path: {}\n", route.method, text(&route.template)));
        out.push_str(&format!("    id: {}\n    action: {}\n", text(&route.id), route.action.as_str()));
        if route.public {
            out.push_str("    public: true\n");
        }
        out.push_str(&format!("    data_key: {}\n", text(route.data_key.as_str())));
        if !route.groups.is_empty() {
            let groups: Vec<String> = route.groups.iter().map(|group| text(group)).collect();
            out.push_str(&format!("    groups: [{}]\n", groups.join(", ")));
        }
        for body in &of.bodies {
            self.body(route, body, out);
        }
    }

    fn body(&self, route: &Route, body: &OfBody, out: &mut String) {
        let shape = match body.side {
            Side::Request => route.request.as_deref(),
            Side::Response => route.response.as_deref(),
        };
        let lines = Lines { proposal: self, body, shape, is_public: route.public };
        let active = lines.active();
        let aside = lines.aside();
        let mut keys = Vec::new();
        match body.mode {
            Mode::Open => {}
            Mode::Guarded => keys.push("mode: guarded".to_owned()),
            Mode::Closed(_) => keys.push("mode: closed".to_owned()),
        }
        if body.side == Side::Request && route.denied == Denied::Refuse {
            keys.push("denied: refuse".to_owned());
        }
        if !body.json.is_empty() && !route.public {
            let paths: Vec<String> = body.json.iter().map(|path| quoted(path)).collect();
            keys.push(format!("json: [{}]", paths.join(", ")));
        }
        if !active.is_empty() {
            keys.push("classes:".to_owned());
            keys.extend(active.iter().map(|line| format!("  {line}")));
        }
        let [bodies, cut, unread] = body.bodies;
        if bodies > 0 || !keys.is_empty() {
            let parts = [(cut, "cut"), (unread, "not read")];
            let parts =
                parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
            let parts: String = parts.collect();
            out.push_str(&format!("    # {}: {bodies} seen{parts}\n", body.side.as_str()));
        }
        if !keys.is_empty() {
            out.push_str(&format!("    {}:\n", body.side.as_str()));
        }
        for key in keys {
            out.push_str(&format!("      {key}\n"));
        }
        for line in aside {
            out.push_str(&format!("    # {line}\n"));
        }
    }
}

fn quoted(path: &str) -> String {
    serde_json::Value::from(path).to_string()
}

/// The lines of one body.
struct Lines<'a> {
    proposal: &'a Proposal<'a>,
    body: &'a OfBody,
    shape: Option<&'a Shape>,
    is_public: bool,
}

impl Lines<'_> {
    /// Those that are in force: all that is classified, and what is new.
    fn active(&self) -> Vec<String> {
        let mut all = Vec::new();
        for place in self.shape.map(Shape::classified).unwrap_or_default() {
            let said = self.said_of(&place);
            // One path is of one class; other spellings of it carry further ones.
            let bare = place.path.trim_start_matches('$');
            let spellings = [place.path.clone(), bare.to_owned(), bare.trim_start_matches('.').to_owned()];
            for (class, path) in place.classes.iter().zip(spellings) {
                let name = self.proposal.name(Choice::Known(*class));
                all.push(format!("{}: {name}  # {said}", quoted(&path)));
            }
        }
        let is_new = |line: &&Line| line.standing == Standing::New && !self.is_public;
        for line in self.body.lines.iter().filter(is_new) {
            if let Some(choice @ Choice::Known(_)) = line.choice {
                let (path, name) = (quoted(&line.path), self.proposal.name(choice));
                all.push(format!("{path}: {name}  # new: {}", line.why.words()));
            }
        }
        all
    }

    /// What was seen of a place, wherever it was met.
    fn said_of(&self, place: &Classified) -> String {
        let mut met: Vec<&Line> =
            self.body.lines.iter().filter(|line| line.spot == Some(place.spot)).collect();
        met.sort_by_key(|line| line.standing);
        match met.first() {
            Some(line) if line.standing == Standing::Contradicts => {
                let class = line.choice.map_or(String::new(), |choice| self.proposal.name(choice));
                format!("contradicts: {} ({class})", line.why.words())
            }
            Some(line) if line.standing != Standing::Unseen => {
                format!("{}: {}", line.standing.word(), line.why.words())
            }
            Some(_) | None if self.body.lines.is_empty() => "no body was read".to_owned(),
            Some(_) | None => "never seen".to_owned(),
        }
    }

    /// Those that somebody has to think about.
    fn aside(&self) -> Vec<String> {
        let mut all = Vec::new();
        for line in self.body.lines.iter().filter(|line| line.standing == Standing::New) {
            let Some(choice) = line.choice else { continue };
            let (path, name) = (quoted(&line.path), self.proposal.name(choice));
            if self.is_public {
                all.push(format!("{path}: {name}  # {}, and the route is public", line.why.words()));
            } else if let Choice::Missing(_) = choice {
                all.push(format!("  {path}: {name}  # new: {}", line.why.words()));
            }
        }
        for text in &self.body.texts {
            let guarded = if self.body.mode == Mode::Open { "; `mode: guarded` looks for it" } else { "" };
            let (concept, values, of) = (text.concept, text.values, text.of);
            all.push(format!("{concept} within {values} of {of} texts of {}{guarded}", text.path));
        }
        if self.body.untold > 0 {
            all.push(format!("{} keys are in too few bodies to be told", self.body.untold));
        }
        for (what, count) in self.body.over.each().into_iter().filter(|(_, count)| *count > 0) {
            all.push(format!("over the bound of {what}: {count}"));
        }
        all
    }
}

impl super::Why {
    /// In words: `412 of 430 values: email`.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { concept, values, found, by_name } = self;
        let many = |count: u64| if count == 1 { "value" } else { "values" };
        match concept {
            None => format!("{values} {}", many(*values)),
            Some(concept) if found.values > 0 => {
                let name = if *by_name { ", and its name says so" } else { "" };
                format!("{} of {values} {}: {concept}{name}", found.values, many(*values))
            }
            Some(concept) => format!("{values} {}: {concept} by its name", many(*values)),
        }
    }
}
