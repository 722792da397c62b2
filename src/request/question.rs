//! One question put by hand: `eval` and test files ask what would become of a request, without sending it.
//!
//! It is answered by the steps that a request takes: its path in normal form, every source that names a tenant, the
//! route, the DataKey, the policies, the masks and the plans. Only what a connection brings is left out: a credential is
//! not verified, the principal is given; headers are those that a question has a word for.
//! Never: lets anything through. Nothing here can make a permit.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::Method;

use crate::identity::Auth;
use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::Carried;
use crate::model::Denied;
use crate::model::Found;
use crate::model::KeyTemplate;
use crate::model::Model;
use crate::model::Params;
use crate::model::Route;
use crate::model::RouteIx;
use crate::model::TenantIx;
use crate::policy::Facts;
use crate::policy::Memory;
use crate::policy::Verdict;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::request::authorized;
use crate::request::inbound::Inbound;
use crate::request::plans::Plans;
use crate::request::refusal::Refusal;
use crate::request::target;
use crate::request::target::Host;
use crate::request::target::Unclear;
use crate::snapshot::Snapshot;
use crate::tenancy;
use crate::tenancy::Disagreement;
use crate::tenancy::Named;
use crate::tenancy::Places;
use crate::tenancy::Source;
use crate::tenancy::Tenancy;

/// A request as somebody describes it.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who calls; nobody may call public routes only.
    pub principal: Option<Arc<Principal>>,
    /// What is called.
    pub call: Call,
    /// The request's method, where it is another than the call says.
    pub method: Option<Method>,
    /// What is attempted, where it depends on more than the route: on a document of GraphQL.
    pub action: Option<Action>,
    /// The tenant whose data is meant, as the header for it would name it. `None`: the caller's own.
    pub target: Option<TenantPath>,
    /// The DataKey, in place of what the route says.
    pub data_key: Option<DataKey>,
    /// What the caller says the data is for.
    pub purpose: Option<String>,
    /// The host that the request names.
    pub host: Option<String>,
    /// Where the connection comes from.
    pub source_ip: Option<IpAddr>,
    /// The time of the request, in milliseconds since 1970.
    pub now_ms: u64,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// This path, with its query; the route is found as in serving.
    Path(Method, String),
    /// The route of this id.
    Route(String),
    /// No route: an action, on data of these classes.
    Action(Action, Vec<String>),
}

/// Why a question makes no sense in this snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unasked {
    /// There is no route of this id.
    NoSuchRoute(String),
    /// There is no data class of this name.
    NoSuchClass(String),
}

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put<T> {
    /// It is refused before any policy is asked.
    Refused(Refusal),
    /// Its route is public: no policy is asked.
    Public(Box<str>),
    /// The policies decide; this is what was made of its facts.
    Asked(T),
}

/// What the policies say to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// May it happen?
    pub verdict: Verdict,
    /// If it may: each class of data that its bodies may carry.
    pub classes: Vec<Shown>,
}

/// What a caller sees of one class of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The class.
    pub class: ClassIx,
    /// May the caller see it?
    pub verdict: Verdict,
    /// What stands in its place, if not.
    pub mask: Option<Mask>,
    /// May the caller set it? `None` where the request's body does not carry it.
    pub set: Option<MaySet>,
}

/// May a caller set data of one class?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaySet {
    /// What the policies say.
    pub verdict: Verdict,
    /// It may: they allow it, and the class is not hidden by a mask that cannot be told from a value.
    pub may: bool,
}

impl Judgement {
    /// How the request ends, where it is not allowed.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        refused(&self.verdict)
    }

    /// Whose rows of the answer the caller sees, where rows say whose they are.
    #[must_use]
    pub fn owner(&self, snapshot: &Snapshot, facts: &Facts<'_>) -> Option<Arc<dyn Owns>> {
        authorized::owner_of_rows(snapshot, facts.route, facts.target, facts.data_key)
    }

    /// What becomes of its request's body, and the plan for that of its response.
    #[must_use]
    pub fn bodies(&self, snapshot: &Snapshot, facts: &Facts<'_>) -> (Inbound, Arc<Plan>) {
        let masked = |shown: &Shown| Some((shown.class, shown.mask.clone()?));
        let hidden: Vec<(ClassIx, Mask)> = self.classes.iter().filter_map(masked).collect();
        let denied = |shown: &&Shown| shown.set.as_ref().is_some_and(|set| !set.may);
        let denied: Vec<ClassIx> = self.classes.iter().filter(denied).map(|shown| shown.class).collect();
        let carried = Carried::by(facts.route);
        let both = Plans::default().hiding(&hidden, &denied, (facts.route, &carried), facts.target, snapshot);
        (Inbound::new(&both, facts.route.schema.as_ref()), both.response)
    }
}

