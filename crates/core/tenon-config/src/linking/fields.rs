//! Linking without a browser of ours: by fields, or by a code that the builder's app got itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tenon_domain::{CredentialId, EndUserId, ProjectId};

use super::connect_access;
use super::session::{check_fields, is_by_browser, wipe};
use crate::credentials::{Link, Wish, check_external_id, integration_with_plan};
use crate::ports::linker::{LinkFinish, LinkTarget};
use crate::{Configuration, Credential, Error};

/// An account to link.
pub struct FieldLink {
    /// Whose it becomes.
    pub user: EndUserId,
    /// For which integration: its id or its connector.
    pub integration: String,
    /// The connector's auth method; its first one when left out.
    pub auth_method: Option<String>,
    /// What was filled in. Secret values included, so it is neither printed nor kept.
    pub fields: Map<String, Value>,
    /// What proves that the user agreed.
    pub proof: LinkProof,
    /// The account to connect again.
    pub credential: Option<CredentialId>,
    /// The builder's own name for the account.
    pub external_id: Option<String>,
    /// Whether the user may have several accounts of the integration.
    pub several_accounts: bool,
}

/// What proves that the user agreed.
pub enum LinkProof {
    /// The fields themselves.
    Fields,
    /// The parameters of a callback that the builder's app received itself.
    Code {
        /// Exactly what the app told the provider.
        redirect_uri: String,
        /// What came back; `code` at least.
        params: BTreeMap<String, String>,
        /// The verifier, where the app used PKCE.
        code_verifier: Option<String>,
    },
}

impl Configuration {
    /// Links an account at once.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProject`], [`Error::NotFound`], [`Error::IntegrationInactive`],
    /// [`Error::AppMissing`], [`Error::Fields`], [`Error::Invalid`], [`Error::Connect`] for what the provider did not
    /// take, [`Error::Conflict`], [`Error::NoVault`], [`Error::Unavailable`], [`Error::Store`].
    pub async fn link(&self, project: ProjectId, new: FieldLink) -> Result<Credential, Error> {
        check_external_id(new.external_id.as_deref())?;
        let chosen =
            self.choose_method(project, &new.integration, new.auth_method.as_deref()).await?;
        let is_by_code = matches!(new.proof, LinkProof::Code { .. });
        if is_by_browser(&chosen.method.kind) != is_by_code {
            let rule = match is_by_code {
                true => "one that gives a code; link this one by its fields",
                false => "one that needs fields only; open a connect session for this one",
            };
            return Err(Error::Invalid { what: "the auth method", rule });
        }
        if is_by_code {
            chosen.check_app()?;
        }
        let mut checked = check_fields(&chosen, &new.fields)?;
        let (_, plan) = {
            let mut work = self.read(project).await?;
            integration_with_plan(&mut *work, project, chosen.integration.id).await?
        };
        let target = LinkTarget {
            project,
            user: &new.user,
            integration: &plan,
            auth_method: &chosen.method.id,
            fields: &checked.public,
            secrets: &checked.secret,
        };
        let access = connect_access(project, "link");
        let linker = &self.linking()?.linker;
        let linked = match &new.proof {
            LinkProof::Fields => linker.link_fields(target, &access, self.clock.now()).await,
            LinkProof::Code { redirect_uri, params, code_verifier } => {
                let finish = LinkFinish {
                    redirect_uri,
                    state: params.get("state").map(String::as_str),
                    code_verifier: code_verifier.as_deref(),
                    params,
                    keep: None,
                };
                linker.finish(target, &access, finish).await
            }
        };
        wipe(&mut checked.secret);
        let linked = linked.map_err(|error| Error::link(&chosen.integration.connector, error))?;
        let wish = Wish {
            credential: new.credential,
            external_id: new.external_id,
            several_accounts: new.several_accounts,
        };
        let made = Link { user: new.user, auth_method: chosen.method.id, linked };
        self.store_linked(project, chosen.integration.id, wish, made).await
    }
}
