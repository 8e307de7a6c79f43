//! The parser: a text with `{{ }}` holes to a template. Recursive descent over bytes; the
//! recursion, the length and the number of parts are bounded. The grammar is in
//! `docs/reference/expressions.md`. It knows nothing of values.

mod literal;

use crate::error::{ParseError, did_you_mean};
use crate::expr::{Expr, Part, Template};
use crate::functions;
use crate::reference::{Reference, Segment, is_word_part, is_word_start};

/// The longest text with templates, in bytes. A text without `{{` may be longer.
pub const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// Holes in one text.
pub const HOLES_MAX: usize = 256;
/// Calls inside calls.
pub const NESTING_MAX: usize = 32;
/// Literals, references and calls in one text.
pub const NODES_MAX: usize = 1_000;

/// Parses a text. One without `{{` is taken as it is.
pub(crate) fn template(text: &str) -> Result<Template, ParseError> {
    if !text.contains("{{") {
        return Ok(Template { parts: vec![Part::Text(text.to_owned())] });
    }
    if text.len() > TEMPLATE_BYTES_MAX {
        let message = format!("a text with templates is longer than {TEMPLATE_BYTES_MAX} bytes");
        return Err(ParseError::new(TEMPLATE_BYTES_MAX, 0, message)
            .help("split it, or build the text in a function step"));
    }
    Parser { text, at: 0, nesting: 0, nodes: 0 }.template()
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
    nodes: usize,
}

