//! `/portal`: how a project's portal looks. `/portal-links`: its page, for one user.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tenon_config::{DesignChange, LogoFile, LogoType, NewLogo, NewPortalLink};
use tenon_http_kit::{ErrorItem, Problem, StrictJson, codes};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::checked_user;
use crate::auth::Caller;
use crate::problem;
use crate::state::Api;
use crate::view::portal::{PortalLinkView, PortalView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, change)).routes(routes!(create_link))
}

/// What to change. What is left out stays; null takes a thing away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PortalChange {
    /// What users read as the name of your app, 1 to 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// `#rrggbb`. Integrations with a colour of their own keep it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    accent_color: Option<Option<String>>,
    /// Your logo.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LogoRequest>)]
    logo: Option<Option<LogoRequest>>,
    /// Web origins that the portal's page may send users back to, all of them: at most 20. Such as
    /// `https://app.example.com`; http is for localhost only.
    #[serde(default)]
    return_origins: Option<Vec<String>>,
}

/// A logo: an address, or a file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogoRequest {
    /// Where it is: an https URL. It is not fetched by Tenon.
    #[serde(default)]
    url: Option<String>,
    /// The kind of the file: `image/svg+xml` or `image/png`.
    #[serde(default)]
    media_type: Option<String>,
    /// The file, base64; at most 64 KB. An SVG may hold shapes and nothing that acts or loads.
    #[serde(default)]
    data: Option<String>,
}

/// Tells null from what is left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl LogoRequest {
    fn logo(self) -> Result<NewLogo, Problem> {
        match (self.url, self.media_type, self.data) {
            (Some(url), None, None) => Ok(NewLogo::Url(url)),
            (None, Some(media_type), Some(data)) => {
                let kind = LogoType::of_media_type(&media_type).ok_or_else(|| {
                    invalid("/logo/media_type", "this must be image/svg+xml or image/png")
                })?;
                let bytes = STANDARD
                    .decode(data)
                    .map_err(|_| invalid("/logo/data", "this must be base64"))?;
                Ok(NewLogo::File(LogoFile { kind, bytes }))
            }
            _ => Err(invalid("/logo", "give either `url`, or `media_type` and `data`")),
        }
    }
}

fn invalid(pointer: &'static str, message: &'static str) -> Problem {
    Problem::new(&codes::INVALID_FIELD).with(ErrorItem {
        message: message.to_owned(),
        pointer: Some(pointer.to_owned()),
        ..ErrorItem::default()
    })
}

/// Show how the portal looks
#[utoipa::path(
    get,
    path = "/portal",
    operation_id = "get_portal",
    tag = "portal",
    params(("project" = String, Path, format = Uuid)),
    responses((status = 200, description = "How it looks", body = PortalView))
)]
async fn show(State(api): State<Api>, caller: Caller) -> Result<Json<PortalView>, Problem> {
    let design = api.config.portal_design(caller.project).await.map_err(problem::of_config)?;
    Ok(Json(design.into()))
}

/// Change how the portal looks
///
/// Its name, colour and logo, and where its page may send users back to.
#[utoipa::path(
    patch,
    path = "/portal",
    operation_id = "change_portal",
    tag = "portal",
    params(("project" = String, Path, format = Uuid)),
    request_body = PortalChange,
    responses((status = 200, description = "How it looks now", body = PortalView))
)]
async fn change(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<PortalChange>,
) -> Result<Json<PortalView>, Problem> {
    let logo = request.logo.map(|logo| logo.map(LogoRequest::logo).transpose()).transpose()?;
    let change = DesignChange {
        name: request.name,
        accent_color: request.accent_color,
        logo,
        return_origins: request.return_origins,
    };
    let design = api.config.change_portal_design(caller.project, change).await;
    Ok(Json(design.map_err(problem::of_config)?.into()))
}

/// A link to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PortalLinkRequest {
    /// Your own id of the user, who is made known where it was not.
    user: String,
    /// The only integration that the page shows: its id, or its connector's name. All without it.
    #[serde(default)]
    integration: Option<String>,
    /// Where the page sends the user at the end. Its origin must be registered in `return_origins`
    /// of the portal.
    #[serde(default)]
    redirect_url: Option<String>,
    /// Merged into the user's metadata.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// How long the link can be used, in seconds; 10 minutes when left out.
    #[serde(default)]
    expires_seconds: Option<u32>,
}

/// Make a link to the portal's page
///
/// For apps without the SDK. The link lets one browser in, once: whoever opens it first acts as this
/// user in the portal. So make it when the user asks for it, and give it to that user only.
#[utoipa::path(
    post,
    path = "/portal-links",
    operation_id = "create_portal_link",
    tag = "portal",
    params(("project" = String, Path, format = Uuid)),
    request_body = PortalLinkRequest,
    responses((status = 201, description = "The link", body = PortalLinkView))
)]
async fn create_link(
    State(api): State<Api>,
    caller: Caller,
    StrictJson(request): StrictJson<PortalLinkRequest>,
) -> Result<(StatusCode, Json<PortalLinkView>), Problem> {
    let new = NewPortalLink {
        user: checked_user("/user", request.user)?,
        integration: request.integration,
        redirect_url: request.redirect_url,
        meta: request.metadata,
        ttl: request.expires_seconds.map(|seconds| Duration::from_secs(seconds.into())),
    };
    let opened = api.config.create_portal_link(caller.project, new).await;
    Ok((StatusCode::CREATED, Json(opened.map_err(problem::of_config)?.into())))
}
