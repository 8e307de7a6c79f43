//! Items as options: labels, values, headings; and finding those that people look for.

use serde_json::{Map, Value, json};
use tenon_expr::{Scope, Source};

use super::{form, text};
use crate::context::{Layers, Root};
use crate::manifest::data_sources::Select;
use crate::manifest::fields::FieldOption;
use crate::pages::Position;
use crate::request::BuildError;
use crate::request::template::{eval, failed};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its options.
    pub options: Options,
    /// The page after it; none after the last one.
    pub next: Option<Position>,
}

/// Options as they are shown, each with the heading that it stands below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(Vec<Shown>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    section: Option<String>,
    record: Value,
}

impl Options {
    /// Those of a list that never changes.
    #[must_use]
    pub fn fixed(options: &[FieldOption]) -> Self {
        let shown = |option: &FieldOption| Shown {
            section: None,
            record: json!({ "label": option.label, "value": option.value }),
        };
        Self(options.iter().map(shown).collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About how much memory they take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_text = |text: &str| text.len() + 48;
        let of_shown = |shown: &Shown| {
            shown.section.as_deref().map_or(0, of_text) + bytes_of(&shown.record) + 64
        };
        self.0.iter().map(of_shown).sum()
    }

    /// Puts further ones behind them.
    pub fn append(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Keeps the first ones only.
    pub fn truncate(&mut self, count: usize) {
        self.0.truncate(count);
    }

    /// Those in which every word of the text is found, whatever the case of its letters.
    #[must_use]
    pub fn find(&self, text: &str) -> Self {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let is_found = |shown: &&Shown| {
            let record = &shown.record;
            let texts = ["label", "title", "subtitle", "value"].map(|name| record[name].as_str());
            let texts = texts.into_iter().flatten().chain(shown.section.as_deref());
            let all: Vec<String> = texts.map(str::to_lowercase).collect();
            words.iter().all(|word| all.iter().any(|text| text.contains(word.as_str())))
        };
        Self(self.0.iter().filter(is_found).cloned().collect())
    }

    /// Every text with `clean` applied: the way to take out what must not be shown.
    pub fn clean(&mut self, clean: &dyn Fn(&str) -> Option<String>) {
        for shown in &mut self.0 {
            if let Some(cleaned) = shown.section.as_deref().and_then(clean) {
                shown.section = Some(cleaned);
            }
            clean_value(&mut shown.record, clean);
        }
    }

    /// As the portal takes them: `{label, value, subtitle?}`, fields of a form, or `{title, items}`
    /// where there are headings. Those of one heading are together, where the first of them was.
    #[must_use]
    pub fn into_records(self) -> Vec<Value> {
        if self.0.iter().all(|shown| shown.section.is_none()) {
            return self.0.into_iter().map(|shown| shown.record).collect();
        }
        let mut sections: Vec<(String, Vec<Value>)> = Vec::new();
        for Shown { section, record } in self.0 {
            let title = section.unwrap_or_default();
            match sections.iter_mut().find(|(known, _)| *known == title) {
                Some((_, items)) => items.push(record),
                None => sections.push((title, vec![record])),
            }
        }
        let one = |(title, items)| json!({ "title": title, "items": Value::Array(items) });
        sections.into_iter().map(one).collect()
    }
}

fn clean_value(value: &mut Value, clean: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(cleaned) = clean(text) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean_value(item, clean)),
        Value::Object(members) => members.values_mut().for_each(|item| clean_value(item, clean)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 32,
        Value::Array(items) => items.iter().map(bytes_of).sum::<usize>() + 32,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + 64 + bytes_of(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
    }
}

/// The options of items.
pub(super) fn read(
    select: &Select,
    items: &[Value],
    scope: &(dyn Scope + Sync),
) -> Result<Options, BuildError> {
    let mut options = Vec::with_capacity(items.len());
    for item in items {
        let scope = Layers::new(scope).with(Root::Item, item);
        if let Some(when) = &select.when
            && !when.eval(&scope).map_err(|error| failed(&error, "`when`"))?
        {
            continue;
        }
        let value = text(eval(&select.value, &scope, "the value")?);
        if value.is_empty() {
            continue;
        }
        let label = text(eval(&select.label, &scope, "the label")?);
        let label = if label.is_empty() { value.clone() } else { label };
        let subtitle = maybe(select.subtitle.as_ref(), &scope, "the subtitle")?;
        let section = maybe(select.section.as_ref(), &scope, "the section")?;
        let record = match &select.form {
            Some(form) => form::field(form, value, label, &scope)?,
            None => {
                let mut record = Map::new();
                record.insert("label".to_owned(), label.into());
                record.insert("value".to_owned(), value.into());
                record.extend(subtitle.map(|text| ("subtitle".to_owned(), text.into())));
                Value::Object(record)
            }
        };
        options.push(Shown { section, record });
    }
    Ok(Options(options))
}

fn maybe(
    source: Option<&Source>,
    scope: &(dyn Scope + Sync),
    what: &str,
) -> Result<Option<String>, BuildError> {
    let Some(source) = source else { return Ok(None) };
    let text = text(eval(source, scope, what)?);
    Ok((!text.is_empty()).then_some(text))
}
