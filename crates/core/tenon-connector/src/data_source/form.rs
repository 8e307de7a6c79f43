//! Items as fields of a form, in the words that the portal and the published SDK know.

use serde_json::{Value, json};
use tenon_expr::Scope;

use super::text;
use crate::context::{Layers, Root};
use crate::manifest::data_sources::{FormField, FormFieldKind, FormOptions};
use crate::request::BuildError;
use crate::request::template::eval;

/// The field of an item.
pub(super) fn field(
    form: &FormField,
    id: String,
    title: String,
    scope: &(dyn Scope + Sync),
) -> Result<Value, BuildError> {
    let kind = text(eval(&form.kind, scope, "the type")?);
    let kind = form.types.get(&kind).copied().unwrap_or(FormFieldKind::Text);
    let is_required = match &form.required {
        Some(source) => eval(source, scope, "`required`")? == Value::Bool(true),
        None => false,
    };
    let items = match &form.options {
        Some(options) => choices(options, scope)?,
        None => Vec::new(),
    };
    Ok(json!({
        "id": id,
        "title": title,
        "type": wire_name(kind),
        "required": is_required,
        "items": items,
    }))
}

fn choices(options: &FormOptions, scope: &(dyn Scope + Sync)) -> Result<Vec<Value>, BuildError> {
    let items = match eval(&options.items, scope, "the field's options")? {
        Value::Array(items) => items,
        _ => return Ok(Vec::new()),
    };
    let mut choices = Vec::with_capacity(items.len());
    for item in &items {
        let scope = Layers::new(scope).with(Root::Option, item);
        let value = text(eval(&options.value, &scope, "the option's value")?);
        if value.is_empty() {
            continue;
        }
        let label = text(eval(&options.label, &scope, "the option's label")?);
        let label = if label.is_empty() { value.clone() } else { label };
        choices.push(json!({ "label": label, "value": value }));
    }
    Ok(choices)
}

/// Clients know these names from before Tenon.
fn wire_name(kind: FormFieldKind) -> &'static str {
    match kind {
        FormFieldKind::Text => "string",
        FormFieldKind::Number => "number",
        FormFieldKind::One => "dropdown",
        FormFieldKind::Many => "multiCheckbox",
    }
}
