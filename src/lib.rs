//! Palisade: a policy-as-code enforcement sidecar for multi-tenant services.
//!
//! This is the map: every module, in reading order. Dependencies between them point up this list only; a test holds it.
//! [`request`] shows the life of a request on one screen, and the [`manual`] says the rest.
//!
//! | module | what it is |
//! |---|---|
//! | [`ids`] | the names that everything else speaks in: tenants, DataKeys, data classes, actions, digests |
//! | [`limits`] | every bound, with its unit and its reason |
//! | [`pem`] | the lines around a key in base64 |
//! | [`problem`] | what is wrong in a file that somebody wrote, and where |
//! | [`redact`] | JSON bodies stream through; what may not be seen is replaced |
//! | [`model`] | the tree of tenants, the tree of data classes, the app's routes |
//! | [`learn`] | what stands at which path of bodies, counted, and the classification that is proposed by it |
//! | [`identity`] | from a credential, keys and the time to who calls |
//! | [`policy`] | Cedar policies: checked, guarded, evaluated |
//! | [`tenancy`] | for which tenant a call is: every source is heard, and they must agree |
//! | [`quota`] | what tenants have used of what they may |
//! | [`audit`] | the record of what was decided: its fields, its encoding, what "written" means |
//! | [`snapshot`] | all that one request is judged by, immutable, with a digest |
//! | [`bundle`] | every file that says what is allowed, as one signed archive |
//! | [`request`] | the five states of a request, and every way it can be refused |
//! | [`cases`] | test files beside the policies: read, and held against the answers |
//! | [`compare`] | two snapshots side by side: their policies' text, and their effect on many requests |
//! | [`file`] | a file of this machine, read whole within a bound |
//! | [`door`] | what a connection shows before it brings requests: TLS, the PROXY protocol |
//! | [`remote`] | where bundles are published: a web server, an S3-compatible store, an OCI registry |
//! | [`evidence`] | is a log what its signed heads say: verification, proofs, witnesses |
//! | [`archive`] | the log as Parquet, a folder a book and month (feature `audit`) |
//! | [`query`] | SQL over the archive and fresh records, of the books that the caller may see (feature `audit`) |
//! | [`config`] | `palisade.yaml`, checked whole before anything starts |
//! | [`telemetry`] | log lines and metrics |
//! | [`disk`] | the thread that writes the decision log |
//! | [`ship`] | the threads that send the decision log on |
//! | [`settling`] | the thread that settles tenants' limits with other replicas |
//! | [`shadow`] | the thread that looks at decisions with policies that decide nothing |
//! | [`learning`] | the thread that learns from bodies that pass |
//! | [`reload`] | the thread that watches the files and publishes the next snapshot |
//! | [`lsp`] | what editors are told of the files: problems, meanings, names, places |
//! | [`net`] | listeners, connections, the pool of connections to the app |
//! | [`background`] | threads that step behind those that serve requests |
//! | [`admin`] | health, metrics, what each policy did, and version, on a listener of their own |
//! | [`cli`] | the command line, one file a verb |
//! | [`keeping`] | what goes of a log by its age, and what holds keep (feature `audit`) |
//! | [`audit_cli`] | the command line of the auditors' program; with the feature `audit` |
//! | [`manual`] | the chapters for people |
//!
//! [`file`]: mod@file

pub mod ids;
pub mod limits;
pub mod pem;
pub mod problem;

pub mod redact;

pub mod model;

pub mod learn;

pub mod identity;

pub mod policy;

pub mod tenancy;

pub mod quota;

pub mod audit;

pub mod snapshot;

pub mod bundle;

pub mod request;

pub mod cases;
pub mod compare;

pub mod lsp;

pub mod door;
pub mod file;
pub mod remote;

pub mod evidence;

#[cfg(feature = "audit")]
pub mod archive;
#[cfg(feature = "audit")]
pub mod query;

pub mod background;
pub mod config;
pub mod disk;
pub mod learning;
pub mod reload;
pub mod settling;
pub mod shadow;
pub mod ship;
pub mod telemetry;

pub mod admin;
pub mod net;

pub mod cli;

#[cfg(feature = "audit")]
pub mod keeping;

#[cfg(feature = "audit")]
pub mod audit_cli;

pub mod manual;
