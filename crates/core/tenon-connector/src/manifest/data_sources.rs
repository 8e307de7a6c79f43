//! Data sources: options of portal inputs that the provider knows, such as its channels or the
//! fields of its objects.
//!
//! `select` and `static` are lists. The other kinds put lists together for the input of the same
//! name and hold nothing of their own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_expr::{Condition, Source};

use super::fields::FieldOption;
use super::proxy::ErrorRule;
use super::request::{Pagination, Place, RequestSpec};

/// What an input takes its options from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataSource {
    /// For people: what the options are.
    pub title: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: SourceKind,
}

/// What a data source is: `kind` and its own members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceKind {
    /// A list that the provider has, for inputs of type `dynamic_select`.
    Select(Box<Select>),
    /// A list that never changes.
    Static(Static),
    /// Records and their fields, for inputs of type `field_mapper`.
    FieldMapper(FieldMapper),
    /// A list, and one that depends on what was chosen in it, for inputs of type `combo`.
    Combo(Combo),
    /// As `combo`, with a form that depends on both, for inputs of type `dynamic_combo`.
    DynamicCombo(DynamicCombo),
}

/// A list that the provider has. The credential is injected into its request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// Keys of the lists of which something must have been chosen before, seen by templates as
    /// `{{chosen.<key>}}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Scopes that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The action whose request, pages and error rules it uses. It reads, and makes one request a
    /// page. This or `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The action's input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, Source>,
    /// A request of its own. Its templates see `chosen`, and `search` where `search` is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestSpec>,
    /// How further pages are asked for, as in actions. One page is read at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// The items of the answer, an array, where there is no `pagination` that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Source>,
    /// How the provider searches. Left out: what people type is looked for in the options here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Items for which this does not hold are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What people read, of `{{item}}`. The value, where it is empty.
    pub label: Source,
    /// What is stored, of `{{item}}`. An item without it is left out.
    pub value: Source,
    /// A second line, smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<Source>,
    /// The heading that it stands below. Options of one heading are put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<Source>,
    /// Set: each item is a field of a form, for the `fields` of a `dynamic_combo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<FormField>,
    /// What answers mean, before the rules of `proxy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// How long a page may be given again without asking the provider; 0: never.
    #[serde(default = "cache_seconds")]
    pub cache_seconds: u32,
}

fn cache_seconds() -> u32 {
    60
}

/// How a provider searches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Where it goes.
    pub place: Place,
    /// What goes there, with `{{search}}`; the text itself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Source>,
}

/// How an item is a field of a form. Its `value` is the field's id, its `label` the title.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// The provider's name of its type.
    #[serde(rename = "type")]
    pub kind: Source,
    /// What that is here; other types are text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, FormFieldKind>,
    /// Whether it must be filled in; not, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Source>,
    /// What can be chosen, of `one` and `many`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<FormOptions>,
}

/// What a field of a form takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormFieldKind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// One of the options.
    One,
    /// Some of the options.
    Many,
}

/// What can be chosen in a field of a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormOptions {
    /// The options of the field, an array. `label` and `value` see one as `{{option}}`.
    pub items: Source,
    /// What people read; the value, where it is empty.
    pub label: Source,
    /// What is stored.
    pub value: Source,
}

/// A list that never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Static {
    /// What can be chosen.
    pub options: Vec<FieldOption>,
}

/// Records and their fields: keys of lists of this connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldMapper {
    /// The kinds of records, such as contacts and deals.
    pub records: String,
    /// The fields of one kind; depends on `records`.
    pub fields: String,
}

/// A list, and one that depends on it: keys of lists of this connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Combo {
    /// The first list.
    pub main: String,
    /// The second; depends on `main`.
    pub dependent: String,
}

/// Two lists and a form: keys of lists of this connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicCombo {
    /// The first list.
    pub main: String,
    /// The second; depends on `main`.
    pub dependent: String,
    /// The fields of the form, a list with `form`; depends on `main`, or on `main` and `dependent`.
    pub fields: String,
}

impl SourceKind {
    /// The lists that it is put together from, each with the lists that it may depend on, the
    /// first of them always.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, &str, Vec<&str>)> {
        match self {
            Self::Select(_) | Self::Static(_) => Vec::new(),
            Self::FieldMapper(FieldMapper { records, fields }) => {
                vec![("records", records, vec![]), ("fields", fields, vec![records])]
            }
            Self::Combo(Combo { main, dependent }) => {
                vec![("main", main, vec![]), ("dependent", dependent, vec![main])]
            }
            Self::DynamicCombo(DynamicCombo { main, dependent, fields }) => vec![
                ("main", main, vec![]),
                ("dependent", dependent, vec![main]),
                ("fields", fields, vec![main, dependent]),
            ],
        }
    }
}
