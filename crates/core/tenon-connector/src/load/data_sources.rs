//! Data sources: that each says how it is asked for, and that those that are put together fit.

use std::collections::HashSet;

use tenon_domain::document::one_of;
use tenon_domain::workflow::steps::request::Method;

use super::finder::{Finder, at, shown};
use super::names::is_id;
use super::requests::{check_pagination, check_place, errors};
use crate::manifest::Manifest;
use crate::manifest::actions::{Action, Effect};
use crate::manifest::data_sources::{DataSource, Select, SourceKind, Static};
use crate::manifest::request::RequestSpec;

pub(super) fn check(manifest: &Manifest, finder: &mut Finder) {
    for (key, source) in &manifest.data_sources {
        let pointer = at("/data_sources", key);
        if !is_id(key) {
            let message = format!("\"{}\" is not a data source's key", shown(key));
            let help = "use 1 to 63 of a-z, 0-9 and _, starting with a letter";
            finder.say("invalid_name", &pointer, message, help);
        }
        if source.title.trim().is_empty() {
            let pointer = format!("{pointer}/title");
            finder.say("empty_text", &pointer, "this is empty", "write what people should read");
        }
        match &source.kind {
            SourceKind::Select(select) => {
                check_select(manifest, &pointer, select, finder);
                check_dependencies(manifest, &pointer, key, select, finder);
            }
            SourceKind::Static(list) => check_static(&pointer, list, finder),
            SourceKind::FieldMapper(_) | SourceKind::Combo(_) | SourceKind::DynamicCombo(_) => {
                check_parts(manifest, &pointer, &source.kind, finder);
            }
        }
    }
}

fn check_select(manifest: &Manifest, pointer: &str, select: &Select, finder: &mut Finder) {
    errors(&format!("{pointer}/errors"), &select.errors, finder);
    let request = match (&select.request, &select.action) {
        (Some(request), None) => {
            check_own_request(pointer, select, request, finder);
            request
        }
        (None, Some(id)) => match manifest.actions.iter().find(|action| action.id == *id) {
            Some(action) => {
                check_action(pointer, select, action, finder);
                &action.request
            }
            None => {
                let message = format!("there is no action \"{}\"", shown(id));
                let help = one_of(id, manifest.actions.iter().map(|action| action.id.as_str()));
                finder.say("unknown_name", &format!("{pointer}/action"), message, &help);
                return;
            }
        },
        _ => {
            let message = "a list is asked for with action or request";
            finder.say("not_exactly_one", pointer, message, "write one of them");
            return;
        }
    };
    if let Some(search) = &select.search {
        check_place(&format!("{pointer}/search/place"), &search.place, request, finder);
    }
}

fn check_own_request(pointer: &str, select: &Select, request: &RequestSpec, finder: &mut Finder) {
    if select.pagination.is_some() == select.items.is_some() {
        let message = "the items are named by pagination or by items";
        finder.say("not_exactly_one", pointer, message, "write one of them");
    }
    if !select.input.is_empty() {
        let message = "only an action has an input";
        let help = "write the values into the request";
        finder.say("contradiction", &format!("{pointer}/input"), message, help);
    }
    if matches!(request.method, Method::Put | Method::Patch | Method::Delete) {
        let message = "a data source changes nothing";
        finder.say("contradiction", &format!("{pointer}/request"), message, "use GET or POST");
    }
    if let Some(pagination) = &select.pagination {
        check_pagination(&format!("{pointer}/pagination"), pagination, request, finder);
    }
}

fn check_action(pointer: &str, select: &Select, action: &Action, finder: &mut Finder) {
    let at_action = format!("{pointer}/action");
    if action.effect != Effect::Read {
        let message = format!("\"{}\" changes something, a data source does not", action.id);
        finder.say("contradiction", &at_action, message, "name an action whose effect is read");
    }
    if !action.before.is_empty() {
        let message = format!("\"{}\" makes several requests", action.id);
        let help = "name an action without before, or write request";
        finder.say("contradiction", &at_action, message, help);
    }
    if select.pagination.is_some() {
        let message = "the pages are those of the action";
        finder.say("contradiction", &format!("{pointer}/pagination"), message, "remove it");
    }
    match (&action.pagination, &select.items) {
        (None, None) => {
            let message = format!("\"{}\" has no pages, so nothing names its items", action.id);
            let help = "write items: \"{{response.body...}}\"";
            finder.say("missing_field", pointer, message, help);
        }
        (Some(_), Some(_)) => {
            let message = "the items are those of the action's pages";
            finder.say("contradiction", &format!("{pointer}/items"), message, "remove it");
        }
        _ => {}
    }
    let Some(known) = action.input["properties"].as_object() else { return };
    for name in select.input.keys().filter(|name| !known.contains_key(*name)) {
        let message = format!("the input of \"{}\" has no \"{}\"", action.id, shown(name));
        let help = one_of(name, known.keys().map(String::as_str));
        finder.say("unknown_name", &at(&format!("{pointer}/input"), name), message, &help);
    }
}