/// How a request ends that the policies say this to, where it is not allowed.
#[must_use]
pub fn refused(verdict: &Verdict) -> Option<Refusal> {
    authorized::refusal(verdict)
}

/// Asks the policies about a request, and about each class of data in its bodies if it is allowed.
#[must_use]
pub fn judge(snapshot: &Snapshot, facts: &Facts<'_>) -> Judgement {
    let (model, policies) = (snapshot.model(), snapshot.policies());
    // What a memory keeps, it keeps by the route's index, and a route that was made for a question has none.
    let mut memory = Memory::new();
    let asked = policies.ask(model, facts, &mut memory);
    let verdict = asked.decide();
    let carried = facts.route.classes.iter().filter(|_| verdict.allowed);
    let shown = carried.filter_map(|class| {
        let known = model.classes.get(*class)?;
        let verdict = asked.reveal(*class);
        let mask = (!verdict.allowed).then(|| policies.hiding(&verdict, known));
        let set = facts.route.request_classes.contains(class).then(|| {
            let (verdict, may) = authorized::may_set(&asked, *class, mask.as_ref());
            MaySet { verdict, may }
        });
        Some(Shown { class: *class, verdict, mask, set })
    });
    let classes = shown.collect();
    drop(asked);
    Judgement { verdict, classes }
}

/// The code of every refusal that a question can end in.
#[must_use]
pub fn codes() -> [&'static str; 14] {
    [
        Refusal::Unclear(Unclear::Path),
        Refusal::Unclear(Unclear::Query),
        Refusal::Unclear(Unclear::Host),
        Refusal::Unidentified,
        Refusal::BadTenantName,
        Refusal::Tenancy(Disagreement::NoTenant),
        Refusal::Tenancy(Disagreement::Unknown(Source::Claim)),
        Refusal::DataKeyElsewhere,
        Refusal::NoRoute,
        Refusal::MethodNotAllowed("".into()),
        Refusal::BadDataKey,
        Refusal::Maintenance(1),
        Refusal::Denied,
        Refusal::PolicyError,
    ]
    .map(|refusal| refusal.row().code)
}

