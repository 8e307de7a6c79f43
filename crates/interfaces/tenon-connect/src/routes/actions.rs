//! `POST sdk/actions`: options of settings that come from the provider.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenon_http_kit::wire::cross_origin;
use tenon_http_kit::{Problem, WireProblem};

use crate::caller::Caller;
use crate::codes;
use crate::problem::{WireJson, invalid, not_found};
use crate::sources::{Ask, SourceError};
use crate::state::Connect;
use crate::wire::source::value_of;

/// Parameters of one request; more are refused.
const PARAMETERS_MAX: usize = 50;
/// The longest key of a source, and the longest text to search for, in bytes.
const TEXT_BYTES_MAX: usize = 1_000;
/// The longest cursor, in bytes. It is the provider's own.
const CURSOR_BYTES_MAX: usize = 8_192;

pub(super) fn routes() -> Router<Connect> {
    Router::new().route("/projects/{project}/sdk/actions", cross_origin(post(options)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    /// The integration's type.
    action: String,
    source_key: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    pagination_parameters: Option<Page>,
}

#[derive(Deserialize)]
struct Parameter {
    key: String,
    #[serde(default)]
    source: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    page_cursor: Value,
    search: Option<String>,
}

async fn options(
    State(connect): State<Connect>,
    caller: Caller,
    WireJson(request): WireJson<Request>,
) -> Result<Json<Value>, WireProblem> {
    if request.source_key.len() > TEXT_BYTES_MAX || request.parameters.len() > PARAMETERS_MAX {
        return Err(invalid("sourceKey", "too long, or too many parameters"));
    }
    let page = request.pagination_parameters.unwrap_or_default();
    let cursor = cursor_of(&page.page_cursor)?;
    let search = page.search.filter(|text| !text.trim().is_empty());
    if search.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(invalid("paginationParameters/search", "this is too long"));
    }
    let view = connect.view(&caller).await?;
    let integration = view.integration(&request.action)?;
    let (account, configuration) = view.meant(&caller, integration)?;
    // Options are for settings: whoever may not change them does not need to see them.
    view.check_write(&caller, account, Some(configuration))?;
    let parameters: Map<String, Value> = request
        .parameters
        .into_iter()
        .filter_map(|one| Some((one.key, value_of(&one.source)?.clone())))
        .collect();
    let plan = caller.plan.integrations.iter().find(|one| one.id == integration.id);
    let ask = Ask {
        project: caller.project,
        user: &caller.user,
        integration: plan.ok_or_else(Problem::not_found)?,
        account,
        source: &request.source_key,
        parameters,
        cursor,
        search,
    };
    let options = connect.sources.options(ask).await.map_err(|error| refused(&connect, error))?;
    let output = json!({ "records": options.records, "nextPageCursor": options.next_cursor });
    Ok(Json(json!({ "output": output })))
}

/// The cursor of an earlier answer; 0, and nothing, mean the first page.
fn cursor_of(cursor: &Value) -> Result<Option<String>, WireProblem> {
    let text = match cursor {
        Value::Null | Value::Bool(_) => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => cursor.to_string(),
    };
    match text.as_str() {
        "" | "0" => Ok(None),
        text if text.len() > CURSOR_BYTES_MAX => {
            Err(invalid("paginationParameters/pageCursor", "this is too long"))
        }
        _ => Ok(Some(text)),
    }
}

fn refused(connect: &Connect, error: SourceError) -> WireProblem {
    let detail = error.to_string();
    match error {
        SourceError::Unknown { .. } => not_found(detail),
        SourceError::Parameters { .. } => invalid("parameters", detail),
        SourceError::Account { .. } => {
            WireProblem::from(Problem::new(&codes::CREDENTIAL_INVALID).detail(detail))
                .of_integration()
        }
        SourceError::Provider { .. } => {
            WireProblem::from(Problem::new(&codes::SOURCE_FAILED).detail(detail)).of_integration()
        }
        SourceError::Away(source) => {
            let after = connect.settings.retry_after;
            Problem::unavailable("open an account for a list", after, &*source).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_has_no_cursor() {
        for (cursor, expected) in [
            (json!(null), None),
            (json!(0), None),
            (json!("0"), None),
            (json!(""), None),
            (json!(20), Some("20")),
            (json!("abc"), Some("abc")),
        ] {
            let read = cursor_of(&cursor).expect("it is short");
            assert_eq!(read.as_deref(), expected, "{cursor}");
        }
        assert!(cursor_of(&json!("x".repeat(8_193))).is_err());
    }
}
