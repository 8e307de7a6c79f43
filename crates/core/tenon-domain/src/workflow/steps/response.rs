//! Answers the caller of a request trigger; the run goes on after it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Source;

/// `type: response`. Output: `{"statusCode": 200}`. Only in a workflow with a request trigger;
/// the first Response step that is reached answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResponseStep {
    /// 200 to 599; a number or a template.
    #[serde(default = "ok")]
    pub status: Source,
    /// Headers to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Source>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<ResponseBody>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ResponseBody {
    /// Any JSON value.
    Json(Source),
    /// A file value, as a request step with a binary answer gives it.
    File(Source),
}

fn ok() -> Source {
    Source::compile(&serde_json::Value::from(200)).expect("a number holds no template")
}
