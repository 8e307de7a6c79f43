//! The description of the API, made from the code: OpenAPI 3.1.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use tenon_http_kit::ProblemBody;
use tenon_http_kit::problem::CONTENT_TYPE_PROBLEM;

use crate::routes;
use crate::settings::ApiSettings;
use crate::state::Api;

/// The description without its routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tenon management API",
        description = "Deploys workflows and shows what ran. Every call but those about projects \
            themselves names a project and carries one of its API keys. Errors are problem+json (RFC 9457); match on `code`."
    ),
    components(schemas(ProblemBody)),
    modifiers(&BearerKey),
    tags(
        (name = "projects", description = "The projects of the installation"),
        (name = "workflows", description = "Apply documents, see what is deployed"),
        (name = "runs", description = "See, follow, replay and cancel runs"),
        (name = "users", description = "Connected users and their choices"),
        (name = "api-keys", description = "Keys that may speak for the project"),
        (name = "integrations", description = "Connectors, and which of them are switched on"),
        (name = "credentials", description = "Accounts that users linked, and their settings"),
        (name = "signing-keys", description = "Keys that sign the tokens of connected users"),
        (name = "portal", description = "How the portal looks, and links to its page"),
        (name = "secrets", description = "What the project keeps for its workflows under a key"),
        (name = "proxy-calls", description = "What went through the proxy"),
        (name = "queues", description = "How work is distributed, for operators"),
        (name = "events", description = "What happened to accounts")
    )
)]
struct Description;

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, api: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key of the project: `tnn_...`"))
            .build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme));
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The installation's key: the text in `api.installation_key_file`"))
            .build();
        components.add_security_scheme("installation_key", SecurityScheme::Http(scheme));
        api.security = Some(vec![SecurityRequirement::new("api_key", Vec::<String>::new())]);
    }
}

/// The whole description. `docs/reference/openapi.json` is a copy of it, as text.
#[must_use]
pub fn openapi() -> OpenApi {
    finish(routes::documented(&ApiSettings::default()).to_openapi())
}

/// The whole description as text: what `/api/v1/openapi.json` answers.
#[must_use]
pub fn openapi_text() -> String {
    render(&openapi())
}

/// A router that gathers the description.
pub(crate) fn start() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi())
}

/// Adds what every operation has: the answer when something goes wrong.
pub(crate) fn finish(mut api: OpenApi) -> OpenApi {
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem()));
        }
    }
    api
}

/// The description as text, the same on every machine.
pub(crate) fn render(api: &OpenApi) -> String {
    let mut text = api.to_pretty_json().expect("a description has only text keys");
    text.push('\n');
    text
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn problem() -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description("What went wrong")
        .content(CONTENT_TYPE_PROBLEM, content)
        .build()
}
