//! [`Linker`] by `tenon-credentials`: the real way to providers.

use async_trait::async_trait;
use jiff::Timestamp;
use tenon_contract::vault::Access;
use tenon_credentials::access::{AccessError, Account};
use tenon_credentials::linking::{self as credentials, FilledIn, FinishLink, Linking, StartLink};

use crate::ports::linker::{
    Health, LinkError, LinkFinish, LinkStart, LinkStarted, LinkTarget, Linked, LinkedAccount,
    LinkedIdentity, Linker,
};

/// Links by the connectors' own exchanges.
#[derive(Clone)]
pub struct ThroughCredentials(Linking);

impl ThroughCredentials {
    /// Links with what `linking` has.
    #[must_use]
    pub fn new(linking: Linking) -> Self {
        Self(linking)
    }
}

#[async_trait]
impl Linker for ThroughCredentials {
    async fn start(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        start: LinkStart<'_>,
    ) -> Result<LinkStarted, LinkError> {
        let begin = StartLink {
            redirect_uri: start.redirect_uri,
            state: start.state,
            code_verifier: start.code_verifier,
            fields: filled_in(target),
        };
        let started = self.0.start(of_target(target), access, begin).await.map_err(of_link)?;
        Ok(LinkStarted { url: started.url, keep: started.keep })
    }

    async fn finish(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        finish: LinkFinish<'_>,
    ) -> Result<Linked, LinkError> {
        let end = FinishLink {
            params: finish.params,
            redirect_uri: finish.redirect_uri,
            code_verifier: finish.code_verifier,
            keep: finish.keep,
            fields: filled_in(target),
        };
        let linked = self.0.finish(of_target(target), access, end).await;
        Ok(of_linked(linked.map_err(of_link)?))
    }

    async fn link_fields(
        &self,
        target: LinkTarget<'_>,
        access: &Access,
        _now: Timestamp,
    ) -> Result<Linked, LinkError> {
        let linked = self.0.link_fields(of_target(target), access, filled_in(target)).await;
        Ok(of_linked(linked.map_err(of_link)?))
    }

    async fn probe(
        &self,
        account: LinkedAccount<'_>,
        access: &Access,
    ) -> Result<Health, LinkError> {
        match self.0.probe(of_account(account), access).await {
            Ok(credentials::Health::Works) => Ok(Health::Valid),
            Ok(credentials::Health::Unknown) => Ok(Health::Unknown),
            Ok(credentials::Health::Answers { reason }) => Ok(Health::Answers { reason }),
            Ok(credentials::Health::Dead { reason }) => Ok(Health::Refused { reason }),
            // It is known already; there is nothing to ask.
            Err(AccessError::Dead { reason, .. }) => Ok(Health::Refused { reason }),
            Err(error) => Err(of_access(error)),
        }
    }

    async fn revoke(&self, account: LinkedAccount<'_>, access: &Access) -> Result<(), LinkError> {
        self.0.revoke(of_account(account), access).await.map_err(of_access)
    }
}

fn of_target(target: LinkTarget<'_>) -> credentials::LinkTarget<'_> {
    let LinkTarget { project, integration, auth_method, .. } = target;
    credentials::LinkTarget { project, integration, auth_method }
}

fn filled_in(target: LinkTarget<'_>) -> FilledIn<'_> {
    FilledIn { public: target.fields, secret: target.secrets }
}

fn of_account(account: LinkedAccount<'_>) -> Account<'_> {
    let LinkedAccount { project, user, integration, credential } = account;
    Account { project, user, integration, credential }
}

fn of_linked(linked: credentials::Linked) -> Linked {
    let credentials::Linked { value, fields, identity, scope, .. } = linked;
    let identity = identity.map(|known| LinkedIdentity { id: known.id, name: known.name });
    Linked { value, fields, identity, scopes: scope }
}

fn of_link(error: credentials::LinkError) -> LinkError {
    use credentials::LinkError as Given;
    match error {
        Given::Denied { reason } => LinkError::Denied { reason },
        Given::OtherServer { reason } => LinkError::OtherServer { reason },
        Given::Rejected { reason } => LinkError::Rejected { reason },
        Given::BadInput { reason } => LinkError::BadInput { reason },
        Given::WrongClient { reason } | Given::Connector { reason } => {
            LinkError::Misconfigured { reason }
        }
        Given::Garbage { reason } => LinkError::Temporary { reason, retry_after: None },
        Given::Temporary { reason, retry_after } => {
            LinkError::Temporary { reason, retry_after: Some(retry_after) }
        }
        Given::Access(error) => of_access(error),
    }
}

fn of_access(error: AccessError) -> LinkError {
    match error {
        AccessError::UnknownConnector { .. }
        | AccessError::UnknownMethod { .. }
        | AccessError::Misconfigured { .. } => {
            LinkError::Misconfigured { reason: error.to_string() }
        }
        AccessError::Inactive { .. } | AccessError::Dead { .. } => {
            LinkError::BadInput { reason: error.to_string() }
        }
        AccessError::Temporary { reason, retry_after } => {
            LinkError::Temporary { reason, retry_after: Some(retry_after) }
        }
        AccessError::Gone
        | AccessError::Refused { .. }
        | AccessError::Damaged
        | AccessError::VaultAway { .. } => LinkError::Vault(Box::new(error)),
    }
}
