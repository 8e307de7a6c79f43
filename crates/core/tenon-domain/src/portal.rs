//! What a connected user is asked in the portal: *inputs* of an integration (shared by all its
//! workflows) and of a single workflow, and the values that were given, the *settings*.
//!
//! An [`IntegrationDocument`] is what the builder writes for one integration and applies with
//! `tenon apply`, beside the workflows. Showing the portal is not done here.

pub mod inputs;
mod load;
pub(crate) mod rules;
mod schema;
mod settings;
mod values;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::Condition;

pub use inputs::{Input, InputKind, SelectOption};
pub(crate) use load::{check as check_document, read_limits};
pub use load::{load, load_value};
pub use schema::json_schema;
pub use settings::{
    SettingFault, check_settings, filled, missing, secret_of_setting, secret_setting,
};
pub use values::{FILE_BYTES_MAX, VALUE_BYTES_MAX};

/// How an integration looks and what its users are asked, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationDocument {
    /// `integration`: tells this document from a workflow.
    pub kind: IntegrationKind,
    /// The version of the document format: 1.
    pub version: u32,
    /// The connector, such as `slack`, or `custom.<slug>` for one of the project's own.
    pub connector: String,
    /// Whether users may connect and its workflows run.
    #[serde(default = "yes")]
    pub active: bool,
    /// How it looks.
    #[serde(default)]
    pub portal: PortalTexts,
    /// What users are asked once for all workflows of the integration: `{{shared.<id>}}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
}

fn yes() -> bool {
    true
}

/// The one value of [`IntegrationDocument::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationKind {
    /// `integration`.
    Integration,
}

/// How an integration looks in the portal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortalTexts {
    /// One line below the name.
    pub description: Option<String>,
    /// What it does for the user, Markdown without HTML.
    pub overview: Option<String>,
    /// The colour of buttons and switches, `#rrggbb`; the connector's own when left out.
    pub accent_color: Option<String>,
}

/// How a workflow of an integration looks in the portal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowPortal {
    /// What users read; the workflow's name when left out.
    pub title: Option<String>,
    /// More about it, shown on demand.
    pub info: Option<String>,
    /// Not shown: the builder's app switches it on and off.
    pub hidden: bool,
    /// Smaller ones come first; those of the same order by name.
    pub order: i32,
    /// Who may see and use it: a condition on `{{user.id}}` and `{{user.meta.x}}`. Everyone when
    /// left out.
    pub permissions: Option<Condition>,
}
