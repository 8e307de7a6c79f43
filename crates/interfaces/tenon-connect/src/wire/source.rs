//! Where the options of an input come from.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tenon_connector::manifest::Manifest;
use tenon_connector::manifest::data_sources::{self as declared, SourceKind};
use tenon_connector::manifest::fields::{Field, FieldOption};
use tenon_domain::portal::{Input, InputKind};

/// An option of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct WireOption {
    pub(crate) label: String,
    pub(crate) value: String,
}

impl WireOption {
    fn of(option: &FieldOption) -> Self {
        Self { label: option.label.clone(), value: option.value.clone() }
    }
}

/// Options that the provider has; loaded with `POST sdk/actions` under the key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DynamicSource {
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    cache_key: String,
    /// Keys of the sources whose chosen values have to come along as parameters.
    refresh_dependencies: Vec<String>,
    support_pagination: bool,
}

/// Where options come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum DataSource {
    Dynamic(DynamicSource),
    Other(OtherSource),
}

/// Sources of more than one part, and those that need no provider.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub(crate) enum OtherSource {
    #[serde(rename = "STATIC_ENUM_DATA_SOURCE")]
    Static { id: String, title: String, values: Vec<WireOption> },
    #[serde(rename = "FIELD_MAPPER_DATA_SOURCE")]
    FieldMapper {
        id: String,
        title: String,
        record_source: DynamicSource,
        field_source: DynamicSource,
    },
    #[serde(rename = "COMBO_INPUT_DATA_SOURCE")]
    Combo {
        id: String,
        title: String,
        main_input_source: DynamicSource,
        dependent_input_source: DynamicSource,
    },
    #[serde(rename = "DYNAMIC_COMBO_INPUT_DATA_SOURCE")]
    DynamicCombo {
        id: String,
        title: String,
        main_input_source: DynamicSource,
        dependent_input_source: DynamicSource,
        variable_input_source: DynamicSource,
        hover_display_text: String,
    },
}

/// All sources of an integration, by the key that inputs name.
pub(crate) type DataSources = BTreeMap<String, DataSource>;

fn dynamic(key: String, title: &str, depends_on: &[&str]) -> DynamicSource {
    DynamicSource {
        kind: "DYNAMIC_DATA_SOURCE",
        title: title.to_owned(),
        cache_key: key,
        refresh_dependencies: depends_on.iter().map(|&key| key.to_owned()).collect(),
        support_pagination: true,
    }
}

/// The key of the options of a `select`, which belong to one input.
pub(crate) fn static_key(place: &str, input: &str) -> String {
    format!("{place}.{input}")
}

/// Adds the data sources that the connector describes, whether or not an input uses them: the
/// builder's own page may. Parts are lists of their own, with their own keys.
pub(crate) fn add_declared(sources: &mut DataSources, manifest: &Manifest) {
    for (key, source) in &manifest.data_sources {
        let wire = match &source.kind {
            SourceKind::Select(_) => DataSource::Dynamic(list(manifest, key)),
            SourceKind::Static(fixed) => DataSource::Other(OtherSource::Static {
                id: key.clone(),
                title: source.title.clone(),
                values: fixed.options.iter().map(WireOption::of).collect(),
            }),
            SourceKind::FieldMapper(declared::FieldMapper { records, fields }) => {
                DataSource::Other(OtherSource::FieldMapper {
                    id: key.clone(),
                    title: source.title.clone(),
                    record_source: list(manifest, records),
                    field_source: list(manifest, fields),
                })
            }
            SourceKind::Combo(declared::Combo { main, dependent }) => {
                DataSource::Other(OtherSource::Combo {
                    id: key.clone(),
                    title: source.title.clone(),
                    main_input_source: list(manifest, main),
                    dependent_input_source: list(manifest, dependent),
                })
            }
            SourceKind::DynamicCombo(declared::DynamicCombo { main, dependent, fields }) => {
                DataSource::Other(OtherSource::DynamicCombo {
                    id: key.clone(),
                    title: source.title.clone(),
                    main_input_source: list(manifest, main),
                    dependent_input_source: list(manifest, dependent),
                    variable_input_source: list(manifest, fields),
                    hover_display_text: source.title.clone(),
                })
            }
        };
        sources.insert(key.clone(), wire);
    }
}

