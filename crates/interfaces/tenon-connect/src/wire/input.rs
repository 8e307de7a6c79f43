//! Inputs: what forms of the portal, and of the builder's own pages, ask for.

use serde::Serialize;
use serde_json::Value;
use tenon_connector::field_values::is_secret;
use tenon_connector::manifest::fields::{Field, FieldKind};
use tenon_domain::portal::{Input, InputKind};

use super::source::{WireOption, static_key};

/// An input as the SDK knows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireInput {
    id: String,
    title: String,
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tooltip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<Value>,
    #[serde(skip_serializing_if = "is_false")]
    hidden: bool,
    #[serde(skip_serializing_if = "is_false")]
    read_only: bool,
    /// The `type` of an HTML input.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<WireOption>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_is_default: Option<bool>,
    /// Empty, and there all the same: the SDK puts the app's options into a list that it finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_dropdown_options: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_field_mappings: Option<Vec<Label>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_dynamic_mapper: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_object_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_dynamic_fields: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Label {
    label: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Scopes {
    values: Vec<ScopeValue>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ScopeValue {
    name: String,
    label: String,
    description: String,
    required: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl WireInput {
    /// A setting; `place` tells the options of inputs of the same id apart.
    pub(crate) fn of_setting(place: &str, input: &Input) -> Self {
        let base = Self {
            id: input.id.clone(),
            title: input.title.clone(),
            kind: input.kind.wire_name(),
            required: input.required,
            subtitle: input.subtitle.clone(),
            placeholder: input.placeholder.clone(),
            tooltip: input.tooltip.clone(),
            documentation_link: input.documentation_url.clone(),
            default_value: input.default.clone(),
            hidden: input.hidden,
            read_only: input.read_only,
            ..Self::default()
        };
        base.with_kind(place, input)
    }

    fn with_kind(self, place: &str, input: &Input) -> Self {
        let labels = |fields: &[String]| {
            Some(fields.iter().map(|label| Label { label: label.clone() }).collect())
        };
        match &input.kind {
            InputKind::Select { options } => {
                let values = options.iter().map(|option| WireOption {
                    label: option.label.clone(),
                    value: option.value.clone(),
                });
                Self {
                    source_type: Some(static_key(place, &input.id)),
                    values: Some(values.collect()),
                    ..self
                }
            }
            InputKind::DynamicSelect { source } => {
                Self { source_type: Some(source.clone()), ..self }
            }
            InputKind::CustomDropdown { key } => Self {
                key: Some(key.clone()),
                key_is_default: Some(false),
                custom_dropdown_options: Some([]),
                ..self
            },
            InputKind::Combo { source } => Self {
                source_type: Some(source.clone()),
                saved_field_mappings: labels(&[]),
                ..self
            },
            InputKind::DynamicCombo { source } => {
                Self { source_type: Some(source.clone()), use_dynamic_fields: Some(true), ..self }
            }
            InputKind::FieldMapper { source, object, fields } => Self {
                source_type: source.clone(),
                use_dynamic_mapper: Some(object.is_some()),
                dynamic_object_name: object.clone(),
                saved_field_mappings: labels(fields),
                ..self
            },
            InputKind::Permission { scopes } => Self {
                required_scopes: Some(scopes.clone()),
                scopes: Some(Scopes {
                    values: scopes.iter().map(|one| ScopeValue::of(one)).collect(),
                }),
                ..self
            },
            _ => self,
        }
    }

    /// Something that is asked for while an account is connected. Never a secret's default.
    pub(crate) fn of_field(field: &Field) -> Self {
        let (kind, input_type) = match field.kind {
            _ if is_secret(field) && field.kind != FieldKind::Multiline => {
                ("PASSWORD", Some("password"))
            }
            FieldKind::Multiline => ("TEXTAREA_NO_VARS", None),
            FieldKind::Boolean => ("SWITCH", None),
            FieldKind::Select => ("ENUM", None),
            FieldKind::Number => ("TEXT_NO_VARS", Some("number")),
            FieldKind::Url => ("TEXT_NO_VARS", Some("url")),
            FieldKind::Email => ("TEXT_NO_VARS", Some("email")),
            FieldKind::Text | FieldKind::Password | FieldKind::Host | FieldKind::Subdomain => {
                ("TEXT_NO_VARS", Some("text"))
            }
        };
        let has_options = !field.options.is_empty();
        let options = field
            .options
            .iter()
            .map(|option| WireOption { label: option.label.clone(), value: option.value.clone() });
        Self {
            id: field.name.clone(),
            title: field.title.clone(),
            kind,
            input_type,
            required: !field.optional && field.default.is_none() && field.visible_when.is_none(),
            subtitle: field.description.clone(),
            placeholder: field.example.clone(),
            documentation_link: field.help_url.clone(),
            default_value: field.default.clone().filter(|_| !is_secret(field)),
            prefix_label: field.strip_prefix.first().cloned(),
            suffix_label: field.strip_suffix.first().cloned(),
            source_type: has_options.then(|| static_key("connect", &field.name)),
            values: has_options.then(|| options.collect()),
            ..Self::default()
        }
    }
}

impl ScopeValue {
    fn of(scope: &str) -> Self {
        Self {
            name: scope.to_owned(),
            label: scope.to_owned(),
            description: String::new(),
            required: true,
        }
    }
}
