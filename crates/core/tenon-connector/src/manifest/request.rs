//! Requests as data, and how answers go on to further pages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_domain::workflow::steps::request::{Method, RequestBody};
use tenon_expr::{Condition, Source};

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestSpec {
    /// GET when left out.
    #[serde(default)]
    pub method: Method,
    /// Relative to the base URL of `proxy`, or absolute with a host that `proxy` allows (requests
    /// of `auth` may go to the host of any URL of the method). Values of templates are encoded
    /// for their place.
    pub url: Source,
    /// Query parameters; a list gives the name more than once, null leaves it out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Source>,
    /// Headers; null leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Source>,
    /// The body. Members of a JSON object or form whose value is null are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RequestBody>,
}

/// A request of a sequence, and what later ones see of its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestStep {
    /// `[a-z][a-z0-9_]*`; read as `{{steps.<id>.<name>}}`.
    pub id: String,
    /// Left out where this does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The request.
    pub request: RequestSpec,
    /// What is kept of the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub save: BTreeMap<String, Source>,
}

/// How to fetch all pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// The items of a page, an array.
    pub items: Source,
    /// How the next page is asked for.
    pub next: NextPage,
    /// The size of a page, where it can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<PageSize>,
    /// Stop after a page for which this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_when: Option<Condition>,
}

/// How the next page is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum NextPage {
    /// A token from the answer goes into the next request. Null or empty ends.
    Cursor {
        /// The token.
        cursor: Source,
        /// Where it goes.
        place: Place,
    },
    /// The answer holds the URL of the next page. Null or empty ends; the host must be allowed.
    Url {
        /// The URL.
        url: Source,
    },
    /// The `Link` header's `rel="next"` (RFC 8288).
    LinkHeader {},
    /// Counts items: 0, size, 2 x size... A page with fewer items than its size ends.
    Offset {
        /// Where it goes.
        place: Place,
    },
    /// Counts pages. A page without items, or with fewer than its size, ends.
    Page {
        /// Where it goes.
        place: Place,
        /// The number of the first page.
        #[serde(default = "one")]
        first: u32,
    },
}

fn one() -> u32 {
    1
}

/// The size of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageSize {
    /// Where it goes.
    pub place: Place,
    /// Items, at most what the provider allows.
    pub items: u32,
}

/// A place in a request: one of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A query parameter.
    Query(String),
    /// A header.
    Header(String),
    /// A member of the JSON or form body; dots go deeper: `variables.after`.
    Body(String),
}
