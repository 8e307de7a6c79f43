//! A fault in a document, the way compilers show it: what, where, the line with a caret, the help.

use tenon_client::Fault;

use super::{Paint, Tone};

/// Shows one fault; `source` is the document's text when it is at hand.
#[must_use]
pub fn show_fault(fault: &Fault, source: Option<&str>, paint: Paint) -> String {
    let label = match &fault.code {
        Some(code) => format!("error[{code}]"),
        None => "error".to_owned(),
    };
    let mut shown = format!(
        "{}{}",
        paint.text(Tone::Bad, &label),
        paint.text(Tone::Strong, &format!(": {}", fault.message)),
    );
    let file = fault.file.as_deref().unwrap_or("document");
    let place = fault.line.zip(fault.column);
    let width = place.map_or(1, |(line, _)| line.to_string().len());
    let margin = " ".repeat(width);
    let rule = |mark: &str| paint.text(Tone::Busy, &format!("{margin} {mark}"));
    match place {
        Some((line, column)) => {
            shown += &format!("\n{margin}{} {file}:{line}:{column}", arrow(paint));
            if let Some(text) = source.and_then(|source| line_of(source, line)) {
                let number = paint.text(Tone::Busy, &format!("{line} |"));
                let caret = paint.text(Tone::Bad, &caret(text, column));
                shown += &format!("\n{}\n{number} {}", rule("|"), text.replace('\t', " "));
                shown += &format!("\n{} {caret}", rule("|"));
            }
        }
        None => {
            shown += &format!("\n{margin}{} {file}", arrow(paint));
            if let Some(pointer) = fault.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
                shown += &format!(" at {pointer}");
            }
        }
    }
    if let Some(step) = &fault.step {
        shown += &format!("\n{} in step `{step}`", rule("="));
    }
    if let Some(help) = &fault.help {
        shown += &format!("\n{} help: {help}", rule("="));
    }
    shown
}

fn arrow(paint: Paint) -> String {
    paint.text(Tone::Busy, "-->")
}

fn line_of(source: &str, line: u32) -> Option<&str> {
    source.lines().nth(usize::try_from(line.checked_sub(1)?).ok()?)
}

/// Carets below the word at a column, counted in characters from 1.
fn caret(text: &str, column: u32) -> String {
    let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    let before = before.min(text.chars().count());
    let is_word = |char: &char| !char.is_whitespace() && !matches!(char, ',' | ']' | '}' | '#');
    let word = text.chars().skip(before).take_while(is_word).count().max(1);
    format!("{}{}", " ".repeat(before), "^".repeat(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault {
            message: "unknown step `lokup` in `next`".to_owned(),
            code: Some("unknown_step".to_owned()),
            help: Some("did you mean `lookup`?".to_owned()),
            file: Some("a.yaml".to_owned()),
            line: Some(10),
            column: Some(11),
            step: Some("first".to_owned()),
            ..Fault::default()
        }
    }

    #[test]
    fn the_caret_is_below_the_word() {
        let source = format!("{}    next: lokup # typo\n", "x\n".repeat(9));
        assert_eq!(
            show_fault(&fault(), Some(&source), Paint::plain()),
            "error[unknown_step]: unknown step `lokup` in `next`\n  \
             --> a.yaml:10:11\n   \
             |\n10 |     next: lokup # typo\n   \
             |           ^^^^^\n   \
             = in step `first`\n   \
             = help: did you mean `lookup`?"
        );
    }

    #[test]
    fn a_place_that_is_not_in_the_text_is_still_named() {
        let shown = show_fault(&fault(), Some("only one line"), Paint::plain());
        assert!(shown.contains("a.yaml:10:11") && !shown.contains('^'), "{shown}");
        let no_place =
            Fault { line: None, column: None, pointer: Some("/steps/0".into()), ..fault() };
        assert!(show_fault(&no_place, None, Paint::plain()).contains("a.yaml at /steps/0"));
    }

    #[test]
    fn a_column_behind_the_end_points_at_the_end() {
        assert_eq!(caret("ab", 99), "  ^");
        assert_eq!(caret("über x", 6), "     ^");
    }
}
