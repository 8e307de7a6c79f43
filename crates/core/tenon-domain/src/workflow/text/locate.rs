//! From a pointer, and a place inside a text value, to a line and a column.

use super::tree::{Member, Node, NodeKind, Position};

/// Where a pointer leads: the node, or the nearest ancestor that exists, and the key before it.
pub(crate) struct Found<'a> {
    pub node: &'a Node,
    pub member: Option<&'a Member>,
}

/// Follows an RFC 6901 pointer as far as it goes.
pub(crate) fn find<'a>(root: &'a Node, pointer: &str) -> Found<'a> {
    let mut found = Found { node: root, member: None };
    for token in pointer.split('/').skip(1) {
        let next = match &found.node.kind {
            NodeKind::Object(_) => found
                .node
                .member(&unescape(token))
                .map(|member| Found { node: &member.value, member: Some(member) }),
            NodeKind::Array(items) => token
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
                .map(|node| Found { node, member: None }),
            NodeKind::Scalar(_) => None,
        };
        match next {
            Some(next) => found = next,
            None => break,
        }
    }
    found
}

/// One token of a pointer, escaped.
pub(crate) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The place of a byte of a text value: exact where the text stands in the source as it is (a
/// plain or quoted scalar on one line, a line of a literal block), else the value's start.
pub(crate) fn place(source: &str, node: &Node, offset: usize) -> Position {
    let Some(text) = node.as_str() else { return node.at };
    let Some(before) = text.get(..offset.min(text.len())) else { return node.at };
    in_line(source, node.at, text, before)
        .or_else(|| in_block(source, node.at, text, before))
        .unwrap_or(node.at)
}

fn line(source: &str, number: u32) -> Option<&str> {
    source.lines().nth(number.checked_sub(1)? as usize)
}

fn in_line(source: &str, at: Position, text: &str, before: &str) -> Option<Position> {
    let line = line(source, at.line)?;
    let (start, _) = line.char_indices().nth(at.column.checked_sub(1)? as usize)?;
    let rest = &line[start..];
    let quote = u32::from(rest.starts_with(['"', '\'']) && !text.starts_with(['"', '\'']));
    let written = rest.get(quote as usize..)?;
    written
        .starts_with(text)
        .then(|| Position { line: at.line, column: at.column + quote + count(before) })
}

/// A literal block keeps its lines; each stands in the source after its indentation.
fn in_block(source: &str, at: Position, text: &str, before: &str) -> Option<Position> {
    let nth = u32::try_from(before.matches('\n').count()).ok()?;
    let in_line = before.rsplit('\n').next()?;
    let wanted = text.lines().nth(nth as usize)?;
    // Some scanners put a block's start on its header, others on its first line.
    (0..=1).find_map(|header| {
        let number = at.line + header + nth;
        let indentation = line(source, number)?.strip_suffix(wanted)?;
        indentation
            .trim()
            .is_empty()
            .then(|| Position { line: number, column: count(indentation) + 1 + count(in_line) })
    })
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// The first template below `node` that refers to `root`, as a node and a byte of its text.
pub(crate) fn mention<'a>(
    node: &'a Node,
    root: &str,
    is_optional: bool,
) -> Option<(&'a Node, usize)> {
    match &node.kind {
        NodeKind::Scalar(_) => {
            let text = node.as_str()?;
            mention_in(text, root, is_optional).map(|offset| (node, offset))
        }
        NodeKind::Array(items) => items.iter().find_map(|item| mention(item, root, is_optional)),
        NodeKind::Object(members) => {
            members.iter().find_map(|member| mention(&member.value, root, is_optional))
        }
    }
}

/// Looks only inside holes, each once.
fn mention_in(text: &str, root: &str, is_optional: bool) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    let mut from = 0;
    while let Some(open) = text[from..].find("{{") {
        let start = from + open + 2;
        let end = text[start..].find("}}").map_or(text.len(), |length| start + length);
        let hole = &text[start..end];
        let found = hole.match_indices(root).map(|(offset, _)| offset).find(|&offset| {
            let before = hole[..offset].chars().next_back();
            let after = hole[offset + root.len()..].chars().next();
            let is_path = before.is_some_and(|c| is_word(c) || matches!(c, '.' | '"' | '\''));
            !is_path && !after.is_some_and(is_word) && is_optional == (after == Some('?'))
        });
        if let Some(offset) = found {
            return Some(start + offset);
        }
        from = end;
    }
    None
}
