//! What Palisade knows of the world it stands in: the tree of tenants, the tree of data classes, the app's routes.
//!
//! Each is read from text once, checked whole, and immutable afterwards. All problems of a file are reported at once.
//! Never: opens a file, or follows a reference out of the document that it was given.

use std::sync::Arc;

mod app_keys;
mod body;
mod body_schema;
mod carried;
mod classes;
mod denied;
mod forest;
pub mod graphql;
mod key_template;
mod messages;
mod openapi;
mod params;
mod routes;
mod routes_file;
mod rows;
mod schema;
mod template;
mod tenants;
pub(crate) mod tree;

pub use body_schema::BodySchema;
pub use body_schema::Fault;
pub use carried::Carried;
pub use classes::Classes;
pub use classes::DataClass;
pub use denied::Denied;
pub use key_template::KeyTemplate;
pub use key_template::KeyUnresolved;
pub use params::Params;
pub use routes::Found;
pub use routes::Route;
pub use routes::RouteIx;
pub use routes::Routes;
pub use routes::RoutesBuilder;
pub use rows::NamedBy;
pub use rows::RowOwner;
pub use rows::Rows;
pub use tenants::Account;
pub use tenants::AccountIx;
pub use tenants::Isolation;
pub use tenants::Quota;
pub use tenants::Quotas;
pub use tenants::Rate;
pub use tenants::Status;
pub use tenants::Tenant;
pub use tenants::TenantIx;
pub use tenants::Tenants;

/// The world of one snapshot. Snapshots share those of its parts that no edit between them touched.
#[derive(Debug)]
pub struct Model {
    /// The tree of tenants.
    pub tenants: Arc<Tenants>,
    /// The tree of data classes.
    pub classes: Arc<Classes>,
    /// The app's routes.
    pub routes: Arc<Routes>,
}

impl Model {
    /// A model of these parts.
    #[must_use]
    pub fn new(tenants: Tenants, classes: Classes, routes: Routes) -> Self {
        Self { tenants: Arc::new(tenants), classes: Arc::new(classes), routes: Arc::new(routes) }
    }
}
