//! The settings of an installation: their defaults, where they come from and what they may be.
//!
//! A setting is the default, unless the configuration file says otherwise, unless the
//! environment does. This is the only place that reads the environment for settings; it starts
//! nothing and opens no connection. `config/default.toml` documents every setting.

mod blobs;
mod cluster;
mod connection_url;
mod error;
mod execution;
mod limits;
mod load;
mod parts;
mod retention;
mod rules;
mod sections;
mod telemetry;
mod vault;

use serde::{Deserialize, Serialize};
use tenon_domain::limits::DocumentLimits;

pub use connection_url::ConnectionUrl;
pub use error::ConfigError;
pub use load::{Sources, load};
pub use sections::{Log, LogFormat};
pub use telemetry::{Metrics, Telemetry};

use blobs::Blobs;
use cluster::{Controller, Worker};
use error::SettingProblem;
use execution::Execution;
use limits::{Gateway, Integrations, Proxy, Webhooks};
use retention::Retention;
use sections::{Api, Egress, Functions, Http, Postgres, Redis, Server};
use vault::{Connect, Vault};

/// The documented defaults, as a configuration file.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// All settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Addresses, folders, how to stop.
    pub server: Server,
    /// The databases.
    pub postgres: Postgres,
    /// The queue and coordination service.
    pub redis: Redis,
    /// Large values.
    pub blobs: Blobs,
    /// Incoming requests.
    pub http: Http,
    /// The management API.
    pub api: Api,
    /// Secrets of accounts.
    pub vault: Vault,
    /// Linking accounts.
    pub connect: Connect,
    /// Events and requests of the builder's app.
    pub gateway: Gateway,
    /// Calls with accounts for the builder's app.
    pub proxy: Proxy,
    /// Steps that use accounts.
    pub integrations: Integrations,
    /// Calls of providers.
    pub webhooks: Webhooks,
    /// Outgoing calls.
    pub egress: Egress,
    /// Accepting, running and recording work.
    pub execution: Execution,
    /// The leader, and what it decides.
    pub controller: Controller,
    /// A worker among others.
    pub worker: Worker,
    /// JavaScript steps.
    pub functions: Functions,
    /// What a workflow document may contain.
    pub documents: DocumentLimits,
    /// How long things are kept.
    pub retention: Retention,
    /// Diagnostics.
    pub log: Log,
    /// Figures for those who watch.
    pub metrics: Metrics,
    /// Traces.
    pub telemetry: Telemetry,
}

#[cfg(test)]
mod tests;
