//! Reads JSON (RFC 8259) strictly, with positions.
//!
//! A YAML reader would take most JSON, but not tabs as indentation or surrogate escapes, and
//! would take comments; so JSON has its own.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

use super::Reading;
use super::scalar;
use super::tree::{Node, NodeKind, Open, Position, TextProblem, too_deep};
use super::yaml::refused_number;

/// Reads one document.
pub(crate) fn read(text: &str, depth_max: usize) -> Reading {
    let mut reader = Reader {
        chars: text.chars().peekable(),
        at: Position { line: 1, column: 1 },
        problems: Vec::new(),
    };
    let root = match reader.document(depth_max) {
        Ok(root) => Some(root),
        Err(fatal) => {
            reader.problems.push(fatal);
            None
        }
    };
    Reading { root, problems: reader.problems }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    at: Position,
    problems: Vec<TextProblem>,
}

impl Reader<'_> {
    /// The whole text. Nesting lives in `open`, so deep input cannot exhaust the stack.
    fn document(&mut self, depth_max: usize) -> Result<Node, TextProblem> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.skip_blanks();
            let at = self.at;
            let mut finished = match self.chars.peek() {
                Some('[') => {
                    self.bump();
                    self.skip_blanks();
                    match self.eat(']') {
                        true => Some(Open::array(at).close()),
                        false => {
                            open.push(Open::array(at));
                            None
                        }
                    }
                }
                Some('{') => {
                    self.bump();
                    self.skip_blanks();
                    match self.eat('}') {
                        true => Some(Open::object(at).close()),
                        false => {
                            let mut object = Open::object(at);
                            self.key(&mut object)?;
                            open.push(object);
                            None
                        }
                    }
                }
                _ => Some(self.scalar()?),
            };
            if open.len() > depth_max {
                return Err(too_deep(at, depth_max));
            }
            while let Some(node) = finished.take() {
                let Some(parent) = open.last_mut() else { return self.end(node) };
                parent.push(node, &mut self.problems);
                finished = self.after_value(&mut open)?;
            }
        }
    }

    /// After a value inside a list or mapping: a comma, or its end, which finishes it.
    fn after_value(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, TextProblem> {
        self.skip_blanks();
        let is_object = matches!(open.last(), Some(Open::Object { .. }));
        let end = if is_object { '}' } else { ']' };
        if self.eat(end) {
            return Ok(open.pop().map(Open::close));
        }
        if !self.eat(',') {
            return Err(self.unexpected(&format!("\",\" or \"{end}\"")));
        }
        if let Some(object @ Open::Object { .. }) = open.last_mut() {
            self.key(object)?;
        }
        Ok(None)
    }

    fn key(&mut self, object: &mut Open) -> Result<(), TextProblem> {
        self.skip_blanks();
        let at = self.at;
        if self.chars.peek() != Some(&'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        let key = self.string()?;
        self.skip_blanks();
        if !self.eat(':') {
            return Err(self.unexpected("\":\""));
        }
        object.set_key(key, at);
        Ok(())
    }

    fn end(&mut self, root: Node) -> Result<Node, TextProblem> {
        self.skip_blanks();
        match self.chars.peek() {
            None => Ok(root),
            Some(_) => Err(self.unexpected("the end of the document")),
        }
    }

    fn scalar(&mut self) -> Result<Node, TextProblem> {
        let at = self.at;
        let value = match self.chars.peek() {
            Some('"') => Value::String(self.string()?),
            Some(c) if c.is_ascii_alphanumeric() || *c == '-' => self.word(at)?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { at, kind: NodeKind::Scalar(value) })
    }

    fn word(&mut self, at: Position) -> Result<Value, TextProblem> {
        let mut word = String::new();
        while let Some(&c) = self.chars.peek() {
            if !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_')) {
                break;
            }
            word.push(c);
            self.bump();
        }
        match word.as_str() {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number if is_number(number) => {
                Ok(scalar::json_number(number).unwrap_or_else(|error| {
                    self.problems.push(refused_number(error, number, at));
                    Value::Null
                }))
            }
            _ => {
                let shown: String = word.chars().take(40).collect();
                let message = format!("not JSON: \"{shown}\" is no value");
                Err(TextProblem::new("syntax", at, message).help("text goes in double quotes"))
            }
        }
    }

    fn string(&mut self) -> Result<String, TextProblem> {
        let start = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(at)?),
                Some(c) if c < ' ' => {
                    let message = "not JSON: a control character inside text";
                    return Err(TextProblem::new("syntax", at, message)
                        .help("write a line break as \\n and a tab as \\t"));
                }
                Some(c) => text.push(c),
                None => {
                    let message = "not JSON: this text has no closing quote";
                    return Err(TextProblem::new("syntax", start, message));
                }
            }
        }
    }

    fn escape(&mut self, at: Position) -> Result<char, TextProblem> {
        let wrong = || TextProblem::new("syntax", at, "not JSON: unknown escape in text");
        match self.bump().ok_or_else(wrong)? {
            c @ ('"' | '\\' | '/') => Ok(c),
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => {
                let first = self.hex4().ok_or_else(wrong)?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first).ok_or_else(wrong);
                }
                if self.bump() != Some('\\') || self.bump() != Some('u') {
                    return Err(wrong());
                }
                let second = self.hex4().ok_or_else(wrong)?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(wrong());
                }
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                    .ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut number = 0;
        for _ in 0..4 {
            number = number * 16 + self.bump()?.to_digit(16)?;
        }
        Some(number)
    }

    fn unexpected(&mut self, wanted: &str) -> TextProblem {
        let found = match self.chars.peek() {
            Some(c) => format!("\"{}\"", c.escape_debug()),
            None => "the end of the document".to_owned(),
        };
        TextProblem::new("syntax", self.at, format!("not JSON: expected {wanted}, found {found}"))
    }

    fn skip_blanks(&mut self) {
        while matches!(self.chars.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.bump();
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.chars.peek() == Some(&wanted);
        if is_there {
            self.bump();
        }
        is_there
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.at.line = self.at.line.saturating_add(1);
            self.at.column = 1;
        } else {
            self.at.column = self.at.column.saturating_add(1);
        }
        Some(c)
    }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?`.
fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)))
}
