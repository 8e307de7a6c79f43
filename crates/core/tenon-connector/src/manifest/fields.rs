//! Fields: what people fill in, or what is filled in for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// `[a-z][a-z0-9_]{0,62}`; read as `{{fields.<name>}}` or `{{app.<name>}}`.
    pub name: String,
    /// The label.
    pub title: String,
    /// Text when left out.
    #[serde(default, rename = "type")]
    pub kind: FieldKind,
    /// Help in one or two sentences: where the value is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A page that shows where the value is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help_url: Option<String>,
    /// Shown as a placeholder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// Kept in the vault; `password` always is.
    #[serde(default)]
    pub secret: bool,
    /// Used when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// A regular expression (linear-time syntax) that the whole value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Said when `pattern` or the type does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Choices of a `select`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<FieldOption>,
    /// Taken off the front when a person pasted it, such as `https://`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strip_prefix: Vec<String>,
    /// Taken off the end, such as `.zendesk.com`; so is a trailing `/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strip_suffix: Vec<String>,
    /// Filled in by the callback or `lifecycle.identity`, and not asked for before. One of an auth
    /// method that is required and was not filled in is asked for afterwards.
    #[serde(default)]
    pub automated: bool,
    /// Asked for only where another field has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_when: Option<VisibleWhen>,
}

/// What kind of value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One line of text, at most 4,096 bytes.
    #[default]
    Text,
    /// Several lines (a PEM key), at most 65,536 bytes.
    Multiline,
    /// One line, never shown again, kept in the vault.
    Password,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of `options`.
    Select,
    /// An absolute https URL.
    Url,
    /// A host name without scheme, port and path.
    Host,
    /// One label of a host name: letters, digits, hyphens; safe inside `{{x}}.vendor.com`.
    Subdomain,
    /// An e-mail address.
    Email,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldOption {
    /// The value.
    pub value: String,
    /// The label.
    pub label: String,
}

/// A condition on another field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VisibleWhen {
    /// The other field.
    pub field: String,
    /// Its value.
    pub equals: Value,
}
