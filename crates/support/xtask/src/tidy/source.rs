//! Just enough Rust to count: code without comments and literals, functions, test modules.
//!
//! It is no parser. It tells code from text and matches brackets; macros are taken as they stand.

use std::ops::Range;

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// The line of `fn`, from 1.
    pub(super) line: usize,
    /// Lines from `fn` to the closing bracket.
    pub(super) length: usize,
}

/// The text with comments and the insides of literals made blank. Lines stay where they are.
pub(super) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let is_after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = match next {
            '/' => comment(rest),
            '"' => quoted(rest, '"'),
            '\'' => character(rest),
            'r' | 'b' | 'c' if !is_after_word => prefixed(rest),
            _ => None,
        };
        let (taken, is_text) = match length {
            Some(length) => (length, true),
            None => (next.len_utf8(), false),
        };
        let (piece, after) = rest.split_at(taken);
        if is_text {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(piece);
        }
        rest = after;
    }
    code
}

/// The length of the comment that `text` starts with. Block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut place = 0;
    loop {
        let rest = &text[place..];
        if rest.starts_with("/*") {
            depth += 1;
            place += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return Some(place);
            }
        } else {
            place += rest.chars().next()?.len_utf8();
        }
    }
}

/// The length of the literal that `text` starts with, from `quote` to `quote`.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (place, next) in text.char_indices().skip(1) {
        match next {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if next == quote => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// The length of a character literal; none for a lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = &text[1..];
    let first = inside.chars().next()?;
    if first == '\\' {
        return quoted(text, '\'');
    }
    let end = 1 + first.len_utf8();
    text[end..].starts_with('\'').then_some(end + 1)
}

/// The length of a literal with a prefix: raw, byte and C strings, byte characters.
fn prefixed(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| text.starts_with(prefix))?;
    let rest = &text[prefix.len()..];
    if !prefix.ends_with('r') {
        let length = match rest.chars().next()? {
            '"' => quoted(rest, '"'),
            '\'' if prefix == "b" => character(rest),
            _ => None,
        };
        return length.map(|length| prefix.len() + length);
    }
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if !rest[hashes..].starts_with('"') {
        return None; // A name that starts with `r`, or a raw name such as `r#type`.
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 1;
    Some(prefix.len() + start + rest[start..].find(&end)? + end.len())
}

/// The functions with a body in `code`, which comes from [`code_of`]. Nested ones are listed too.
pub(super) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let name = code[start + 3..].trim_start();
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        let name = &name[..end];
        if name.is_empty() {
            continue; // A type such as `fn (u8)`.
        }
        let Some(body) = body(code, start) else { continue };
        let line = 1 + lines_before(code, start);
        let length = 1 + lines_before(code, body.end) - lines_before(code, start);
        found.push(Function { name: name.to_owned(), line, length });
    }
    found
}

/// How many lines of `text` are not in a module marked `#[cfg(test)]`.
pub(super) fn lines_without_tests(text: &str) -> usize {
    let code = code_of(text);
    let in_tests: usize = code
        .match_indices("#[cfg(test)]")
        .filter_map(|(start, mark)| {
            let item = code[start + mark.len()..].trim_start();
            let is_module = item.starts_with("mod ") || item.starts_with("pub(crate) mod ");
            let body = is_module.then(|| body(&code, start)).flatten()?;
            Some(1 + lines_before(&code, body.end) - lines_before(&code, start))
        })
        .sum();
    text.lines().count() - in_tests
}

fn lines_before(code: &str, place: usize) -> usize {
    code[..place].matches('\n').count()
}

/// From the first curly bracket after `start` to the one that closes it; none when the item ends
/// with a semicolon.
fn body(code: &str, start: usize) -> Option<Range<usize>> {
    let mut open = None;
    let mut curly = 0_usize;
    let mut other = 0_usize;
    for (place, next) in code[start..].char_indices() {
        match next {
            '{' => {
                open = open.or(Some(start + place));
                curly += 1;
            }
            '}' => {
                curly = curly.checked_sub(1)?;
                if curly == 0 {
                    return Some(open?..start + place);
                }
            }
            '(' | '[' if open.is_none() => other += 1,
            ')' | ']' if open.is_none() => other = other.checked_sub(1)?,
            ';' if open.is_none() && other == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blanked(text: &str, expected: &str) {
        assert_eq!(code_of(text).split_whitespace().collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn comments_and_literals_are_blank() {
        is_blanked("a // b {\nc", "a c");
        is_blanked("a /* b /* c */ d */ e", "a e");
        is_blanked(r#"f("}\"{", '{', '\'', b'{', b"{")"#, "f( , , , , )");
        is_blanked(r##"f(r#"{ " }"#, br"{", cr#"}"#)"##, "f( , , )");
    }

    #[test]
    fn lifetimes_raw_names_and_divisions_are_code() {
        let text = "fn a<'b>(r#type: &'b str) -> u8 { bar / r }";
        assert_eq!(code_of(text), text);
        assert_eq!(code_of("&'b str / 'a'"), "&'b str /    ");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "let a = \"one\ntwo é\"; /* three\nfour */ b\n";
        assert_eq!(code_of(text).lines().count(), text.lines().count());
        assert!(code_of(text).ends_with(" b\n"));
    }

    #[test]
    fn functions_are_measured_to_their_closing_bracket() {
        let text = "trait A {\n    fn declared(&self, a: [u8; 4]);\n}\n\npub fn long(\n    a: [u8; 4],\n) -> u8 {\n    \
                    // }\n    if true { 1 } else { 2 }\n}\nconst F: fn (u8) = g;\n";
        let expected = Function { name: "long".to_owned(), line: 5, length: 6 };
        assert_eq!(functions(&code_of(text)), [expected]);
    }

    #[test]
    fn a_test_module_is_not_counted_and_one_in_its_own_file_is_one_line() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n";
        assert_eq!(lines_without_tests(text), 2);
        let text = "#[cfg(test)]\nmod tests;\n\nfn a() {\n}\n";
        assert_eq!(lines_without_tests(text), 5);
    }
}
