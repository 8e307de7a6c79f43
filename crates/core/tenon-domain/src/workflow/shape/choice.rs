//! Choosing among the alternatives of a schema, so that what is wrong is said about the one that
//! was meant.

use serde_json::Value;

use super::{Checker, constants, resolve, shown};
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::suggest::{expected, one_of};
use crate::workflow::text::{Node, NodeKind, locate::escape};

impl<'s> Checker<'s> {
    pub(super) fn choose(&mut self, choices: &'s [Value], node: &mut Node, pointer: String) {
        if let Some(tag) = tag_of(choices) {
            return self.choose_by_tag(choices, tag, node, pointer);
        }
        if choices.iter().all(|choice| only_key(choice).is_some()) {
            return self.choose_by_key(choices, node, pointer);
        }
        let fitting: Vec<&'s Value> =
            choices.iter().filter(|choice| self.fits(choice, node)).collect();
        match fitting.as_slice() {
            [] => self.refuse_type(&choices.iter().collect::<Vec<_>>(), node, &pointer),
            [only] => self.check(only, node, pointer),
            [_, ..] => self.choose_by_keys(&fitting, node, pointer),
        }
    }

    /// Several mappings: the one that knows most of the keys was meant.
    fn choose_by_keys(&mut self, choices: &[&'s Value], node: &mut Node, pointer: String) {
        let known = |choice: &&&'s Value| known_keys(resolve(self.root, choice), node);
        // Of equals, `max_by_key` takes the last, and the first should win.
        let Some(best) = choices.iter().rev().max_by_key(known) else { return };
        if known(&best) > 0 || !matches!(node.kind, NodeKind::Object(_)) {
            return self.check(best, node, pointer);
        }
        let mut names: Vec<&str> = Vec::new();
        for choice in choices {
            let required = resolve(self.root, choice)["required"].as_array();
            names.extend(required.and_then(|names| names.first()?.as_str()));
        }
        names.dedup();
        let message = format!("{} has none of the keys that tell what it is", self.noun(&pointer));
        self.shape.is_beyond_repair = true;
        self.shape
            .findings
            .push(Finding::new("missing_field", pointer, message).help(expected(names)));
    }

    /// `{type: ..., ...}`.
    fn choose_by_tag(&mut self, choices: &'s [Value], tag: &str, node: &mut Node, pointer: String) {
        if !matches!(node.kind, NodeKind::Object(_)) {
            return self.refuse_type(&choices.iter().collect::<Vec<_>>(), node, &pointer);
        }
        let names: Vec<&str> = choices.iter().filter_map(|choice| tag_value(choice, tag)).collect();
        let Some(written) = node.get(tag) else {
            self.shape.is_beyond_repair = true;
            let message = format!("{} needs \"{tag}\"", self.noun(&pointer));
            let finding = Finding::new("missing_field", pointer, message).help(expected(names));
            self.shape.findings.push(finding);
            return;
        };
        let meant = written
            .as_str()
            .and_then(|name| choices.iter().find(|choice| tag_value(choice, tag) == Some(name)));
        match meant {
            Some(choice) => self.check(choice, node, pointer),
            None => {
                let constants: Vec<&Value> =
                    choices.iter().map(|choice| &choice["properties"][tag]["const"]).collect();
                let written = written.clone();
                self.check_constant(&constants, &written, &format!("{pointer}/{tag}"));
            }
        }
    }

    /// `{json: ...}`: exactly one key, which says what is in it.
    fn choose_by_key(&mut self, choices: &'s [Value], node: &mut Node, pointer: String) {
        let NodeKind::Object(members) = &mut node.kind else {
            return self.refuse_type(&choices.iter().collect::<Vec<_>>(), node, &pointer);
        };
        let names: Vec<&str> = choices.iter().filter_map(only_key).collect();
        let noun = self.noun(&pointer);
        match members.as_mut_slice() {
            [member] => {
                let inner = format!("{pointer}/{}", escape(&member.key));
                let meant = choices.iter().find(|choice| only_key(choice) == Some(&member.key));
                if let Some(choice) = meant {
                    let of = &choice["properties"][member.key.as_str()];
                    return self.check(of, &mut member.value, inner);
                }
                let message = format!("unknown field \"{}\" in {noun}", shown(&member.key));
                self.shape.findings.push(
                    Finding::new("unknown_field", inner, message)
                        .at(Spot::Key)
                        .help(one_of(&member.key, names)),
                );
            }
            [] => self.shape.findings.push(
                Finding::new("missing_field", pointer, format!("{noun} is empty"))
                    .help(expected(names)),
            ),
            [_, ..] => self.shape.findings.push(
                Finding::new(
                    "not_exactly_one",
                    pointer,
                    format!("{noun} must have exactly one key"),
                )
                .help(expected(names)),
            ),
        }
        self.shape.is_beyond_repair = true;
    }
}

/// The property that tells all choices apart, if there is one.
fn tag_of(choices: &[Value]) -> Option<&str> {
    let first = choices.first()?["properties"].as_object()?;
    first
        .keys()
        .map(String::as_str)
        .find(|key| choices.iter().all(|choice| tag_value(choice, key).is_some()))
}

fn tag_value<'a>(choice: &'a Value, tag: &str) -> Option<&'a str> {
    choice["properties"][tag]["const"].as_str()
}

/// The one key of a choice that has just one, and needs it.
fn only_key(choice: &Value) -> Option<&str> {
    let properties = choice["properties"].as_object()?;
    let (key, _) = properties.iter().next().filter(|_| properties.len() == 1)?;
    let is_required = choice["required"].as_array()?.iter().any(|name| name == key);
    (is_required && constants(choice).is_none()).then_some(key)
}

fn known_keys(schema: &Value, node: &Node) -> usize {
    let NodeKind::Object(members) = &node.kind else { return 0 };
    members.iter().filter(|member| schema["properties"].get(&member.key).is_some()).count()
}