impl Question {
    /// Works out what the policies would be asked, and hands it on.
    ///
    /// # Errors
    /// When the question names a route or a class that there is not.
    pub fn put<T>(&self, snapshot: &Snapshot, then: impl FnOnce(&Facts<'_>) -> T) -> Result<Put<T>, Unasked> {
        // In the order of serving, for the first refusal is the one that a caller gets.
        let (host, path, query) = match self.target() {
            Ok(target) => target,
            Err(refusal) => return Ok(Put::Refused(refusal)),
        };
        let made;
        let taken = match self.route(snapshot.model(), &path)? {
            Taken::Known(route, _) if route.public => return Ok(Put::Public(route.id.clone())),
            Taken::Known(route, params) => Ok((route, params)),
            Taken::Made(route) => {
                made = route;
                Ok((&*made, Params::none()))
            }
            Taken::None(refusal) => Err(refusal),
        };
        Ok(match self.facts(snapshot, taken, &host.name, &path, query.as_deref(), then) {
            Ok(made) => Put::Asked(made),
            Err(refusal) => Put::Refused(refusal),
        })
    }

    fn facts<T>(
        &self,
        snapshot: &Snapshot,
        taken: Result<(&Route, Params<'_>), Refusal>,
        host: &str,
        path: &str,
        query: Option<&str>,
        then: impl FnOnce(&Facts<'_>) -> T,
    ) -> Result<T, Refusal> {
        let principal = self.principal.as_ref().ok_or(Refusal::Unidentified)?;
        let named = self.named(snapshot, principal, host, path)?;
        let tenancy = agreed(snapshot, &named)?;
        let (route, params) = taken?;
        let (data_key, target) = self.data_key(snapshot, route, &params, query, &named, tenancy)?;
        let method = self.method.as_ref().unwrap_or(match &self.call {
            Call::Path(method, _) => method,
            Call::Route(_) | Call::Action(..) => &route.method,
        });
        Ok(then(&Facts {
            principal,
            caller: tenancy.caller,
            target,
            action: self.action.filter(|_| route.graphql.is_some()).unwrap_or(route.action),
            route,
            data_key: &data_key,
            method,
            path,
            host,
            purpose: self.purpose.as_deref(),
            source_ip: self.source_ip,
            now_ms: self.now_ms,
        }))
    }

    /// Host and path in their one form, and the query.
    fn target(&self) -> Result<(Host, String, Option<String>), Refusal> {
        let host = target::host(self.host.as_deref().unwrap_or("localhost")).map_err(Refusal::Unclear)?;
        let Call::Path(_, text) = &self.call else { return Ok((host, "/".to_owned(), None)) };
        let (path, query) = text.split_once('?').map_or((&**text, None), |(path, query)| (path, Some(query)));
        if let Some(query) = query {
            target::check_query(query).map_err(Refusal::Unclear)?;
        }
        let path = target::normal_path(path).map_err(Refusal::Unclear)?.unwrap_or_else(|| path.to_owned());
        Ok((host, path, query.map(str::to_owned)))
    }

    fn route<'a>(&self, model: &'a Model, path: &'a str) -> Result<Taken<'a>, Unasked> {
        match &self.call {
            Call::Route(id) => match model.routes.iter().find(|(_, route)| *route.id == **id) {
                Some((_, route)) => Ok(Taken::Known(route, Params::none())),
                None => Err(Unasked::NoSuchRoute(id.clone())),
            },
            Call::Path(method, _) => Ok(match model.routes.find(method, path) {
                Found::Route(route, params) => Taken::Known(route, params),
                Found::OtherMethod(methods) => Taken::None(authorized::other_method(&methods)),
                Found::None => Taken::None(Refusal::NoRoute),
            }),
            Call::Action(action, classes) => made(model, *action, classes).map(Taken::Made),
        }
    }

    /// Every source that names a tenant.
    fn named(
        &self,
        snapshot: &Snapshot,
        principal: &Principal,
        host: &str,
        path: &str,
    ) -> Result<Vec<Named>, Refusal> {
        let tenant = principal.tenant.clone().ok_or(Refusal::Tenancy(Disagreement::NoTenant))?;
        let source = match principal.auth {
            Auth::Jwt { .. } => Source::Claim,
            Auth::ApiKey { .. } => Source::ApiKey,
            Auth::Spiffe { .. } => Source::Workload,
        };
        let mut named = vec![Named { source, tenant }];
        // Who describes a request without its host does not mean a host that names nobody.
        let Places { host_suffix, path: in_path, .. } = snapshot.places();
        let host_suffix = host_suffix.clone().filter(|_| self.host.is_some());
        let places = Places { header: None, host_suffix, path: in_path.clone() };
        let heard = tenancy::targets(&places, host, path, &HeaderMap::new());
        named.extend(heard.map_err(|_| Refusal::BadTenantName)?);
        let tenants = &snapshot.model().tenants;
        let owner = || tenants.owner(self.data_key.as_ref()?).map(|owner| tenants.get(owner).path.clone());
        // Whoever names a DataKey and no tenant means the one that owns it.
        let target = self.target.clone().or_else(owner);
        named.extend(target.map(|tenant| Named { source: Source::Header, tenant }));
        Ok(named)
    }

    fn data_key(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        params: &Params<'_>,
        query: Option<&str>,
        named: &[Named],
        tenancy: Tenancy,
    ) -> Result<(DataKey, TenantIx), Refusal> {
        let tenants = &snapshot.model().tenants;
        let data_key = match &self.data_key {
            Some(key) => key.clone(),
            None => {
                let of = &tenants.get(tenancy.target).path;
                let resolved = route.data_key.resolve(of, params, query, &HeaderMap::new());
                resolved.map_err(|_| Refusal::BadDataKey)?
            }
        };
        let owner = authorized::owner(tenants, &data_key, named, tenancy)?;
        Ok((data_key, owner))
    }
}

fn agreed(snapshot: &Snapshot, named: &[Named]) -> Result<Tenancy, Refusal> {
    let model = snapshot.model();
    let pathway = |caller, target| snapshot.policies().explains(model, caller, target);
    tenancy::agree(named, &model.tenants, pathway).map_err(Refusal::Tenancy)
}

/// The route that a question takes.
enum Taken<'a> {
    Known(&'a Route, Params<'a>),
    Made(Box<Route>),
    None(Refusal),
}

/// A route that stands in no file, for a question about an action and classes alone.
fn made(model: &Model, action: Action, names: &[String]) -> Result<Box<Route>, Unasked> {
    let mut classes = Vec::new();
    for name in names {
        classes.push(model.classes.find(name).ok_or_else(|| Unasked::NoSuchClass(name.clone()))?);
    }
    classes.sort_unstable();
    classes.dedup();
    let level = classes.iter().filter_map(|class| model.classes.get(*class)).map(|class| class.level).max();
    Ok(Box::new(Route {
        ix: RouteIx(u32::MAX),
        public: false,
        id: "eval".into(),
        method: Method::GET,
        template: "/".into(),
        action,
        data_key: KeyTemplate::default(),
        audiences: Vec::new(),
        groups: Vec::new(),
        request: None,
        response: None,
        response_classes: classes.clone(),
        request_classes: Vec::new(),
        classes,
        level: level.unwrap_or(0),
        denied: Denied::default(),
        schema: None,
        rows: None,
        graphql: None,
        websocket: false,
    }))
}
