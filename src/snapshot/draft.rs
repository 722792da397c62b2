//! From files to a snapshot: everything is checked, and every problem of every part is reported at once.
//!
//! Never: lets a part through because another was worse, or checks a part against a broken one: those problems would
//! only repeat the first ones.

use std::sync::Arc;

use crate::identity::Issuer;
use crate::identity::Keyring;
use crate::limits;
use crate::model::Classes;
use crate::model::Model;
use crate::model::Routes;
use crate::model::RoutesBuilder;
use crate::model::Tenants;
use crate::policy::Policies;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::redact::Mask;

use super::Role;
use super::Settings;
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
    pub fn check(mut self, loaded_at_ms: u64) -> Result<Checked, Vec<Problem>> {
        let mut found = std::mem::take(&mut self.problems);
        let keyring = self.keyring(&mut found);
        let secret = self.pseudonym_secret(&mut found);
        let model = self.model(&mut found);
        let policies = match &model {
            Some(model) => {
                self.masks(model, secret.is_some(), &mut found);
                self.policies(model, &mut found)
            }
            None => {
                self.policies_alone(&mut found);
                None
            }
        };
        found.sort_by(|a, b| a.place.cmp(&b.place));
        found.dedup();
        let (Some(model), Some(policies), Some(keyring)) = (model, policies, keyring) else {
            return Err(found);
        };
        if !self.sources.unread.is_empty() || found.iter().any(|problem| problem.severity == Severity::Error)
        {
            return Err(found);
        }
        Ok(Checked(Snapshot {
            generation: 0,
            digest: self.sources.digest(&self.settings),
            loaded_at_ms,
            model: Arc::new(model),
            policies: Arc::new(policies),
            keyring: Arc::new(keyring),
            settings: self.settings,
            warnings: found,
            sources: self.sources,
            pseudonym_secret: secret,
        }))
    }

    /// The model alone, where it has no problem: for what is checked beside a snapshot that is broken elsewhere.
    #[must_use]
    pub fn model_alone(&self) -> Option<Model> {
        self.model(&mut Vec::new())
    }

    /// Without a model the policies are still read, so that their own problems are reported with the model's; only
    /// whether what they name exists cannot be said.
    fn policies_alone(&self, found: &mut Vec<Problem>) {
        const OF_NAMES: [&str; 5] =
            ["unknown-tenant", "unknown-data-key", "unknown-class", "unknown-route", "unknown-route-group"];
        let tenants =
            Tenants::parse("", "tenants: {nobody: {region: none, tier: none}}\n").map(|(tenants, _)| tenants);
        let classes = Classes::parse("", "classes: {}\n");
        let (Ok(tenants), Ok(classes), Ok(routes)) = (tenants, classes, RoutesBuilder::new().finish()) else {
            return;
        };
        let mut of_policies = Vec::new();
        self.policies(&Model { tenants, classes, routes }, &mut of_policies);
        found.extend(of_policies.into_iter().filter(|problem| !OF_NAMES.contains(&problem.code)));
    }

    fn files(&self, role: &Role) -> impl Iterator<Item = &SourceFile> {
        self.sources.files().iter().filter(move |source| source.role == *role)
    }

    fn keyring(&self, found: &mut Vec<Problem>) -> Option<Keyring> {
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
        Some(keyring)
    }

    fn pseudonym_secret(&self, found: &mut Vec<Problem>) -> Option<Arc<str>> {
        let source = self.files(&Role::PseudonymKey).next()?;
        let secret = source.text.trim();
        if secret.len() < limits::PSEUDONYM_SECRET_BYTES_MIN {
            let least = limits::PSEUDONYM_SECRET_BYTES_MIN;
            let message = format!("the secret of pseudonyms needs at least {least} bytes");
            let problem = Problem::error("weak-secret", Place::file(Arc::clone(&source.file)), message);
            found.push(problem.hint("make one: `openssl rand -hex 32`"));
        }
        Some(secret.into())
    }

    fn model(&self, found: &mut Vec<Problem>) -> Option<Model> {
        let tenants = self.files(&Role::Tenants).next();
        let tenants =
            tenants.and_then(|source| collect_warned(Tenants::parse(&source.file, &source.text), found));
        let classes = match self.files(&Role::Classes).next() {
            Some(source) => collect(Classes::parse(&source.file, &source.text), found),
            None if self.sources.is_whole(&Role::Classes) => {
                collect(Classes::parse("classes", "classes: {}\n"), found)
            }
            None => None,
        };
        let routes = classes.as_ref().and_then(|classes| self.routes(classes, found));
        Some(Model { tenants: tenants?, classes: classes?, routes: routes? })
    }

    fn routes(&self, classes: &Classes, found: &mut Vec<Problem>) -> Option<Routes> {
        let mut builder = RoutesBuilder::new();
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
        let routes = collect(builder.finish(), found)?;
        (self.sources.is_whole(&Role::Routes) && self.sources.is_whole(&Role::OpenApi)).then_some(routes)
    }

    /// A class whose mask needs the secret must have one.
    fn masks(&self, model: &Model, secret: bool, found: &mut Vec<Problem>) {
        let wants = |mask: &Mask| matches!(mask, Mask::Pseudonym);
        let class = model.classes.iter().map(|(_, class)| class).find(|class| wants(&class.mask));
        let secret = secret || !self.sources.is_whole(&Role::PseudonymKey);
        if let Some(class) = class.filter(|_| !secret) {
            let file =
                self.files(&Role::Classes).next().map_or("classes".into(), |source| Arc::clone(&source.file));
            let message = format!(
                "class `{}` is masked by pseudonyms, but there is no secret to make them with",
                class.name
            );
            let problem = Problem::error("no-secret", Place::file(file), message);
            found.push(problem.hint("name a file in `redaction.pseudonym_key_file`"));
        }
    }

    fn policies(&self, model: &Model, found: &mut Vec<Problem>) -> Option<Policies> {
        // A schema that could not be read has been reported.
        let schema = self.sources.schema()?;
        collect_warned(Policies::compile(&schema, &self.sources.policies(), model), found)
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
