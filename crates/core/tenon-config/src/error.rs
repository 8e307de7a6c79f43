//! Why a use case was refused, by what the caller can do.

use std::sync::Arc;
use std::time::Duration;

use tenon_connector::catalog::CustomError;
use tenon_connector::field_values;
use tenon_contract::vault::VaultError;
use tenon_domain::workflow::Diagnostic;
use tenon_domain::{
    ApiKeyId, CredentialId, EndUserId, IntegrationId, ProjectId, VersionId, WorkflowId,
};

use crate::configurations::SettingsName;
use crate::installations::{InstallationFault, SettingProblem};
use crate::portal_links::PortalLinkFault;
use crate::ports::StoreError;
use crate::ports::linker::LinkError;

/// The code of what went wrong at the provider.
pub(crate) const CONNECT_FAILED: &str = "connect_failed";

/// A refusal. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such project.
    #[error("there is no project `{0}`")]
    NoSuchProject(ProjectId),
    /// There is no such workflow in the project.
    #[error("there is no workflow `{0}` in this project")]
    NoSuchWorkflow(WorkflowId),
    /// There is no such version in the project.
    #[error("there is no workflow version `{0}` in this project")]
    NoSuchVersion(VersionId),
    /// There is no such API key in the project, or it was revoked before.
    #[error("there is no valid API key `{0}` in this project")]
    NoSuchApiKey(ApiKeyId),
    /// The project has never seen this user.
    #[error("there is no connected user `{0}` in this project")]
    NoSuchUser(EndUserId),
    /// There is no such thing in the project.
    #[error("there is no {what} `{id}` in this project")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// Neither Tenon nor the project has this connector.
    #[error("there is no connector `{name}`")]
    ConnectorUnknown {
        /// Its name.
        name: String,
    },
    /// A manifest breaks rules.
    #[error("the connector's manifest is not valid")]
    ConnectorInvalid(Arc<Vec<Diagnostic>>),
    /// The builder has switched the integration off.
    #[error("the integration of connector `{connector}` is switched off")]
    IntegrationInactive {
        /// The connector.
        connector: String,
    },
    /// The auth method needs the builder's app at the provider, and it is not there.
    #[error(
        "the integration `{connector}` needs your app at the provider before users can be sent \
         there; {} not set yet: register the app, then `tenon integrations set-app {connector} \
         --method {method} --client-id ID`",
        is_or_are(missing)
    )]
    AppMissing {
        /// The connector.
        connector: String,
        /// Its auth method.
        method: String,
        /// Names of the values that are not there.
        missing: Vec<String>,
    },
    /// What a person filled in is not valid.
    #[error("{} of the fields are not valid", .0.len())]
    Fields(Vec<FieldFault>),
    /// Values of settings cannot be taken.
    #[error("{} settings are not valid", .0.len())]
    Settings(Vec<SettingProblem>),
    /// A workflow was not switched on.
    #[error(transparent)]
    Installation(#[from] InstallationFault),
    /// A workflow belongs to an integration that the project does not have.
    #[error(
        "the workflow `{workflow}` belongs to the integration `{connector}`, which the project does \
         not have; add it, or apply its document too"
    )]
    IntegrationMissing {
        /// The workflow's name.
        workflow: String,
        /// The connector.
        connector: String,
    },
    /// A workflow names a secret that the project does not have.
    #[error("the workflow `{workflow}` uses the secret `{key}`, which the project does not have")]
    SecretMissing {
        /// The workflow's name.
        workflow: String,
        /// The secret's key.
        key: String,
    },
    /// The state of the thing does not allow this.
    #[error("{reason}")]
    Conflict {
        /// Why, and what to do.
        reason: String,
    },
    /// An account could not be linked or asked about.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// A link to the portal's page does not open it.
    #[error(transparent)]
    PortalLink(#[from] PortalLinkFault),
    /// This process was set up without a vault.
    #[error("this installation has no vault")]
    NoVault,
    /// Two documents of one apply have the same name.
    #[error("two documents are named `{name}`; a name is unique in its project")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// A name or id of the caller's has the wrong form.
    #[error("{what} must be {rule}")]
    Invalid {
        /// What it names.
        what: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A limit is reached; raise the setting or remove something.
    #[error("there may be at most {max} {what}")]
    LimitReached {
        /// What there may be no more of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The store is away or busy: try again later.
    #[error("the configuration store cannot be reached")]
    Unavailable(#[source] StoreError),
    /// A defect: trying again does not help.
    #[error("the configuration store failed")]
    Store(#[source] StoreError),
}

/// A value that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's name.
    pub field: String,
    /// What is wrong, without the value.
    pub message: String,
}

/// Why an account was not linked. The texts are for people, say what to do, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFault {
    /// The link or state is not one of ours, or a newer one has taken its place.
    #[error("this link is not known, or a newer one has taken its place; please start again")]
    Unknown,
    /// The browser that came back is not the one that began.
    #[error(
        "this browser is not the one that began, or it keeps no cookies; please start again and \
         stay in one browser"
    )]
    OtherBrowser,
    /// A callback was taken before.
    #[error("this link was used already; please start again")]
    Used,
    /// The time is over.
    #[error("this link has ended; please start again")]
    Ended,
    /// The answer that the browser brought is of another authorization server (RFC 9207).
    #[error(
        "the answer came from another authorization server than the one that was asked ({reason}); \
         nothing of it was used; please start again"
    )]
    OtherServer {
        /// What does not fit.
        reason: String,
    },
    /// The user, or the provider for the user, said no.
    #[error("access was not granted: {reason}")]
    Denied {
        /// What the provider said.
        reason: String,
    },
    /// The provider refuses what was filled in.
    #[error("the account cannot be connected with this: {reason}")]
    Rejected {
        /// What the provider said.
        reason: String,
    },
    /// The connector, or the builder's app at the provider, is set up wrongly.
    #[error("the integration `{connector}` is not set up correctly: {reason}")]
    Misconfigured {
        /// The connector.
        connector: String,
        /// What is wrong.
        reason: String,
    },
    /// What came back does not fit.
    #[error("the account could not be connected: {reason}")]
    Failed {
        /// What is wrong.
        reason: String,
    },
    /// The provider cannot be used now.
    #[error("the provider cannot be used now: {reason}; please try again later")]
    Away {
        /// What happened.
        reason: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// Connecting again gave another account.
    #[error(
        "this is the account `{given}`, but `{connected}` is connected; sign in with that one, or \
         disconnect it first"
    )]
    OtherAccount {
        /// The account that is connected.
        connected: String,
        /// The account that came back.
        given: String,
    },
    /// The user has an account of another name and may have one only.
    #[error("the user has an account of this integration; ask for several accounts to add one")]
    OneAccount,
    /// The external id is taken.
    #[error("the user has an account with this external id")]
    NameTaken,
}

