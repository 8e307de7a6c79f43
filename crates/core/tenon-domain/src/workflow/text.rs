//! From text to a tree that remembers where each value stood.
//!
//! YAML and JSON give the same tree, so every later rule is written once. It knows nothing about
//! workflows.

pub(crate) mod json;
pub(crate) mod locate;
pub(crate) mod scalar;
pub(crate) mod tree;
pub(crate) mod yaml;

pub(crate) use tree::{Node, NodeKind, Position};

use tree::TextProblem;

/// What a reader made of a text: the tree unless the syntax is broken, and every problem met.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub root: Option<Node>,
    pub problems: Vec<TextProblem>,
}

/// Reads a document; the file's name tells the language, else its first character does.
pub(crate) fn read(file_name: &str, text: &str, depth_max: usize) -> Reading {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let name = file_name.to_ascii_lowercase();
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    let is_json = name.ends_with(".json") || (!is_yaml && text.trim_start().starts_with('{'));
    if is_json { json::read(text, depth_max) } else { yaml::read(text, depth_max) }
}