/// What it depends on are other lists, and none of them depends on it in turn.
fn check_dependencies(
    manifest: &Manifest,
    pointer: &str,
    key: &str,
    select: &Select,
    finder: &mut Finder,
) {
    let mut seen = HashSet::new();
    for (index, other) in select.depends_on.iter().enumerate() {
        let pointer = format!("{pointer}/depends_on/{index}");
        if !seen.insert(other) {
            let message = format!("\"{}\" is named twice", shown(other));
            finder.say("duplicate_name", &pointer, message, "name it once");
        } else if !is_list(manifest, other) {
            no_list(manifest, &pointer, other, finder);
        } else if leads_to(manifest, other, key) {
            let message = format!("\"{}\" depends on \"{key}\" in turn", shown(other));
            finder.say("contradiction", &pointer, message, "one of them comes first");
        }
    }
}

/// Whether `from` is `to`, or depends on it, however far.
fn leads_to(manifest: &Manifest, from: &str, to: &str) -> bool {
    let (mut open, mut seen) = (vec![from], HashSet::new());
    while let Some(key) = open.pop() {
        if key == to {
            return true;
        }
        if !seen.insert(key) {
            continue;
        }
        let source = manifest.data_sources.get(key);
        if let Some(SourceKind::Select(select)) = source.map(|source| &source.kind) {
            open.extend(select.depends_on.iter().map(String::as_str));
        }
    }
    false
}

fn is_list(manifest: &Manifest, key: &str) -> bool {
    let source = manifest.data_sources.get(key);
    source.is_some_and(|it| matches!(it.kind, SourceKind::Select(_) | SourceKind::Static(_)))
}

fn no_list(manifest: &Manifest, pointer: &str, key: &str, finder: &mut Finder) {
    let message = format!("there is no data source \"{}\" that is a list", shown(key));
    let lists = manifest.data_sources.keys().filter(|key| is_list(manifest, key));
    finder.say("unknown_name", pointer, message, &one_of(key, lists.map(String::as_str)));
}

fn check_static(pointer: &str, list: &Static, finder: &mut Finder) {
    let pointer = format!("{pointer}/options");
    if list.options.is_empty() {
        finder.say("empty_list", &pointer, "there is nothing to choose", "write its options");
    }
    let mut seen = HashSet::new();
    for (index, option) in list.options.iter().enumerate() {
        if !seen.insert(&option.value) {
            let message = format!("another option is \"{}\"", shown(&option.value));
            let pointer = format!("{pointer}/{index}/value");
            finder.say("duplicate_name", &pointer, message, "options are unique");
        }
    }
}

fn check_parts(manifest: &Manifest, pointer: &str, kind: &SourceKind, finder: &mut Finder) {
    for (name, key, may_need) in kind.parts() {
        let pointer = format!("{pointer}/{name}");
        let Some(source) = manifest.data_sources.get(key).filter(|_| is_list(manifest, key)) else {
            no_list(manifest, &pointer, key, finder);
            continue;
        };
        check_part(&pointer, source, &may_need, finder);
        let is_form = matches!(&source.kind, SourceKind::Select(it) if it.form.is_some());
        let wants_form = matches!(kind, SourceKind::DynamicCombo(_)) && name == "fields";
        if is_form != wants_form {
            let (message, help) = match wants_form {
                true => ("this is no list of form fields", "give the list form: {type: ...}"),
                false => ("fields of a form are not options", "name a list without form"),
            };
            finder.say("contradiction", &pointer, message, help);
        }
    }
}

/// Screens give a part what was chosen before it, in this order and nothing else.
fn check_part(pointer: &str, source: &DataSource, may_need: &[&str], finder: &mut Finder) {
    let needs: Vec<&str> = match &source.kind {
        SourceKind::Select(select) => select.depends_on.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let fits = may_need.starts_with(&needs) && (may_need.is_empty() || !needs.is_empty());
    if !fits {
        let message = match may_need {
            [] => "the first list depends on nothing".to_owned(),
            all => format!("this list depends on {}, in this order", all.join(" and ")),
        };
        let help = format!("write depends_on: [{}] in it", may_need.join(", "));
        finder.say("contradiction", pointer, message, &help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_what_it_depends_on_and_no_further() {
        let connector = crate::samples::connector(serde_json::json!({"data_sources": {
            "a": {"kind": "static", "title": "A", "options": [{"label": "x", "value": "x"}]},
            "b": {
                "kind": "select", "title": "B", "depends_on": ["a"], "request": {"url": "/b"},
                "items": "{{response.body}}", "label": "{{item}}", "value": "{{item}}",
            },
        }}));
        let manifest = connector.manifest();
        assert!(leads_to(manifest, "b", "a"));
        assert!(!leads_to(manifest, "a", "b"));
        assert!(!leads_to(manifest, "nothing", "b"));
    }
}