fn is_or_are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

impl ConnectFault {
    /// The problem code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown | Self::OtherBrowser | Self::Used | Self::Ended => "connect_state",
            Self::OtherServer { .. } => "connect_issuer",
            Self::Denied { .. } => "connect_denied",
            Self::Rejected { .. } => "credential_invalid",
            Self::Misconfigured { .. }
            | Self::Failed { .. }
            | Self::Away { .. }
            | Self::OtherAccount { .. }
            | Self::OneAccount
            | Self::NameTaken => CONNECT_FAILED,
        }
    }
}

impl Error {
    pub(crate) fn no_credential(id: CredentialId) -> Self {
        Self::NotFound { what: "credential", id: id.to_string() }
    }

    pub(crate) fn no_integration(id: IntegrationId) -> Self {
        Self::NotFound { what: "integration", id: id.to_string() }
    }

    pub(crate) fn no_configuration(name: Option<&SettingsName>) -> Self {
        let id = match name {
            Some(SettingsName::Id(id)) => id.to_string(),
            Some(SettingsName::External(name)) => name.clone(),
            None => "default".to_owned(),
        };
        Self::NotFound { what: "configuration", id }
    }

    /// A stored document that was checked once cannot be read any more.
    pub(crate) fn damaged_document(error: serde_json::Error) -> Self {
        let source = Box::new(error);
        Self::Store(StoreError::Failed { action: "read a stored document", source })
    }

    pub(crate) fn fields(faults: Vec<field_values::FieldFault>) -> Self {
        Self::Fields(
            faults
                .into_iter()
                .map(|fault| FieldFault { field: fault.field, message: fault.message })
                .collect(),
        )
    }

    pub(crate) fn connector_invalid(error: CustomError) -> Self {
        match error {
            CustomError::Invalid(diagnostics) => Self::ConnectorInvalid(diagnostics),
        }
    }

    /// A stored value that was ours cannot be read any more.
    pub(crate) fn damaged(what: &'static str) -> Self {
        let source = format!("{what} cannot be read").into();
        Self::Store(StoreError::Failed { action: "read a value of the vault", source })
    }

    pub(crate) fn link(connector: &str, error: LinkError) -> Self {
        let fault = match error {
            LinkError::Denied { reason } => ConnectFault::Denied { reason },
            LinkError::OtherServer { reason } => ConnectFault::OtherServer { reason },
            LinkError::BadInput { reason } => ConnectFault::Failed { reason },
            LinkError::Rejected { reason } => ConnectFault::Rejected { reason },
            LinkError::Misconfigured { reason } => {
                ConnectFault::Misconfigured { connector: connector.to_owned(), reason }
            }
            LinkError::Temporary { reason, retry_after } => {
                ConnectFault::Away { reason, retry_after }
            }
            LinkError::Vault(source) => {
                return Self::Unavailable(StoreError::Unavailable {
                    action: "use the vault",
                    source,
                });
            }
        };
        Self::Connect(fault)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Conflict { .. } => {
                Self::Unavailable(error)
            }
            StoreError::Failed { .. } => Self::Store(error),
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        let action = "use the vault";
        match error {
            VaultError::Unavailable { source } => {
                Self::Unavailable(StoreError::Unavailable { action, source })
            }
            VaultError::Invalid { .. } => Self::Invalid {
                what: "a secret value",
                rule: "not empty, and not larger than the vault takes",
            },
            other => Self::Store(StoreError::Failed { action, source: Box::new(other) }),
        }
    }
}
