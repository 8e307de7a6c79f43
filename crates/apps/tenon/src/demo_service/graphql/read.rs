//! Reads a GraphQL query. What it does not know it refuses, never skips.

use serde_json::Value;

/// Selections inside selections.
const DEPTH_MAX: usize = 8;

/// `query Name($a: T) { ... }`, or only the braces.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) name: Option<String>,
    pub(super) fields: Vec<Field>,
}

/// `alias: name(arguments) { fields }`
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) alias: Option<String>,
    pub(super) name: String,
    pub(super) arguments: Vec<(String, Argument)>,
    pub(super) fields: Vec<Field>,
}

/// The value of an argument.
#[derive(Debug, PartialEq)]
pub(super) enum Argument {
    Variable(String),
    Value(Value),
}

impl Field {
    /// The member of the answer that it fills.
    pub(super) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

/// Reads the one query of a text.
///
/// # Errors
/// With what was not understood.
pub(super) fn query(text: &str) -> Result<Query, String> {
    let mut reader = Reader { rest: text };
    let mut name = None;
    match reader.word() {
        Some("query") => {
            name = reader.word().map(str::to_owned);
            if reader.takes('(') {
                reader.variables()?;
            }
        }
        Some(other) => return Err(format!("`{other}` is not known here; only queries are")),
        None => {}
    }
    let fields = reader.selection(0)?;
    match reader.peek() {
        None => Ok(Query { name, fields }),
        Some(_) => Err("one query is all that a call may have".to_owned()),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The next character that means something: commas are white space here.
    fn peek(&mut self) -> Option<char> {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return self.rest.chars().next(),
            }
        }
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        is_there
    }

    fn needs(&mut self, wanted: char) -> Result<(), String> {
        if self.takes(wanted) {
            return Ok(());
        }
        Err(match self.peek() {
            Some(found) => format!("expected `{wanted}`, found `{found}`"),
            None => format!("expected `{wanted}`, found the end"),
        })
    }

    fn word(&mut self) -> Option<&'a str> {
        self.peek()?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let is_word = !self.rest.starts_with(|c: char| c.is_ascii_digit()) && end > 0;
        is_word.then(|| {
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            word
        })
    }

    fn name(&mut self) -> Result<String, String> {
        self.word().map(str::to_owned).ok_or_else(|| match self.peek() {
            Some('.') => "fragments are not known here".to_owned(),
            Some('@') => "directives are not known here".to_owned(),
            Some(found) => format!("expected a name, found `{found}`"),
            None => "expected a name, found the end".to_owned(),
        })
    }

    /// `$a: ID!, $b: [Int] = 1)`, of which only the form is checked.
    fn variables(&mut self) -> Result<(), String> {
        while !self.takes(')') {
            self.needs('$')?;
            self.name()?;
            self.needs(':')?;
            let is_list = self.takes('[');
            self.name()?;
            self.takes('!');
            if is_list {
                self.needs(']')?;
                self.takes('!');
            }
            if self.takes('=') {
                return Err("defaults of variables are not known here".to_owned());
            }
        }
        Ok(())
    }

    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth >= DEPTH_MAX {
            return Err(format!("selections are at most {DEPTH_MAX} deep"));
        }
        self.needs('{')?;
        let mut fields = Vec::new();
        while !self.takes('}') {
            let first = self.name()?;
            let (alias, name) =
                if self.takes(':') { (Some(first), self.name()?) } else { (None, first) };
            let arguments = if self.takes('(') { self.arguments()? } else { Vec::new() };
            let inner = match self.peek() {
                Some('{') => self.selection(depth + 1)?,
                _ => Vec::new(),
            };
            fields.push(Field { alias, name, arguments, fields: inner });
        }
        Ok(fields)
    }

    fn arguments(&mut self) -> Result<Vec<(String, Argument)>, String> {
        let mut arguments = Vec::new();
        while !self.takes(')') {
            let name = self.name()?;
            self.needs(':')?;
            let argument = if self.takes('$') {
                Argument::Variable(self.name()?)
            } else {
                Argument::Value(self.literal()?)
            };
            arguments.push((name, argument));
        }
        Ok(arguments)
    }

    /// A text, a number, true, false or null: all of them are written as in JSON.
    fn literal(&mut self) -> Result<Value, String> {
        let end = match self.peek() {
            Some('"') => text_end(self.rest),
            _ => self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)),
        };
        let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        serde_json::from_str(literal).map_err(|_| {
            "an argument is a variable, a text, a number, true, false or null".to_owned()
        })
    }
}

/// Where the text in quotes that `rest` starts with is over.
fn text_end(rest: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            '"' if !is_escaped => return Some(index + 1),
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Argument, query};

    #[test]
    fn values_are_read_as_json_has_them() {
        let read = query(r#"{ a(text: "a \"(}", n: -1.5, yes: true, none: null) }"#);
        let arguments = &read.expect("it is a query").fields[0].arguments;
        let values = [json!("a \"(}"), json!(-1.5), json!(true), Value::Null];
        let given: Vec<_> = arguments.iter().map(|(_, value)| value).collect();
        assert_eq!(given, values.map(Argument::Value).iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let table = [
            ("", "expected `{`, found the end"),
            ("{ contact(id: \"c-1\") { id }", "expected a name, found the end"),
            ("mutation { x }", "`mutation` is not known here; only queries are"),
            ("{ ...all }", "fragments are not known here"),
            ("{ contact @skip { id } }", "directives are not known here"),
            ("{ a } { b }", "one query is all that a call may have"),
            ("{ a(b: [1]) }", "an argument is a variable, a text, a number, true, false or null"),
            ("{a{a{a{a{a{a{a{a{a", "selections are at most 8 deep"),
        ];
        for (text, message) in table {
            assert_eq!(query(text).expect_err(text), message, "for {text}");
        }
    }
}
