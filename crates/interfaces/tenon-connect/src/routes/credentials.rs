//! `sdk/credentials`: connecting accounts, showing them, and their settings.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenon_config::{FieldLink, LinkProof, PortalIntegration, SettingsWrite};
use tenon_connector::connector::Connector;
use tenon_contract::permissions::{About, Operation};
use tenon_contract::plan::CredentialPlan;
use tenon_domain::CredentialId;
use tenon_http_kit::wire::cross_origin;
use tenon_http_kit::{Problem, WireProblem};

use super::connecting::{InstallOptions, browser_method, filled_in, form_method};
use super::settings::{self, sentences, setting_problems};
use crate::account_auth::{AuthError, AuthOf};
use crate::caller::Caller;
use crate::codes;
use crate::pictures::icon_path;
use crate::problem::{WireJson, WirePath, WireQuery, invalid, not_found, of_config};
use crate::rendered::json_bytes;
use crate::state::Connect;
use crate::view::View;
use crate::wire::credential::WireCredential;
use crate::wire::integration::WireIntegration;

pub(super) fn routes() -> Router<Connect> {
    Router::new()
        .route(
            "/projects/{project}/sdk/credentials",
            cross_origin(post(create).get(of_integration)),
        )
        .route(
            "/projects/{project}/sdk/credentials/{credential}",
            cross_origin(get(show).patch(change)),
        )
        .route(
            "/projects/{project}/sdk/credentials/{credential}/complete-setup",
            cross_origin(post(complete)),
        )
        .route("/projects/{project}/sdk/resources/{resource}/connect", cross_origin(post(resource)))
}

#[derive(Deserialize)]
pub(super) struct CredentialPath {
    pub(super) credential: String,
}

/// What is sent to connect an account, in both forms.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Creation {
    integration_id: String,
    /// What was filled in, or what the end of the way through the provider said.
    #[serde(default)]
    payload: Option<Map<String, Value>>,
    #[serde(default)]
    install_options: Option<InstallOptions>,
    /// The code that the builder's app received from the provider itself.
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    redirect_url: Option<String>,
    #[serde(default)]
    integration_options: Option<Map<String, Value>>,
}

/// `POST sdk/credentials`.
async fn create(
    State(connect): State<Connect>,
    caller: Caller,
    WireJson(creation): WireJson<Creation>,
) -> Result<Response, WireProblem> {
    let view = connect.view(&caller).await?;
    let integration = view.integration(&creation.integration_id)?;
    let payload = creation.payload.clone().unwrap_or_default();
    let made = match super::oauth::session_of(&payload) {
        Some(session) => connected(&connect, &caller, integration, session).await?,
        None => link(&connect, &caller, (&view, integration), creation).await?,
    };
    let account = connect.account_now(&caller, made).await?;
    Ok((StatusCode::CREATED, Json(account)).into_response())
}

/// The account that the way through the provider made: the page at its end tells the opener, who
/// asks for it here. Asking again gives the same one.
async fn connected(
    connect: &Connect,
    caller: &Caller,
    integration: &PortalIntegration,
    session: tenon_domain::ConnectSessionId,
) -> Result<CredentialId, WireProblem> {
    let found = connect.config.connect_session(caller.project, session).await;
    let found = found.map_err(|error| of_config(connect, error))?;
    if found.user != caller.user || found.integration != integration.id {
        return Err(not_found("there is no such connect session"));
    }
    match found.outcome {
        Some(tenon_config::ConnectOutcome::Connected { credential, .. }) => Ok(credential),
        Some(tenon_config::ConnectOutcome::Failed { message, .. }) => {
            let problem = Problem::new(&codes::CONNECT_FAILED).detail(message);
            Err(WireProblem::from(problem).of_integration())
        }
        None => Err(Problem::new(&codes::CONNECT_STATE)
            .detail("the provider has not answered yet")
            .into()),
    }
}

