//! Options of settings that come from a provider: its channels, its lists, its fields.

use async_trait::async_trait;
use serde_json::{Map, Value};
use tenon_config::AccountView;
use tenon_domain::{EndUserId, ProjectId};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The project.
    pub project: ProjectId,
    /// Whose account.
    pub user: &'a EndUserId,
    /// The connector.
    pub connector: &'a str,
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
}

/// Loads options with a user's account.
#[async_trait]
pub trait DataSources: Send + Sync + 'static {
    /// One page of a source's options.
    async fn options(&self, ask: Ask<'_>) -> Result<Options, SourceError>;
}

/// For connectors that describe no data sources, which at present is all of them: every source is
/// [`SourceError::Unknown`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDataSources;

#[async_trait]
impl DataSources for NoDataSources {
    async fn options(&self, ask: Ask<'_>) -> Result<Options, SourceError> {
        Err(SourceError::Unknown {
            connector: ask.connector.to_owned(),
            source_key: crate::view::short(ask.source),
        })
    }
}
