//! What a connected user is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that a connected user is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Its name, unique in its document: `[a-z][a-z0-9_]{0,62}`.
    pub id: String,
    /// What the user reads.
    pub title: String,
    /// One line below the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// Shown where nothing was given yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// More, shown on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tooltip: Option<String>,
    /// A page that explains it, https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation_url: Option<String>,
    /// Whether a workflow can only be switched on once it has a value.
    #[serde(default = "yes")]
    pub required: bool,
    /// Not shown: the builder's app sets it.
    #[serde(default)]
    pub hidden: bool,
    /// Shown, and set by the builder's app only.
    #[serde(default)]
    pub read_only: bool,
    /// The value where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What kind of value.
    #[serde(flatten)]
    pub kind: InputKind,
}

fn yes() -> bool {
    true
}

/// What kind of value an input takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputKind {
    /// One line of text.
    Text {},
    /// Several lines of text.
    TextArea {},
    /// A number.
    Number {},
    /// An e-mail address.
    Email {},
    /// An http or https URL.
    Url {},
    /// Text that is not shown again. It goes to the vault, settings hold its id.
    Password {},
    /// Yes or no, a check box.
    Boolean {},
    /// On or off, a switch.
    Switch {},
    /// One of the options.
    Select {
        /// What can be chosen.
        options: Vec<SelectOption>,
    },
    /// One of the provider's records, such as a channel.
    DynamicSelect {
        /// The connector's data source.
        source: String,
    },
    /// One of the options that the builder's page hands in when it opens the portal.
    CustomDropdown {
        /// The name under which the page hands them in.
        key: String,
    },
    /// A record of the provider, then something that depends on it, such as a base and a table.
    Combo {
        /// The connector's data source of that form.
        source: String,
    },
    /// As `combo`, with further fields that depend on both.
    DynamicCombo {
        /// The connector's data source of that form.
        source: String,
    },
    /// Which of the provider's fields stand for fields of the builder's app.
    FieldMapper {
        /// The connector's data source of records and fields; none where the builder's page
        /// hands both in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// The name under which the builder's page hands in the fields of its object; then users
        /// may map fields that are not in `fields`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<String>,
        /// The fields of the builder's app that are always there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fields: Vec<String>,
    },
    /// A value to copy, such as a webhook's URL.
    Copyable {},
    /// Scopes that the user grants on demand.
    Permission {
        /// The provider's scopes.
        scopes: Vec<String>,
    },
    /// A file, up to 256 KB.
    File {},
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectOption {
    /// What the user reads.
    pub label: String,
    /// The value of the setting.
    pub value: String,
}

impl InputKind {
    /// Its name in the portal's protocol, which clients know from before Tenon.
    #[must_use]
    pub const fn wire_name(&self) -> &'static str {
        match self {
            Self::Text {} => "TEXT_NO_VARS",
            Self::TextArea {} => "TEXTAREA_NO_VARS",
            Self::Number {} => "NUMBER",
            Self::Email {} => "EMAIL",
            Self::Url {} => "URL",
            Self::Password {} => "PASSWORD",
            Self::Boolean {} => "BOOLEAN_INPUT",
            Self::Switch {} => "SWITCH",
            Self::Select { .. } => "ENUM",
            Self::DynamicSelect { .. } => "DYNAMIC_ENUM",
            Self::CustomDropdown { .. } => "CUSTOM_DROPDOWN",
            Self::Combo { .. } => "COMBO_INPUT",
            Self::DynamicCombo { .. } => "DYNAMIC_COMBO_INPUT",
            Self::FieldMapper { .. } => "FIELD_MAPPER",
            Self::Copyable {} => "COPYABLE_BUTTON_INPUT",
            Self::Permission { .. } => "PERMISSION",
            Self::File {} => "FILE",
        }
    }
}
