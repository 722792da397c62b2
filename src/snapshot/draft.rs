//! From files to a snapshot: everything is checked, and every problem of every part is reported at once.
//!
//! Never: lets a part through because another was worse, or checks a part against a broken one: those problems would
//! only repeat the first ones.

use std::sync::Arc;

use crate::identity::Issuer;
use crate::identity::Keyring;
use crate::identity::Signer;
use crate::model::Classes;
use crate::model::Model;
use crate::model::Routes;
use crate::model::RoutesBuilder;
use crate::model::Tenants;
use crate::policy;
use crate::policy::Hands;
use crate::policy::Policies;
use crate::problem::Problem;
use crate::problem::Severity;

use super::MaskKeys;
use super::Role;
use super::Settings;
use super::Shards;
use super::Snapshot;
use super::SourceFile;
use super::Sources;
use super::UnknownRoute;

/// The files of a snapshot that nobody has checked yet.
#[derive(Debug)]
pub struct Draft {
    /// The files.
    pub sources: Sources,
    /// What of the configuration takes part in decisions.
    pub settings: Arc<Settings>,
    /// What went wrong when the files were read. One error here, and the draft is refused whatever else it says.
    pub problems: Vec<Problem>,
}

/// A snapshot that has been checked whole and may go live.
#[derive(Debug)]
pub struct Checked(Snapshot);

impl Checked {
    /// What is worth a look in the files.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.0.warnings
    }

    /// The snapshot, to look at before it goes live: `check` and `eval` need no more.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.0
    }

    pub(super) fn into_snapshot(self, generation: u64) -> Snapshot {
        Snapshot { generation, ..self.0 }
    }
}

/// What a check finds.
struct Found {
    all: Vec<Problem>,
    /// What the tenants' file says beside errors.
    of_tenants: Arc<[Problem]>,
}

/// Are the keys of masks among the files?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// They are, or what needs them is a problem.
    Needed,
    /// No: the files were kept without them, and nothing is masked by what is made of them.
    Absent,
}

/// What a check may start from, and who does it.
#[derive(Clone, Copy)]
struct After<'a> {
    before: Option<&'a Snapshot>,
    hands: &'a dyn Hands,
}

/// The routes of a path that no file names: met where no other is, without data classes.
const EVERY_OTHER_PATH: &str = "routes:
- {method: GET, path: '/{*rest}', id: unknown GET}
- {method: POST, path: '/{*rest}', id: unknown POST}
- {method: PUT, path: '/{*rest}', id: unknown PUT}
- {method: PATCH, path: '/{*rest}', id: unknown PATCH}
- {method: DELETE, path: '/{*rest}', id: unknown DELETE}
- {method: OPTIONS, path: '/{*rest}', id: unknown OPTIONS}
";

impl Draft {
    /// Checks everything.
    ///
    /// # Errors
    /// Every problem of every file, warnings among them, in the order of the files.
    pub fn check(self, loaded_at_ms: u64) -> Result<Checked, Vec<Problem>> {
        self.check_after(None, &policy::Alone, loaded_at_ms)
    }

    /// The same, at the cost of what changed: what the snapshot before says of files that are as they were is taken
    /// over. What comes out is what [`Draft::check`] says, whatever was before and whoever does it.
    ///
    /// # Errors
    /// Every problem of every file, warnings among them, in the order of the files.
    pub fn check_after(
        self,
        before: Option<&Snapshot>,
        hands: &dyn Hands,
        loaded_at_ms: u64,
    ) -> Result<Checked, Vec<Problem>> {
        self.checked(before, hands, Secrets::Needed, loaded_at_ms).map(Checked)
    }

    /// Checks everything but that masks have their keys.
    pub(super) fn checked(
        mut self,
        before: Option<&Snapshot>,
        hands: &dyn Hands,
        secrets: Secrets,
        loaded_at_ms: u64,
    ) -> Result<Snapshot, Vec<Problem>> {
        let after = After { before, hands };
        if let Some(before) = before {
            self.sources = self.sources.sharing(&before.sources);
        }
        let mut found = Found { all: std::mem::take(&mut self.problems), of_tenants: Arc::new([]) };
        let keyring = self.keyring(before, &mut found.all);
        let signer = self.signer(&mut found.all);
        let model = self.model(before, &mut found);
        let keys = self.mask_keys(before, model.as_ref(), &mut found.all);
        let Found { all: mut found, of_tenants } = found;
        let policies = match &model {
            Some(model) => {
                let policies = self.policies(model, after, &mut found);
                match secrets {
                    Secrets::Needed => self.masks(model, policies.as_ref(), &keys, &mut found),
                    Secrets::Absent => {}
                }
                policies
            }
            None => {
                self.policies_alone(after, &mut found);
                None
            }
        };
        let shards = model
            .as_ref()
            .map(|model| Shards::find(&model.tenants, self.settings.upstreams.as_deref(), &mut found));
        found.sort_by(|a, b| a.place.cmp(&b.place));
        found.dedup();
        let (Some(model), Some(policies), Some(keyring), Some(shards)) = (model, policies, keyring, shards)
        else {
            return Err(found);
        };
        if !self.sources.unread.is_empty() || found.iter().any(|problem| problem.severity == Severity::Error)
        {
            return Err(found);
        }
        Ok(Snapshot {
            generation: 0,
            digest: self.sources.digest(&self.settings),
            loaded_at_ms,
            model: Arc::new(model),
            policies: Arc::new(policies),
            keyring,
            settings: self.settings,
            warnings: found,
            of_tenants,
            sources: self.sources,
            mask_keys: keys,
            signer,
            shards,
        })
    }

