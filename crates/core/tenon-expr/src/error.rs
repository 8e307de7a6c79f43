//! What can go wrong, by what the caller can do: fix the text (`ParseError`, `SourceError`) or
//! fix the values (`EvalError`). No error holds a value of a run: those may be secret.

/// Characters shown on each side of the place of an error.
const CARET_CONTEXT_CHARS: usize = 40;

/// Where a template is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// First byte of the wrong part, in the template's text.
    pub offset: usize,
    /// Bytes of the wrong part; 0 when it is not in a text.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ParseError {
    pub(crate) fn new(offset: usize, len: usize, message: impl Into<String>) -> Self {
        Self { offset, len, message: message.into(), help: None }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Two lines for people: the line of `text` that is wrong, and carets under the place. Long
    /// lines are cut around it. `text` is what was compiled; another text gives odd carets but
    /// no panic.
    #[must_use]
    pub fn caret(&self, text: &str) -> String {
        let offset = floor_char_boundary(text, self.offset);
        let end = floor_char_boundary(text, self.offset.saturating_add(self.len)).max(offset);
        let line_start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let before: Vec<char> = text[line_start..offset].chars().collect();
        let wrong: Vec<char> = text[offset..end.min(line_end)].chars().collect();
        let after: Vec<char> = text[end.min(line_end)..line_end].chars().collect();

        let cut_before = before.len().saturating_sub(CARET_CONTEXT_CHARS);
        let cut_wrong = wrong.len().min(2 * CARET_CONTEXT_CHARS);
        let cut_after = after.len().min(CARET_CONTEXT_CHARS);
        let mut line = String::new();
        if cut_before > 0 {
            line.push_str("...");
        }
        line.extend(before[cut_before..].iter().copied().map(printable));
        let indent = line.chars().count();
        line.extend(wrong[..cut_wrong].iter().copied().map(printable));
        if cut_wrong == wrong.len() {
            line.extend(after[..cut_after].iter().copied().map(printable));
        }
        if cut_wrong < wrong.len() || cut_after < after.len() {
            line.push_str("...");
        }
        format!("{line}\n{}{}", " ".repeat(indent), "^".repeat(cut_wrong.max(1)))
    }
}

/// Control characters, tabs among them, would move the carets.
fn printable(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// A parse error inside a larger JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct SourceError {
    /// RFC 6901 pointer to the text or value that is wrong; empty for the whole.
    pub pointer: String,
    /// What is wrong with it.
    pub error: ParseError,
}

impl SourceError {
    /// One line for a reader who cannot see the parts: message, place and help.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut line = self.error.message.clone();
        if self.error.len > 0 {
            line.push_str(&format!(" at byte {}", self.error.offset));
        }
        if !self.pointer.is_empty() {
            line.push_str(&format!(" of `{}`", self.pointer));
        }
        if let Some(help) = &self.error.help {
            line.push_str(&format!("; {help}"));
        }
        line
    }
}

/// A pointer that grows on the way down.
#[derive(Debug, Default)]
pub(crate) struct Pointer(String);

impl Pointer {
    /// Goes down to `key`; gives what [`Pointer::truncate`] needs to come back up.
    pub(crate) fn push(&mut self, key: &str) -> usize {
        let length = self.0.len();
        self.0.push('/');
        self.0.push_str(&key.replace('~', "~0").replace('/', "~1"));
        length
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Runs `then` one level deeper, at `key`.
    pub(crate) fn at<T>(&mut self, key: &str, then: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.push(key);
        let result = then(self);
        self.truncate(length);
        result
    }

    pub(crate) fn error(&self, error: ParseError) -> SourceError {
        SourceError { pointer: self.0.clone(), error }
    }

    /// An error about a value that is not a template.
    pub(crate) fn shape(&self, message: impl Into<String>, help: &str) -> SourceError {
        self.error(ParseError::new(0, 0, message).help(help))
    }
}

/// Why an expression has no value: the values it met do not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong; names functions, arguments and kinds of values, never the values.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl EvalError {
    /// An error without help; for scopes too.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The name that `word` was probably meant to be, if one is near.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    if lower.len() > 64 {
        return None;
    }
    let distance_max = 1 + lower.len() / 4;
    names
        .map(|name| (distance(&lower, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edits between two words (Levenshtein), over bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carets_stand_under_the_wrong_part() {
        let error = ParseError::new(5, 3, "x");
        assert_eq!(error.caret("é {{abc}}"), "é {{abc}}\n    ^^^");
    }

    #[test]
    fn only_the_wrong_line_is_shown() {
        let error = ParseError::new(6, 1, "x");
        assert_eq!(error.caret("one\n\ttwo\nthree"), " two\n  ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let shown = ParseError::new(500, 1, "x").caret(&text);
        let (line, carets) = shown.split_once('\n').expect("a caret rendering has two lines");
        assert_eq!(line, format!("...{}!{}...", "a".repeat(40), "b".repeat(40)));
        assert_eq!(carets.find('^'), line.find('!'));
    }

    #[test]
    fn a_place_outside_the_text_is_the_end_of_it() {
        assert_eq!(ParseError::new(99, 9, "x").caret("ab"), "ab\n  ^");
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["upper", "lower", "starts_with"];
        assert_eq!(did_you_mean("uper", names.into_iter()), Some("upper"));
        assert_eq!(did_you_mean("startsWith", names.into_iter()), Some("starts_with"));
        assert_eq!(did_you_mean("frobnicate", names.into_iter()), None);
    }
}
