//! The tree.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// A place in a text; line and column are counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub line: u32,
    pub column: u32,
}

/// A value and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub at: Position,
    pub kind: NodeKind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// Null, a boolean, a number or a text.
    Scalar(Value),
    /// A list.
    Array(Vec<Node>),
    /// A mapping, in the order of the text, its keys distinct.
    Object(Vec<Member>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub key: String,
    pub key_at: Position,
    pub value: Node,
}

/// Something wrong with the text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextProblem {
    pub at: Position,
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
    /// The value is not in the tree as it was meant, so rules about it would mislead.
    pub loses_value: bool,
}

impl TextProblem {
    pub(crate) fn new(code: &'static str, at: Position, message: impl Into<String>) -> Self {
        Self { at, code, message: message.into(), help: None, loses_value: false }
    }

    pub(crate) fn losing_value(mut self) -> Self {
        self.loses_value = true;
        self
    }

    pub(crate) fn help(mut self, help: &str) -> Self {
        self.help = Some(help.to_owned());
        self
    }
}

impl Node {
    /// A tree without positions, for a document that came as a JSON value.
    pub(crate) fn of_value(value: Value) -> Self {
        let kind = match value {
            Value::Array(items) => NodeKind::Array(items.into_iter().map(Self::of_value).collect()),
            Value::Object(members) => NodeKind::Object(
                members
                    .into_iter()
                    .map(|(key, value)| Member {
                        key,
                        key_at: Position::default(),
                        value: Self::of_value(value),
                    })
                    .collect(),
            ),
            scalar => NodeKind::Scalar(scalar),
        };
        Self { at: Position::default(), kind }
    }

    /// The value without positions.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar(value) => value.clone(),
            NodeKind::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            NodeKind::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The text, if it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The member's value, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.member(key).map(|member| &member.value)
    }

    /// The member, if this is a mapping that has it.
    pub(crate) fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            NodeKind::Object(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
    }

    /// How deeply lists and mappings are nested; a scalar has depth 0.
    pub(crate) fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut todo = vec![(self, 0)];
        while let Some((node, depth)) = todo.pop() {
            deepest = deepest.max(depth);
            match &node.kind {
                NodeKind::Scalar(_) => {}
                NodeKind::Array(items) => todo.extend(items.iter().map(|item| (item, depth + 1))),
                NodeKind::Object(members) => {
                    todo.extend(members.iter().map(|member| (&member.value, depth + 1)));
                }
            }
        }
        deepest
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(Value::Null) => "nothing (null)",
            NodeKind::Scalar(Value::Bool(_)) => "true or false",
            NodeKind::Scalar(Value::Number(_)) => "a number",
            NodeKind::Scalar(_) => "text",
            NodeKind::Array(_) => "a list",
            NodeKind::Object(_) => "a mapping",
        }
    }
}

/// A list or mapping that is being read. Both readers build with it, so both keep its rules:
/// keys are distinct, nesting is bounded.
#[derive(Debug)]
pub(crate) enum Open {
    Array {
        at: Position,
        items: Vec<Node>,
    },
    Object {
        at: Position,
        members: Vec<Member>,
        keys: HashSet<String>,
        key: Option<(String, Position)>,
    },
}

impl Open {
    pub(crate) fn array(at: Position) -> Self {
        Self::Array { at, items: Vec::new() }
    }

    pub(crate) fn object(at: Position) -> Self {
        Self::Object { at, members: Vec::new(), keys: HashSet::new(), key: None }
    }

    /// Whether what comes next is a key.
    pub(crate) fn wants_key(&self) -> bool {
        matches!(self, Self::Object { key: None, .. })
    }

    /// Takes a key.
    pub(crate) fn set_key(&mut self, name: String, at: Position) {
        if let Self::Object { key, .. } = self {
            *key = Some((name, at));
        }
    }

    /// Takes a value; a key that was there before is a problem, and its second value is dropped.
    pub(crate) fn push(&mut self, node: Node, problems: &mut Vec<TextProblem>) {
        match self {
            Self::Array { items, .. } => items.push(node),
            Self::Object { members, keys, key, .. } => {
                let Some((name, key_at)) = key.take() else { return };
                if keys.insert(name.clone()) {
                    members.push(Member { key: name, key_at, value: node });
                } else {
                    let message = format!("key \"{name}\" is there twice");
                    problems.push(
                        TextProblem::new("duplicate_key", key_at, message)
                            .help("keep one of the two"),
                    );
                }
            }
        }
    }

    /// The finished value.
    pub(crate) fn close(self) -> Node {
        match self {
            Self::Array { at, items } => Node { at, kind: NodeKind::Array(items) },
            Self::Object { at, members, .. } => Node { at, kind: NodeKind::Object(members) },
        }
    }
}

/// The problem of a value that is nested too deeply.
pub(crate) fn too_deep(at: Position, depth_max: usize) -> TextProblem {
    TextProblem::new("too_deep", at, format!("values are nested more than {depth_max} deep"))
}