    /// The model alone, where it has no problem: for what is checked beside a snapshot that is broken elsewhere.
    #[must_use]
    pub fn model_alone(&self) -> Option<Model> {
        self.model(None, &mut Found { all: Vec::new(), of_tenants: Arc::new([]) })
    }

    /// Without a model the policies are still read, so that their own problems are reported with the model's; only
    /// whether what they name exists cannot be said.
    fn policies_alone(&self, after: After<'_>, found: &mut Vec<Problem>) {
        const OF_NAMES: [&str; 5] =
            ["unknown-tenant", "unknown-data-key", "unknown-class", "unknown-route", "unknown-route-group"];
        let tenants =
            Tenants::parse("", "tenants: {nobody: {region: none, tier: none}}\n").map(|(tenants, _)| tenants);
        let classes = Classes::parse("", "classes: {}\n");
        let (Ok(tenants), Ok(classes), Ok(routes)) = (tenants, classes, RoutesBuilder::new().finish()) else {
            return;
        };
        let mut of_policies = Vec::new();
        self.policies(&Model::new(tenants, classes, routes), after, &mut of_policies);
        found.extend(of_policies.into_iter().filter(|problem| !OF_NAMES.contains(&problem.code)));
    }

    fn files(&self, role: &Role) -> impl Iterator<Item = &SourceFile> {
        self.sources.files().iter().filter(move |source| source.role == *role)
    }

    fn keyring(&self, before: Option<&Snapshot>, found: &mut Vec<Problem>) -> Option<Arc<Keyring>> {
        let of_keys = |role: &Role| matches!(role, Role::Jwks(_) | Role::ApiKeys);
        let same = self.unless_edited(before, of_keys);
        if let Some(before) = same.filter(|before| Arc::ptr_eq(&before.settings, &self.settings)) {
            found.extend_from_slice(before.keyring.warnings());
            return Some(Arc::clone(&before.keyring));
        }
        let all = 0..self.settings.issuers.len();
        if !all.map(Role::Jwks).chain([Role::ApiKeys]).all(|role| self.sources.is_whole(&role)) {
            return None;
        }
        let text =
            |at| self.files(&Role::Jwks(at)).next().map_or("".into(), |source| Arc::clone(&source.text));
        let issuers = self.settings.issuers.iter().enumerate();
        let issuers: Vec<Issuer> =
            issuers.map(|(at, issuer)| Issuer { jwks: text(at), ..issuer.clone() }).collect();
        let api_keys = self.files(&Role::ApiKeys).next().map(|source| (&*source.file, &*source.text));
        let keyring = collect(Keyring::build(&issuers, api_keys), found)?;
        found.extend_from_slice(keyring.warnings());
        Some(Arc::new(keyring))
    }

    fn signer(&self, found: &mut Vec<Problem>) -> Option<Arc<Signer>> {
        let source = self.files(&Role::AssertionKeys).next()?;
        Signer::read(&source.file, &source.text).map_err(|problem| found.push(problem)).ok().map(Arc::new)
    }

    fn mask_keys(
        &self,
        before: Option<&Snapshot>,
        model: Option<&Model>,
        found: &mut Vec<Problem>,
    ) -> Arc<MaskKeys> {
        // A snapshot has no problem in them.
        match self.unless_edited(before, |role| role.is_secret() || *role == Role::Tenants) {
            Some(before) => Arc::clone(&before.mask_keys),
            None => Arc::new(MaskKeys::read(&self.sources, model.map(|model| &*model.tenants), found)),
        }
    }

    fn model(&self, before: Option<&Snapshot>, found: &mut Found) -> Option<Model> {
        let tenants = self.tenants(before, found);
        let same = self.unless_edited(before, |role| *role == Role::Classes);
        let classes = match (same, self.files(&Role::Classes).next()) {
            (Some(before), _) => Some(Arc::clone(&before.model.classes)),
            (None, Some(source)) => {
                collect(Classes::parse(&source.file, &source.text), &mut found.all).map(Arc::new)
            }
            (None, None) if self.sources.is_whole(&Role::Classes) => {
                collect(Classes::parse("classes", "classes: {}\n"), &mut found.all).map(Arc::new)
            }
            (None, None) => None,
        };
        let of_routes = |role: &Role| {
            matches!(role, Role::Classes | Role::Routes | Role::OpenApi | Role::Descriptors | Role::GraphQl)
        };
        let same = self.unless_edited(before, of_routes);
        let same = same.filter(|before| before.settings.unknown_route == self.settings.unknown_route);
        let routes = match same {
            Some(before) => Some(Arc::clone(&before.model.routes)),
            None => classes.as_ref().and_then(|classes| self.routes(classes, &mut found.all)).map(Arc::new),
        };
        found.all.extend(routes.iter().flat_map(|routes| routes.warnings()).cloned());
        Some(Model { tenants: tenants?, classes: classes?, routes: routes? })
    }

