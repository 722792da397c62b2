//! What the policies say to one use: as to a request of that caller, and then to seeing each class.
//!
//! Never: decides in a way of its own.

use std::sync::Arc;

use crate::cli::facts;
use crate::cli::facts::Asking;
use crate::ids::TenantPath;
use crate::model::Route;
use crate::policy::Facts;
use crate::policy::PolicyIx;
use crate::redact::ClassIx;
use crate::redact::Shape;
use crate::request::Refusal;
use crate::request::question;
use crate::request::question::Put;
use crate::snapshot::Snapshot;

use super::Arguments;

/// What the policies say.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Whose data it is; nothing where the request is refused before that is known.
    pub(super) tenant: Option<TenantPath>,
    pub(super) data_key: Option<String>,
    pub(super) route: Option<String>,
    /// The code of the refusal, where the request itself is refused.
    pub(super) code: Option<&'static str>,
    pub(super) classes: Vec<Class>,
    /// What stands where in the answer of the route.
    pub(super) shape: Option<Arc<Shape>>,
    /// The policies that decided over the request, or if that is allowed over its classes.
    pub(super) reasons: Vec<String>,
}

/// One class that is asked about.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) ix: ClassIx,
    pub(super) name: String,
    is_seen: bool,
}

impl Asked {
    /// May anything be turned back?
    pub(super) fn may(&self) -> bool {
        self.seen().next().is_some()
    }

    /// The classes that the caller may see.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Class> {
        self.classes.iter().filter(|class| class.is_seen && self.code.is_none())
    }

    /// The same, where it is of another tenant than is meant: nothing of it counts.
    fn without_any(mut self) -> Self {
        self.classes.iter_mut().for_each(|class| class.is_seen = false);
        self
    }

    /// Why nothing may be turned back.
    pub(super) fn denial(&self) -> String {
        match self.code {
            Some(code) => {
                format!(
                    "nothing is turned back: what reads the data is refused with `{code}`; `eval` says why"
                )
            }
            None => {
                let names: Vec<&str> = self.classes.iter().map(|class| class.name.as_str()).collect();
                format!(
                    "nothing is turned back: the caller may not see `{}`; `explain` says why",
                    names.join("`, `")
                )
            }
        }
    }
}

/// Asks: on the route that is named, or on each that carries the class, until the caller may see it on one.
///
/// # Errors
/// What makes no sense.
pub(super) fn ask(snapshot: &Snapshot, arguments: &Arguments) -> Result<Asked, String> {
    if arguments.asking.now.is_some() {
        return Err("values are turned back now: `--now` is for questions".to_owned());
    }
    if !arguments.asking.classes.is_empty() {
        return Err("name one class with `--class`".to_owned());
    }
    let classes = &snapshot.model().classes;
    let Some(name) = &arguments.class else { return one(snapshot, &arguments.asking, None) };
    let names = || classes.iter().map(|(_, class)| class.name.as_str());
    let class = classes.find(name).ok_or_else(|| facts::unknown("data class", name, names()))?;
    let asking = Asking { classes: vec![name.clone()], ..arguments.asking.clone() };
    if asking.says_call() { one(snapshot, &asking, Some(class)) } else { any(snapshot, &asking, class) }
}

/// On any route that carries the class; where none does, the action `read` stands for one.
fn any(snapshot: &Snapshot, asking: &Asking, class: ClassIx) -> Result<Asked, String> {
    let carries = |route: &&Route| !route.public && route.response_classes.contains(&class);
    let routes = snapshot.model().routes.iter().map(|(_, route)| route).filter(carries);
    let meant = asking.target.as_ref().or(asking.tenant.as_ref());
    let mut denied = None;
    for route in routes {
        let on_route = Asking { route: Some(route.id.to_string()), ..asking.clone() };
        let mut asked = one(snapshot, &on_route, Some(class))?;
        if asked.code == Some(Refusal::BadDataKey.row().code) && asking.data_key.is_none() {
            // Its DataKey hangs on the path: that of the tenant itself stands for all.
            asked = one(snapshot, &Asking { data_key: meant.cloned(), ..on_route }, Some(class))?;
        }
        let is_of_meant = asking.data_key.is_some()
            || asked.tenant.as_ref().map(TenantPath::as_str) == meant.map(String::as_str);
        if asked.may() && is_of_meant {
            return Ok(asked);
        }
        // That the class is not shown says more than that the request is refused.
        if denied.as_ref().is_none_or(|known: &Asked| known.code.is_some()) {
            denied = Some(asked);
        }
    }
    match denied {
        Some(denied) => Ok(denied.without_any()),
        None => one(snapshot, &Asking { action: Some("read".to_owned()), ..asking.clone() }, Some(class)),
    }
}

/// On the route or action that is named.
fn one(snapshot: &Snapshot, asking: &Asking, class: Option<ClassIx>) -> Result<Asked, String> {
    if !asking.says_call() {
        return Err("say which answer it is: `--route`, or `--method` and `--path`".to_owned());
    }
    match facts::put(asking, snapshot, |facts| asked(snapshot, facts, class))? {
        Put::Asked(asked) => asked,
        Put::Public(route) => Err(format!("`{route}` is public: nothing in it is classified")),
        Put::Refused(refusal) => Ok(Asked { code: Some(refusal.row().code), ..Asked::default() }),
    }
}

fn asked(snapshot: &Snapshot, facts: &Facts<'_>, class: Option<ClassIx>) -> Result<Asked, String> {
    let model = snapshot.model();
    let judgement = question::judge(snapshot, facts);
    let code = judgement.refusal().map(|refusal| refusal.row().code);
    let mut verdicts = vec![&judgement.verdict];
    let mut classes = Vec::new();
    if code.is_none() {
        let wanted =
            |ix: ClassIx| class.is_none_or(|class| class == ix) && facts.route.response_classes.contains(&ix);
        let asked: Vec<_> = judgement.classes.iter().filter(|shown| wanted(shown.class)).collect();
        for shown in &asked {
            let Some(known) = model.classes.get(shown.class) else { continue };
            classes.push(Class {
                ix: shown.class,
                name: known.name.to_string(),
                is_seen: shown.mask.is_none(),
            });
        }
        if classes.is_empty() {
            return Err(format!("nothing of that class stands in the answers of `{}`", facts.route.id));
        }
        verdicts = asked.iter().map(|shown| &shown.verdict).collect();
    }
    let named = verdicts.iter().flat_map(|verdict| verdict.reasons.iter().chain(&verdict.errors));
    let id = |policy: &PolicyIx| snapshot.policies().id(*policy).to_owned();
    let mut reasons: Vec<String> = named.map(id).collect();
    reasons.sort();
    reasons.dedup();
    Ok(Asked {
        tenant: Some(model.tenants.get(facts.target).path.clone()),
        data_key: Some(facts.data_key.to_string()),
        route: Some(facts.route.id.to_string()),
        code,
        classes,
        shape: facts.route.response.clone(),
        reasons,
    })
}

#[cfg(test)]
impl Asked {
    /// A caller who may see these classes in a body of this shape.
    pub(super) fn seeing(shape: &Arc<Shape>, classes: &[(ClassIx, &str)]) -> Self {
        let class = |(ix, name): &(ClassIx, &str)| Class { ix: *ix, name: (*name).to_owned(), is_seen: true };
        Self {
            shape: Some(Arc::clone(shape)),
            classes: classes.iter().map(class).collect(),
            ..Self::default()
        }
    }
}