/// A list, by its key. One that never changes is asked for like the others where it is a part.
fn list(manifest: &Manifest, key: &str) -> DynamicSource {
    let source = manifest.data_sources.get(key);
    let title = source.map_or(key, |source| source.title.as_str());
    let depends_on = match source.map(|source| &source.kind) {
        Some(SourceKind::Select(select)) => select.depends_on.as_slice(),
        _ => &[],
    };
    let depends_on: Vec<&str> = depends_on.iter().map(String::as_str).collect();
    dynamic(key.to_owned(), title, &depends_on)
}

/// Adds what an input takes its options from, where the connector does not describe it. A source
/// of several parts then has the keys `<source>.main`, `.dependent` and `.fields`.
pub(crate) fn add_input(sources: &mut DataSources, place: &str, input: &Input) {
    let title = input.title.as_str();
    let part = |source: &str, part: &str| format!("{source}.{part}");
    let (key, source) = match &input.kind {
        InputKind::Select { options } => {
            let key = static_key(place, &input.id);
            let values = options.iter().map(|option| WireOption {
                label: option.label.clone(),
                value: option.value.clone(),
            });
            let source = OtherSource::Static {
                id: key.clone(),
                title: title.to_owned(),
                values: values.collect(),
            };
            (key, DataSource::Other(source))
        }
        InputKind::DynamicSelect { source } => {
            (source.clone(), DataSource::Dynamic(dynamic(source.clone(), title, &[])))
        }
        InputKind::Combo { source } => {
            let main = part(source, "main");
            let dependent = dynamic(part(source, "dependent"), title, &[&main]);
            let combo = OtherSource::Combo {
                id: source.clone(),
                title: title.to_owned(),
                main_input_source: dynamic(main, title, &[]),
                dependent_input_source: dependent,
            };
            (source.clone(), DataSource::Other(combo))
        }
        InputKind::DynamicCombo { source } => {
            let (main, dependent) = (part(source, "main"), part(source, "dependent"));
            let combo = OtherSource::DynamicCombo {
                id: source.clone(),
                title: title.to_owned(),
                variable_input_source: dynamic(part(source, "fields"), title, &[&main, &dependent]),
                dependent_input_source: dynamic(dependent, title, &[&main]),
                main_input_source: dynamic(main, title, &[]),
                hover_display_text: title.to_owned(),
            };
            (source.clone(), DataSource::Other(combo))
        }
        InputKind::FieldMapper { source: Some(source), .. } => {
            let main = part(source, "main");
            let mapper = OtherSource::FieldMapper {
                id: source.clone(),
                title: title.to_owned(),
                field_source: dynamic(part(source, "fields"), title, &[&main]),
                record_source: dynamic(main, title, &[]),
            };
            (source.clone(), DataSource::Other(mapper))
        }
        _ => return,
    };
    sources.entry(key).or_insert(source);
}

/// Adds the choices of a field that is asked for while connecting.
pub(crate) fn add_field(sources: &mut DataSources, field: &Field) {
    if field.options.is_empty() {
        return;
    }
    let key = static_key("connect", &field.name);
    let source = OtherSource::Static {
        id: key.clone(),
        title: field.title.clone(),
        values: field.options.iter().map(WireOption::of).collect(),
    };
    sources.entry(key).or_insert(DataSource::Other(source));
}

/// The value that a `KeyedSource` of a request holds; other forms cannot come from a page.
pub(crate) fn value_of(source: &Value) -> Option<&Value> {
    (source.get("type")?.as_str()? == "VALUE").then(|| source.get("value")).flatten()
}
