#![doc = include_str!("../README.md")]

mod aws;
mod azure;
mod binding;
mod environment;
mod file;
mod gcp;
mod http;
mod lease;
mod transit;
mod uri;

use std::sync::Arc;
use std::time::Duration;

use tenon_vault::ports::RootKey;

pub use environment::Environment;
pub use file::FileRoot;
pub use uri::{RootUri, UriError};

/// How to reach a root key.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The variables that the providers' own tools read too: credentials, endpoints.
    pub environment: Environment,
    /// Another address of the service than the usual one of AWS or Google, such as a private
    /// endpoint; `http` only on this machine. The other providers have theirs in the URI.
    pub endpoint: Option<String>,
    /// How long to wait for an answer, connecting included.
    pub timeout: Duration,
    /// The largest answer that is read.
    pub answer_bytes_max: usize,
}

impl Settings {
    /// The defaults, with the variables of the environment.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            endpoint: None,
            timeout: Duration::from_secs(10),
            answer_bytes_max: 64 << 10,
        }
    }
}

/// Why a root key cannot be opened. Nothing here is asked over the network.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URI is no root key.
    #[error("failed to read the address of the root key")]
    Uri(#[from] UriError),
    /// The key file is not there, not closed to others, or holds no key.
    #[error("failed to open the root key file {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: FileError,
    },
    /// A setting or variable is missing or wrong.
    #[error("the root key is not set up: {reason}")]
    SetUp {
        /// What to change.
        reason: String,
    },
}

pub use file::FileError;

/// Opens a root key by its address:
///
/// - `file:/path`
/// - `aws-kms:arn:aws:kms:<region>:<account>:key/<id>` (or `:alias/<name>`)
/// - `gcp-kms:projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>`
/// - `azure-kv:https://<vault>.vault.azure.net/keys/<name>`
/// - `transit:https://<host>/<mount>/<key>`
///
/// # Errors
///
/// [`OpenError`]. A service that is away is no error yet: the first wrap or unwrap tells.
pub fn open(uri: &str, settings: &Settings) -> Result<Arc<dyn RootKey>, OpenError> {
    Ok(match RootUri::parse(uri)? {
        RootUri::File(path) => Arc::new(FileRoot::open(&path)?),
        RootUri::Aws(arn) => Arc::new(aws::AwsRoot::new(arn, settings)?),
        RootUri::Gcp(name) => Arc::new(gcp::GcpRoot::new(name, settings)?),
        RootUri::Azure(key) => Arc::new(azure::AzureRoot::new(key, settings)?),
        RootUri::Transit(key) => Arc::new(transit::TransitRoot::new(key, settings)?),
    })
}