/// Links an account by what was filled in, or by a code.
async fn link(
    connect: &Connect,
    caller: &Caller,
    (view, integration): (&View, &PortalIntegration),
    creation: Creation,
) -> Result<CredentialId, WireProblem> {
    let options = creation.install_options.unwrap_or_default();
    let target = options.target(view, integration)?;
    check_connect(view, caller, integration, &target)?;
    let connector = connector_of(connect, view, integration)?;
    let chosen = options.account_type();
    let (method, fields, proof) = match creation.code {
        Some(code) => {
            let mut fields = creation.integration_options.unwrap_or_default();
            let code_verifier = fields.remove("codeVerifier");
            let proof = LinkProof::Code {
                redirect_uri: redirect_uri(connect, creation.redirect_url)?,
                params: BTreeMap::from([("code".to_owned(), code)]),
                code_verifier: code_verifier.and_then(|it| it.as_str().map(str::to_owned)),
            };
            (browser_method(&connector, chosen), fields, proof)
        }
        None => {
            let fields = filled_in(creation.payload.unwrap_or_default());
            (form_method(&connector, chosen, &fields), fields, LinkProof::Fields)
        }
    };
    let method = method.ok_or_else(|| {
        invalid("integrationId", "accounts of this integration are not connected this way")
    })?;
    let new = FieldLink {
        user: caller.user.clone(),
        integration: integration.id.to_string(),
        auth_method: Some(method.id.clone()),
        fields,
        proof,
        credential: target.id(),
        external_id: target.external_id.clone(),
        several_accounts: target.several_accounts,
    };
    let linked = connect.config.link(caller.project, new).await;
    Ok(linked.map_err(|error| of_config(connect, error))?.id)
}

/// Checks that the token allows to connect this account.
pub(super) fn check_connect(
    view: &View,
    caller: &Caller,
    integration: &PortalIntegration,
    target: &super::connecting::Target<'_>,
) -> Result<(), WireProblem> {
    match target.credential {
        Some(account) => view.check_write(caller, account, None),
        None => {
            let about = About { integration: Some(&integration.connector), ..About::default() };
            caller.check(Operation::CredentialWrite, &about)
        }
    }
}

/// The connector of an integration that users may connect.
pub(super) fn connector_of(
    connect: &Connect,
    view: &View,
    integration: &PortalIntegration,
) -> Result<std::sync::Arc<Connector>, WireProblem> {
    let PortalIntegration { connector, manifest, is_active, .. } = integration;
    if !is_active {
        let detail = format!("the integration `{connector}` is switched off");
        return Err(Problem::new(&codes::INTEGRATION_INACTIVE).detail(detail).into());
    }
    let found = connect.catalog.find(view.portal.project, connector, manifest.as_ref());
    found.ok_or_else(|| {
        let detail = format!("the connector `{connector}` cannot be used any more");
        Problem::new(&codes::INTEGRATION_MISCONFIGURED).detail(detail).into()
    })
}

/// What the builder's app told the provider; ours when it does not say.
fn redirect_uri(connect: &Connect, given: Option<String>) -> Result<String, WireProblem> {
    match given.filter(|given| !given.trim().is_empty()) {
        Some(given) => super::oauth::checked_redirect(&given)
            .ok_or_else(|| invalid("redirectUrl", "this must be an https URL")),
        None => connect.config.redirect_uri().map_err(|error| of_config(connect, error)),
    }
}

/// `GET sdk/credentials/{credential}`.
async fn show(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<CredentialPath>,
) -> Result<Json<WireCredential>, WireProblem> {
    let view = connect.view(&caller).await?;
    let account = view.account(&path.credential)?;
    Ok(Json(view.wire(account)))
}

/// `POST sdk/credentials/{credential}/complete-setup`.
async fn complete(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<CredentialPath>,
    WireJson(creation): WireJson<Setup>,
) -> Result<Response, WireProblem> {
    let view = connect.view(&caller).await?;
    let account = view.account(&path.credential)?;
    view.check_write(&caller, account, None)?;
    let id = account.credential.id;
    let values = filled_in(creation.payload.unwrap_or_default());
    let completed = connect.config.complete_setup(caller.project, id, values).await;
    completed.map_err(|error| of_config(&connect, error))?;
    let account = connect.account_now(&caller, id).await?;
    Ok((StatusCode::CREATED, Json(account)).into_response())
}

#[derive(Deserialize)]
struct Setup {
    #[serde(default)]
    payload: Option<Map<String, Value>>,
}