    fn tenants(&self, before: Option<&Snapshot>, found: &mut Found) -> Option<Arc<Tenants>> {
        let source = self.files(&Role::Tenants).next()?;
        let (tenants, warnings) = match self.unless_edited(before, |role| *role == Role::Tenants) {
            Some(before) => (Arc::clone(&before.model.tenants), Arc::clone(&before.of_tenants)),
            None => {
                let read = collect(Tenants::parse(&source.file, &source.text), &mut found.all)?;
                (Arc::new(read.0), read.1.into())
            }
        };
        found.all.extend(warnings.iter().cloned());
        found.of_tenants = warnings;
        Some(tenants)
    }

    /// The snapshot before, where each file of these roles is what it was made of.
    fn unless_edited<'b>(
        &self,
        before: Option<&'b Snapshot>,
        roles: impl Fn(&Role) -> bool,
    ) -> Option<&'b Snapshot> {
        let wanted = |source: &&SourceFile| roles(&source.role);
        let is_whole = !self.sources.unread.iter().any(&roles);
        before.filter(|before| {
            let (now, then) = (self.sources.files.iter(), before.sources.files.iter());
            is_whole && now.filter(wanted).eq(then.filter(wanted))
        })
    }

    fn routes(&self, classes: &Classes, found: &mut Vec<Problem>) -> Option<Routes> {
        let mut builder = RoutesBuilder::new();
        for source in self.files(&Role::Descriptors) {
            builder.add_descriptors(&source.file, &source.text, classes);
        }
        for source in self.files(&Role::GraphQl) {
            builder.add_graphql(&source.name, &source.file, &source.text, classes);
        }
        for source in self.files(&Role::Routes) {
            builder.add_yaml(&source.file, &source.text, classes);
        }
        for source in self.files(&Role::OpenApi) {
            builder.add_openapi(&source.file, &source.text, classes);
        }
        match self.settings.unknown_route {
            UnknownRoute::Decide => builder.add_yaml("model.unknown_route", EVERY_OTHER_PATH, classes),
            UnknownRoute::Refuse => {}
        }
        let is_whole = self.sources.is_whole(&Role::GraphQl);
        let routes = builder.finish().map_err(|mut problems| {
            // That a schema could not be read has been told.
            problems.retain(|problem| is_whole || problem.code != "unknown-graphql-schema");
            problems
        });
        let routes = collect(routes, found)?;
        let roles = [Role::Routes, Role::OpenApi, Role::Descriptors, Role::GraphQl];
        roles.iter().all(|role| self.sources.is_whole(role)).then_some(routes)
    }

    /// Where the mask of a class or of a policy needs a key each tenant must have one.
    fn masks(&self, model: &Model, policies: Option<&Policies>, keys: &MaskKeys, found: &mut Vec<Problem>) {
        if ![Role::PseudonymKey, Role::TenantKeys].iter().all(|role| self.sources.is_whole(role)) {
            return;
        }
        let why = match keys.tenant_without(&model.tenants) {
            None if !keys.is_empty() => return,
            Some(tenant) if !keys.is_empty() => format!("no file has keys of `{tenant}` to make it with"),
            Some(_) | None => "there is no secret to make it with".to_owned(),
        };
        let class = model.classes.iter().map(|(_, class)| class).find(|class| class.mask.needs_key());
        let of_class = class.map(|class| (format!("class `{}`", class.name), &class.mask, &class.place));
        let of_policy = policies.and_then(Policies::masks_with_key);
        let of_policy = of_policy.map(|(mask, place)| ("what this policy hides".to_owned(), mask, place));
        for (what, mask, place) in of_class.into_iter().chain(of_policy) {
            let message = format!("{what} is masked by `{mask}`, but {why}");
            let problem = Problem::error("no-secret", place.clone(), message);
            found
                .push(problem.hint("name a file in `redaction.pseudonym_key_file` or `redaction.key_files`"));
        }
    }

    fn policies(&self, model: &Model, after: After<'_>, found: &mut Vec<Problem>) -> Option<Policies> {
        // A schema that could not be read has been reported.
        let schema = self.sources.schema()?;
        let (sources, before) = (self.sources.policies(), after.before.map(Snapshot::policies));
        collect_warned(Policies::compile_after(before, after.hands, &schema, &sources, model), found)
    }
}

fn collect<T>(result: Result<T, Vec<Problem>>, found: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|problems| found.extend(problems)).ok()
}

fn collect_warned<T>(result: Result<(T, Vec<Problem>), Vec<Problem>>, found: &mut Vec<Problem>) -> Option<T> {
    let (value, warnings) = collect(result, found)?;
    found.extend(warnings);
    Some(value)
}
