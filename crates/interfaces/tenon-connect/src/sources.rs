//! Options of settings that come from a provider: its channels, its lists, its fields.

use async_trait::async_trait;
use serde_json::{Map, Value};
use tenon_config::AccountView;
use tenon_contract::plan::IntegrationPlan;
use tenon_credentials::access::Account;
use tenon_domain::{EndUserId, ProjectId};
use tenon_sources::Sources;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose account.
    pub user: &'a EndUserId,
    /// The integration, with its connector.
    pub integration: &'a IntegrationPlan,
    /// The account.
    pub account: &'a AccountView,
    /// The source's key.
    pub source: &'a str,
    /// What was chosen before, by the key of its source.
    pub parameters: Map<String, Value>,
    /// Where to go on; none for the first page.
    pub cursor: Option<String>,
    /// What the user typed to find it.
    pub search: Option<String>,
}

/// One page of options.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// `{label, value, subtitle?}`, or sections `{title, items}`.
    pub records: Vec<Value>,
    /// Where the next page begins; none after the last one.
    pub next_cursor: Option<String>,
}

/// Why there are no options, by what the caller can do. Texts are for people and hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The connector has no such source.
    #[error("the connector `{connector}` has no data source `{source_key}`")]
    Unknown {
        /// The connector.
        connector: String,
        /// The key.
        source_key: String,
    },
    /// A parameter is missing or cannot be used.
    #[error("{reason}")]
    Parameters {
        /// What is wrong.
        reason: String,
    },
    /// The account does not work any more.
    #[error("the account has to be connected again: {reason}")]
    Account {
        /// Why.
        reason: String,
    },
    /// The provider did not give them.
    #[error("{reason}")]
    Provider {
        /// What it said.
        reason: String,
    },
    /// The vault is away: try again later.
    #[error("the account cannot be opened now")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Loads options with a user's account.
#[async_trait]
pub trait DataSources: Send + Sync + 'static {
    /// One page of a source's options.
    async fn options(&self, ask: Ask<'_>) -> Result<Options, SourceError>;
}

/// For a process that cannot open accounts: nothing can be asked of a provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDataSources;

#[async_trait]
impl DataSources for NoDataSources {
    async fn options(&self, _: Ask<'_>) -> Result<Options, SourceError> {
        let reason = "this installation has no vault, so no account can be used".to_owned();
        Err(SourceError::Provider { reason })
    }
}

/// What connectors describe, asked of the provider with the user's account.
#[async_trait]
impl DataSources for Sources {
    async fn options(&self, ask: Ask<'_>) -> Result<Options, SourceError> {
        let credential = ask.account.credential.plan();
        let Ask { project, user, integration, .. } = ask;
        let account = Account { project, user, integration, credential: &credential };
        let asked = tenon_sources::Ask {
            source: ask.source,
            chosen: &ask.parameters,
            search: ask.search.as_deref(),
            cursor: ask.cursor.as_deref(),
        };
        let found = Self::options(self, account, asked).await;
        let found = found.map_err(|error| told(error, &ask))?;
        Ok(Options { records: found.records, next_cursor: found.next_cursor })
    }
}

fn told(error: tenon_sources::Error, ask: &Ask<'_>) -> SourceError {
    use tenon_sources::Error;
    let reason = error.to_string();
    match error {
        Error::NoConnector { .. } | Error::UnknownSource => SourceError::Unknown {
            connector: ask.integration.connector.clone(),
            source_key: crate::view::short(ask.source),
        },
        Error::Parameters { reason } => SourceError::Parameters { reason },
        Error::Account { reason } => SourceError::Account { reason },
        Error::Limited { .. } | Error::Provider { .. } => SourceError::Provider { reason },
        Error::Away(_) => SourceError::Away(Box::new(error)),
    }
}
