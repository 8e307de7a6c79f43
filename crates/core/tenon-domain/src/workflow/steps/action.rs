//! Does something with a connected account, in the words of its connector.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_expr::Source;

/// `type: action`. Output: `{"result": <what the action gives>}`. Runs with the account of the
/// run's connected user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionStep {
    /// The connector, such as `slack`; `custom.<name>` for one of the project's own.
    pub connector: String,
    /// The id of one of its actions.
    pub action: String,
    /// Which of the user's accounts: its id, or its external id (also as `ext:<external id>`).
    /// The oldest when left out or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Source>,
    /// The action's input, an object. `{}` when left out.
    #[serde(default = "empty_object")]
    pub input: Source,
}

fn empty_object() -> Source {
    Source::compile(&Value::Object(serde_json::Map::new())).expect("an empty object is a source")
}
