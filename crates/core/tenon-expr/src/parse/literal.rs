//! Texts, numbers and positions as they are written in an expression.

use serde_json::Number;

use super::Parser;
use crate::error::ParseError;

impl Parser<'_> {
    /// A text in double or single quotes with the escapes of JSON, and `\'`.
    pub(super) fn text_literal(&mut self) -> Result<String, ParseError> {
        let open = self.at;
        let quote = self.text.as_bytes()[open];
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = self.rest();
            let plain =
                rest.bytes().position(|byte| byte == quote || byte == b'\\').ok_or_else(|| {
                    ParseError::new(open, 1, "this text is not closed")
                        .help(format!("end it with `{}`", char::from(quote)))
                })?;
            value.push_str(&rest[..plain]);
            self.at += plain + 1;
            if self.text.as_bytes()[self.at - 1] == quote {
                return Ok(value);
            }
            value.push(self.escape()?);
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Result<char, ParseError> {
        let start = self.at - 1;
        let Some(character) = self.rest().chars().next() else {
            return Err(ParseError::new(start, 1, "the text ends in an escape"));
        };
        self.at += character.len_utf8();
        Ok(match character {
            '"' | '\'' | '\\' | '/' => character,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => return self.unicode_escape(start),
            _ => {
                let len = self.at - start;
                return Err(ParseError::new(start, len, format!("`\\{character}` is no escape"))
                    .help("write `\\\\` for a backslash"));
            }
        })
    }

    /// The digits of `\uXXXX`, and the second half of a surrogate pair.
    fn unicode_escape(&mut self, start: usize) -> Result<char, ParseError> {
        let wrong = |parser: &Self| {
            ParseError::new(start, parser.at - start, "this is no character")
                .help("write `\\u` and four hexadecimal digits")
        };
        let first = self.four_digits().ok_or_else(|| wrong(self))?;
        let code = match first {
            0xD800..=0xDBFF => {
                if !self.rest().starts_with("\\u") {
                    return Err(wrong(self));
                }
                self.at += 2;
                let second = self.four_digits().ok_or_else(|| wrong(self))?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(wrong(self));
                }
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| wrong(self))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = &self.text[self.at..self.at + 4];
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// A number as JSON writes it.
    pub(super) fn number(&mut self) -> Result<Number, ParseError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let is_part = |at: usize| {
            let byte = bytes.get(at).copied();
            let is_sign = matches!(byte, Some(b'+' | b'-'))
                && (at == start || matches!(bytes[at - 1], b'e' | b'E'));
            is_sign || byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        };
        while is_part(self.at) {
            self.at += 1;
        }
        let written = &self.text[start..self.at];
        serde_json::from_str::<Number>(written).map_err(|_| {
            ParseError::new(start, written.len(), format!("`{written}` is not a finite number"))
                .help("write it as in JSON; write a reference that starts so as `[\"..\"]` behind its root")
        })
    }

    /// The digits of a position.
    pub(super) fn index(&mut self) -> Result<usize, ParseError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        digits
            .parse::<u32>()
            .map(|index| index as usize)
            .map_err(|_| ParseError::new(start, digits.len(), "this position is too large"))
    }
}
