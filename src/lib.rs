//! Palisade: a policy-as-code enforcement sidecar for multi-tenant services.
//!
//! The modules in reading order. Dependencies between them point up this list only; a test holds it.

pub mod ids;
pub mod limits;
pub mod problem;

pub mod redact;

pub mod model;

pub mod identity;

pub mod policy;

pub mod tenancy;

pub mod audit;

pub mod snapshot;

pub mod request;

pub mod config;
pub mod disk;
pub mod reload;
pub mod telemetry;

pub mod admin;
pub mod net;

pub mod cli;