impl<'t> Parser<'t> {
    fn template(mut self) -> Result<Template, ParseError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut holes = 0;
        while let Some(found) = self.text[self.at..].find("{{") {
            let open = self.at + found;
            let is_escaped = push_literal(&mut literal, &self.text[self.at..open]);
            self.at = open + 2;
            if is_escaped {
                literal.push_str("{{");
                continue;
            }
            holes += 1;
            if holes > HOLES_MAX {
                return Err(self.too_much(open, format!("more than {HOLES_MAX} `{{{{ }}}}`")));
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Hole(self.hole(open)?));
        }
        literal.push_str(&self.text[self.at..]);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }

    /// Reads the expression and its `}}`; `open` is where the `{{` stands.
    fn hole(&mut self, open: usize) -> Result<Expr, ParseError> {
        self.skip_space();
        match self.peek() {
            None => return Err(unclosed(open)),
            Some(b'}') if self.rest().starts_with("}}") => {
                return Err(ParseError::new(
                    open,
                    self.at + 2 - open,
                    "there is no expression here",
                )
                .help("write what to insert, such as `{{trigger.event.id}}`"));
            }
            Some(b'{') => {
                return Err(ParseError::new(self.at, 1, "an expression cannot start with `{`")
                    .help("a hole has two braces; write `{{\"{\"}}` for a brace before it"));
            }
            Some(_) => {}
        }
        let expr = self.expr()?;
        self.skip_space();
        if self.rest().starts_with("}}") {
            self.at += 2;
            return Ok(expr);
        }
        match self.peek() {
            None => Err(unclosed(open)),
            Some(_) => Err(self.unexpected("`}}`")),
        }
    }

    /// `term { "??" term }`
    fn expr(&mut self) -> Result<Expr, ParseError> {
        let first = self.term()?;
        let mut choices = Vec::new();
        loop {
            self.skip_space();
            if !self.rest().starts_with("??") {
                break;
            }
            self.at += 2;
            self.skip_space();
            choices.push(self.term()?);
        }
        if choices.is_empty() {
            return Ok(first);
        }
        choices.insert(0, first);
        Ok(Expr::Coalesce(choices))
    }

    fn term(&mut self) -> Result<Expr, ParseError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(self.too_much(self.at, format!("more than {NODES_MAX} parts")));
        }
        match self.peek() {
            Some(b'"' | b'\'') => self.text_literal().map(|text| Expr::Literal(text.into())),
            Some(b'-' | b'0'..=b'9') => self.number().map(|number| Expr::Literal(number.into())),
            Some(byte) if is_word_start(byte) => self.word_term(),
            Some(b'[' | b'{') => Err(self
                .unexpected("an expression")
                .help("lists and objects cannot be written here; write them around the templates")),
            _ => Err(self.unexpected("a reference, a text, a number or a function")),
        }
    }

    /// A term that starts with a word: a keyword, a call or a reference.
    fn word_term(&mut self) -> Result<Expr, ParseError> {
        let start = self.at;
        let word = self.word();
        let after_word = self.at;
        self.skip_space();
        if self.peek() == Some(b'(') {
            return self.call(start, word);
        }
        self.at = after_word;
        match word {
            "null" => Ok(Expr::Literal(serde_json::Value::Null)),
            "true" => Ok(Expr::Literal(true.into())),
            "false" => Ok(Expr::Literal(false.into())),
            _ => {
                let root = word.to_owned();
                let is_optional = self.optional_mark();
                let path = self.path()?;
                Ok(Expr::Reference(Reference { root, is_optional, path }))
            }
        }
    }

    /// `?`, unless it is the start of `??`; `a???b` is `a? ?? b`.
    fn optional_mark(&mut self) -> bool {
        let rest = self.rest();
        let is_mark = rest.starts_with('?') && (!rest.starts_with("??") || rest.starts_with("???"));
        self.at += usize::from(is_mark);
        is_mark
    }

    /// Reads `(arguments)` and a path after it; `start` is where the name stands.
    fn call(&mut self, start: usize, name: &str) -> Result<Expr, ParseError> {
        let Some(function) = functions::find(name) else {
            return Err(unknown_function(start, name));
        };
        let open = self.at;
        self.at += 1;
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(self.too_much(start, format!("calls nested more than {NESTING_MAX} deep")));
        }
        let arguments = self.arguments(open)?;
        self.nesting -= 1;
        if !function.takes(arguments.len()) {
            let message =
                format!("`{name}` takes {}, not {}", function.arity_text(), arguments.len());
            return Err(ParseError::new(start, self.at - start, message)
                .help(format!("write `{}`", function.signature())));
        }
        let call = Expr::Call { function, arguments };
        let path = self.path()?;
        Ok(if path.is_empty() { call } else { Expr::Path { base: Box::new(call), path } })
    }

    /// Reads arguments and the closing parenthesis; `open` is where the opening one stands.
    fn arguments(&mut self, open: usize) -> Result<Vec<Expr>, ParseError> {
        let mut arguments = Vec::new();
        self.skip_space();
        if self.peek() == Some(b')') {
            self.at += 1;
            return Ok(arguments);
        }
        loop {
            self.skip_space();
            arguments.push(self.expr()?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b')') => {
                    self.at += 1;
                    return Ok(arguments);
                }
                None => {
                    return Err(ParseError::new(open, 1, "this `(` is not closed")
                        .help("write `)` after the last argument"));
                }
                Some(_) => return Err(self.unexpected("`,` or `)`")),
            }
        }
    }

    fn path(&mut self) -> Result<Vec<Segment>, ParseError> {
        let mut path = Vec::new();
        loop {
            match self.peek() {
                Some(b'.') => path.push(self.dot_key()?),
                Some(b'[') => path.push(self.bracket()?),
                Some(b'?') if !path.is_empty() && !self.rest().starts_with("??") => {
                    return Err(ParseError::new(
                        self.at,
                        1,
                        "`?` stands only after the first word",
                    )
                    .help("write `step?.key`; a missing key is null without it"));
                }
                _ => return Ok(path),
            }
        }
    }

    fn dot_key(&mut self) -> Result<Segment, ParseError> {
        self.at += 1;
        match self.peek() {
            Some(byte) if is_word_start(byte) => Ok(Segment::Key(self.word().to_owned())),
            Some(b'0'..=b'9') => Err(self
                .unexpected("a key")
                .help("write `[0]` for a position and `[\"0\"]` for a key that starts so")),
            _ => Err(self
                .unexpected("a key")
                .help("write `[\"the key\"]` when it is not a plain word")),
        }
    }

    fn bracket(&mut self) -> Result<Segment, ParseError> {
        let open = self.at;
        self.at += 1;
        self.skip_space();
        let segment = match self.peek() {
            Some(b'"' | b'\'') => Segment::Key(self.text_literal()?),
            Some(b'0'..=b'9') => Segment::Index(self.index()?),
            Some(b'-') => {
                return Err(self
                    .unexpected("a position")
                    .help("positions count from 0; use `last(list)` or `at(list, -1)`"));
            }
            None => return Err(ParseError::new(open, 1, "this `[` is not closed")),
            Some(_) => {
                return Err(self
                    .unexpected("a position or a text")
                    .help("write `[0]` or `[\"key\"]`; use `at(value, key)` for a computed one"));
            }
        };
        self.skip_space();
        if self.peek() != Some(b']') {
            return Err(ParseError::new(open, self.at - open, "this `[` is not closed")
                .help("write `]` after the position or key"));
        }
        self.at += 1;
        Ok(segment)
    }

    /// The word at this place; there is one.
    fn word(&mut self) -> &'t str {
        let text = self.text;
        let start = self.at;
        let bytes = text.as_bytes();
        while bytes.get(self.at).copied().is_some_and(is_word_part) {
            self.at += 1;
        }
        &text[start..self.at]
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Only called where `at` is between characters: every step over a byte that is not ASCII
    /// goes over the whole character.
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn unexpected(&self, expected: &str) -> ParseError {
        match self.rest().chars().next() {
            None => {
                ParseError::new(self.at, 0, format!("the text ends where {expected} should be"))
            }
            Some(character) => ParseError::new(
                self.at,
                character.len_utf8(),
                format!("expected {expected}, found {character:?}"),
            ),
        }
    }

    fn too_much(&self, offset: usize, what: String) -> ParseError {
        ParseError::new(offset, 0, format!("the text has {what}"))
            .help("move the work into a function step")
    }
}

/// Appends text that stands before a `{{`. Backslashes directly before it are halved, and an odd
/// one takes the meaning from the braces: true.
fn push_literal(literal: &mut String, text: &str) -> bool {
    let plain = text.trim_end_matches('\\');
    let backslashes = text.len() - plain.len();
    literal.push_str(plain);
    literal.push_str(&text[..backslashes / 2].replace(|_| true, "\\"));
    backslashes % 2 == 1
}

fn unclosed(open: usize) -> ParseError {
    ParseError::new(open, 2, "this `{{` is not closed")
        .help("end it with `}}`, or write `\\{{` for two braces as text")
}

fn unknown_function(start: usize, name: &str) -> ParseError {
    let error = ParseError::new(start, name.len(), format!("there is no function `{name}`"));
    let names = functions::functions().map(|function| function.name);
    match did_you_mean(name, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("docs/reference/expressions.md lists the functions"),
    }
}
