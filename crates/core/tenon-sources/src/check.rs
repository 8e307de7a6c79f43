//! Whether the inputs of a document name data sources that the connector has.

use tenon_connector::connector::Connector;
use tenon_connector::manifest::data_sources::SourceKind;
use tenon_domain::document::did_you_mean;
use tenon_domain::portal::{Input, InputKind};
use tenon_domain::workflow::Diagnostic;

/// Every input whose data source is not there, or is not of its kind. Diagnostics carry a pointer
/// below `/inputs` and no line.
#[must_use]
pub fn check_inputs(inputs: &[Input], connector: &Connector) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let Some((source, wanted)) = asked(&input.kind) else { continue };
        let sources = &connector.manifest().data_sources;
        let fitting = || sources.iter().filter(|(_, it)| fits(&it.kind, wanted));
        let (code, message) = match connector.data_source(source) {
            Some(it) if fits(&it.kind, wanted) => continue,
            Some(_) => (
                "wrong_source",
                format!(
                    "the data source \"{source}\" of \"{}\" is not for inputs of type \"{wanted}\"",
                    connector.name()
                ),
            ),
            None => (
                "unknown_source",
                format!("\"{}\" has no data source \"{source}\"", connector.name()),
            ),
        };
        let names: Vec<&str> = fitting().map(|(name, _)| name.as_str()).collect();
        let help = did_you_mean(source, names.iter().copied()).unwrap_or_else(|| {
            if names.is_empty() {
                return format!("the connector has none for inputs of type \"{wanted}\"");
            }
            format!("there are: {}", names.join(", "))
        });
        found.push(Diagnostic {
            file: String::new(),
            line: 0,
            column: 0,
            pointer: format!("/inputs/{index}/source"),
            step: None,
            code,
            message,
            help: Some(help),
        });
    }
    found
}

/// The source that an input names, and the input's type.
fn asked(kind: &InputKind) -> Option<(&str, &'static str)> {
    match kind {
        InputKind::DynamicSelect { source } => Some((source, "dynamic_select")),
        InputKind::Combo { source } => Some((source, "combo")),
        InputKind::DynamicCombo { source } => Some((source, "dynamic_combo")),
        InputKind::FieldMapper { source: Some(source), .. } => Some((source, "field_mapper")),
        _ => None,
    }
}

fn fits(kind: &SourceKind, wanted: &str) -> bool {
    match kind {
        SourceKind::Select(_) | SourceKind::Static(_) => wanted == "dynamic_select",
        SourceKind::Combo(_) => wanted == "combo",
        SourceKind::DynamicCombo(_) => wanted == "dynamic_combo",
        SourceKind::FieldMapper(_) => wanted == "field_mapper",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenon_connector::catalog::Catalog;

    use super::*;

    fn faults(connector: &str, kind: serde_json::Value) -> Vec<(&'static str, String, String)> {
        let mut input = json!({"id": "x", "title": "X"});
        let members = input.as_object_mut().expect("an object");
        members.extend(kind.as_object().expect("an object").clone());
        let inputs = vec![serde_json::from_value(input).expect("an input")];
        let connector = Catalog::default().get(connector).expect("it comes with Tenon");
        let found = check_inputs(&inputs, &connector);
        found.into_iter().map(|it| (it.code, it.pointer, it.help.unwrap_or_default())).collect()
    }

    #[test]
    fn an_input_names_a_source_of_its_kind() {
        assert_eq!(faults("slack", json!({"type": "dynamic_select", "source": "channels"})), []);
        assert_eq!(faults("slack", json!({"type": "text"})), []);
        let found = faults("slack", json!({"type": "dynamic_select", "source": "chanels"}));
        let [(code, pointer, help)] = &found[..] else { panic!("one fault: {found:?}") };
        assert_eq!((*code, pointer.as_str()), ("unknown_source", "/inputs/0/source"));
        assert!(help.contains("channels"), "{help}");
        let found = faults("slack", json!({"type": "combo", "source": "channels"}));
        assert_eq!(found[0].0, "wrong_source");
        assert!(found[0].2.contains("none for inputs of type \"combo\""), "{found:?}");
    }
}
