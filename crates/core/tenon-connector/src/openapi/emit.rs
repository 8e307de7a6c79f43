//! Writes a JSON value as YAML that people can go on with.

use serde_json::Value;

/// The value as YAML in block style.
pub(super) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, Place::Start, &mut text);
    text
}

/// What stands before the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    AfterKey,
    AfterDash,
}

fn write(value: &Value, indent: usize, place: Place, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 || place == Place::AfterKey {
                    new_line(indent, text);
                }
                text.push_str(&scalar(key));
                text.push(':');
                write(member, indent + 2, Place::AfterKey, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            // A list inside a list begins on the dash's own line.
            for (index, item) in items.iter().enumerate() {
                if index > 0 || place == Place::AfterKey {
                    new_line(indent, text);
                }
                text.push_str("- ");
                write(item, indent + 2, Place::AfterDash, text);
            }
        }
        other => {
            if place == Place::AfterKey {
                text.push(' ');
            }
            match other {
                Value::String(string) => text.push_str(&scalar(string)),
                other => text.push_str(&other.to_string()),
            }
        }
    }
    if place == Place::Start {
        text.push('\n');
    }
}

fn new_line(indent: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}

/// Text as it is where it cannot be taken for anything else, else in double quotes as JSON writes
/// it, which YAML reads alike.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let mut chars = text.chars();
    let is_plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
        && chars.all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, ' ' | '_' | '-' | '.' | '/' | ',' | '(' | ')' | '\'')
        })
        && !text.ends_with(' ')
        && text.len() <= 400
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let quoted = serde_json::to_string(text).expect("text is JSON");
    // JSON leaves these as they are, and YAML takes them for ends of lines.
    quoted
        .replace('\u{85}', "\\u0085")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
        .replace('\u{feff}', "\\ufeff")
        .replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenon_domain::document::{Document, ReadLimits};

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({
            "plain": "A text, with (marks) and it's fine",
            "words": ["true", "No", "null", "1", "1.5", "0x10", "~", "", " x", "x ", "-", "- a"],
            "marks": ["a: b", "a #b", "{x}", "[y]", "*a", "&b", "!c", "%d", "@e", "`f", "\"", "'"],
            "lines": "first\nsecond\ttab \u{85} \u{2028} \u{7f}",
            "empty": {}, "none": [], "null": null, "yes": true, "number": -1.5,
            "nested": [[1, [2, {"a": {"b": []}}]], {"c": [{"d": 1, "e": [2]}, {}]}],
            "key with: mark": {"404": {"true": 1}},
            "{{template}}": "{{fields.x}}/path?a=b",
        });
        let limits = ReadLimits { bytes_max: 1 << 20, depth_max: 64, diagnostics_max: 9 };
        let text = yaml(&value);
        let read = Document::read("x.yaml", &text, limits).expect("it is YAML");
        assert_eq!(read.value(), value, "{text}");
        read.finish(Some(()), Vec::new()).expect("without problems");
    }
}