/// `PATCH sdk/credentials/{credential}`: settings of a configuration. Values that cannot be taken are
/// no failure of the call: nothing is changed, and `errors` says why.
async fn change(
    State(connect): State<Connect>,
    caller: Caller,
    WirePath(path): WirePath<CredentialPath>,
    WireJson(change): WireJson<settings::Change>,
) -> Result<Response, WireProblem> {
    let view = connect.view(&caller).await?;
    let account = view.account(&path.credential)?;
    let held = view.configuration(account, caller.configuration.as_ref())?;
    view.check_write(&caller, account, Some(held))?;
    let integration = view.portal.integration(account.credential.integration);
    let integration = integration.ok_or_else(Problem::not_found)?;
    let write = change.write(integration, held)?;
    let id = account.credential.id;
    let mut errors = Vec::new();
    if write != SettingsWrite::default() {
        let name = tenon_config::SettingsName::Id(held.id);
        let (project, user) = (caller.project, &caller.user);
        let changed = connect.config.change_settings(project, user, id, Some(&name), write).await;
        if let Err(error) = changed {
            match setting_problems(&error) {
                Some(problems) => errors = sentences(integration, problems),
                None => return Err(of_config(&connect, error)),
            }
        }
    }
    let account = connect.account_now(&caller, id).await?;
    let mut answer = serde_json::to_value(account).expect("an account has only JSON values");
    answer["errors"] = json!(errors);
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountQuery {
    integration: String,
    #[serde(default)]
    include_account_auth: Option<String>,
}

/// `GET sdk/credentials?integration=`: an integration together with the user's account of it.
async fn of_integration(
    State(connect): State<Connect>,
    caller: Caller,
    WireQuery(query): WireQuery<AccountQuery>,
) -> Result<Response, WireProblem> {
    let view = connect.view(&caller).await?;
    let integration = view.integration(&query.integration)?;
    let (account, configuration) = view.meant(&caller, integration)?;
    let connector = connector_of(&connect, &view, integration)?;
    let path = icon_path(caller.project, &integration.connector, Some(&connector));
    let icon = connect.settings.below(&path);
    let wire = WireIntegration::new(&view.portal, integration, Some(&connector), icon);
    let mut answer = serde_json::to_value(wire).expect("an integration has only JSON values");
    let account_wire = view.wire(account);
    answer["providerId"] = json!(account.credential.provider_id);
    answer["providerData"] = json!(account_wire.provider_data());
    answer["credentialId"] = json!(account_wire.id);
    if query.include_account_auth.as_deref() == Some("true") {
        // With the token a page can do at the provider what the account can.
        view.check(&caller, Operation::Proxy, account, Some(configuration))?;
        let token = access_token(&connect, &caller, integration, account.credential.plan()).await?;
        answer["accountAuth"] = token;
    }
    Ok(super::json_response(json_bytes(&answer)))
}

/// The token for the provider's file picker.
async fn access_token(
    connect: &Connect,
    caller: &Caller,
    integration: &PortalIntegration,
    credential: CredentialPlan,
) -> Result<Value, WireProblem> {
    let allowed = &connect.settings.account_auth_connectors;
    let auth = connect.account_auth.as_ref().filter(|_| allowed.contains(&integration.connector));
    let Some(auth) = auth else {
        let detail = "tokens of this integration are not given to pages";
        return Err(Problem::new(&codes::NO_ACCOUNT).detail(detail).into());
    };
    let plan = caller.plan.integrations.iter().find(|one| one.id == integration.id);
    let plan = plan.ok_or_else(Problem::not_found)?;
    let of = AuthOf {
        project: caller.project,
        user: &caller.user,
        integration: plan,
        credential: &credential,
        now: connect.clock.now(),
    };
    let token = auth.access_token(of).await.map_err(|error| match error {
        AuthError::Account { reason } => {
            WireProblem::from(Problem::new(&codes::CREDENTIAL_INVALID).detail(reason))
                .of_integration()
        }
        AuthError::Away(source) => {
            let after = connect.settings.retry_after;
            Problem::unavailable("open an account for a file picker", after, &*source).into()
        }
    })?;
    let text = String::from_utf8_lossy(token.expose());
    let domain = ["domain", "instance_url", "site_url", "workspace_url"]
        .iter()
        .find_map(|name| credential.fields.get(*name));
    Ok(json!({ "OAUTH_ACCESS_TOKEN": text, "DOMAIN": domain }))
}

/// `POST sdk/resources/{resource}/connect`: projects have no resources of their own.
async fn resource(_caller: Caller) -> WireProblem {
    not_found("the project has no such resource")
}
