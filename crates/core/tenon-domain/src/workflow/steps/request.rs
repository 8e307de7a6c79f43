//! Calls an HTTP service.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::{Condition, Source};

/// `type: request`. Output: `{"response": {"statusCode", "headers", "body"}}`. A status of 400
/// or more fails the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestStep {
    /// GET when left out.
    #[serde(default)]
    pub method: Method,
    /// Absolute, http or https; may hold templates, whose values are encoded for their place.
    pub url: Source,
    /// Query parameters; an array gives the name more than once, null leaves it out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Source>,
    /// Headers; null leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Source>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RequestBody>,
    /// Who asks.
    #[serde(default)]
    pub auth: RequestAuth,
    /// How to fetch all pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// How the answer is read.
    #[serde(default)]
    pub response: ResponseFormat,
    /// Limit of one call in milliseconds, at most the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
}

impl Method {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// The body of a request; `{json: {...}}`, `{form: {...}}` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestBody {
    /// `application/json`.
    Json(Source),
    /// `application/x-www-form-urlencoded`; arrays repeat the name.
    Form(BTreeMap<String, Source>),
    /// `multipart/form-data`.
    Multipart(Vec<MultipartPart>),
    /// `{"query", "variables", "operationName"}` as JSON.
    Graphql(GraphqlBody),
    /// `application/xml`: text, whose templates are escaped.
    Xml(Source),
    /// Text or a file value as it is.
    Raw(RawBody),
}

/// One part of a multipart body: `value` or `file`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultipartPart {
    /// The field's name.
    pub name: String,
    /// A text field, or JSON when it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Source>,
    /// A file value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Source>,
    /// Replaces the file value's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<Source>,
    /// Replaces the file value's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// A GraphQL call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlBody {
    /// The query's text; not a template, so values go into `variables`.
    pub query: String,
    /// The variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Source>,
    /// Which operation of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_name: Option<String>,
}

/// A body as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBody {
    /// Text or a file value.
    pub content: Source,
    /// Its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestAuth {
    /// Nobody.
    #[default]
    None,
    /// `Authorization: Bearer <token>`.
    Bearer {
        /// The token.
        token: Source,
    },
    /// HTTP Basic.
    Basic {
        /// User name.
        username: Source,
        /// Password.
        password: Source,
    },
    /// Query parameters.
    Query {
        /// Names and values.
        params: BTreeMap<String, Source>,
    },
    /// Headers.
    Header {
        /// Names and values.
        headers: BTreeMap<String, Source>,
    },
    /// OAuth 2 client credentials; the token is kept until shortly before it expires.
    Oauth2ClientCredentials {
        /// The token endpoint.
        token_url: Source,
        /// Client id.
        client_id: Source,
        /// Client secret.
        client_secret: Source,
        /// Scopes, separated by spaces.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Source>,
        /// Further fields of the token request.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        extra: BTreeMap<String, Source>,
        /// Client id and secret in the body, not as HTTP Basic.
        #[serde(default)]
        credentials_in_body: bool,
    },
}

/// How to fetch all pages. The request's own templates see `{{self.pageToken}}` (null on the
/// first page); the templates here see `{{self.response.body}}`, `.headers`, `.statusCode`, and
/// `{{self.page}}`, the number of the page just read, from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// The next page's token; null or empty text ends.
    pub page_token: Source,
    /// The page's items, an array.
    pub items: Source,
    /// Stop after a page for which this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_when: Option<Condition>,
    /// The most pages to read.
    #[serde(default = "default_pages_max")]
    pub pages_max: u32,
}

fn default_pages_max() -> u32 {
    1_000
}

/// How the answer is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// By its content type: JSON, text, else a file value.
    #[default]
    Auto,
    /// JSON.
    Json,
    /// Text.
    Text,
    /// A file value: `{data, dataType: "FILE", encoding: "base64", mimeType, name, size}`.
    Binary,
}
