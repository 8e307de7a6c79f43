//! Reads the part of YAML 1.2 that JSON can say: no anchors, aliases, tags or second documents.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::Value;

use super::Reading;
use super::scalar::{self, ScalarError};
use super::tree::{Node, NodeKind, Open, Position, TextProblem, too_deep};

/// Reads one document.
pub(crate) fn read(text: &str, depth_max: usize) -> Reading {
    let mut reader = Reader { depth_max, ..Reader::default() };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => reader.take(event, position(span.start)),
            Err(error) => Err(TextProblem::new(
                "syntax",
                position(*error.marker()),
                format!("not YAML: {}", error.info()),
            )),
        };
        match step {
            Ok(Progress::More) => {}
            Ok(Progress::Finished) => break,
            Err(fatal) => {
                reader.problems.push(fatal);
                reader.root = None;
                break;
            }
        }
    }
    if reader.root.is_none() && reader.problems.is_empty() {
        let at = Position { line: 1, column: 1 };
        reader.problems.push(TextProblem::new("empty_document", at, "the document is empty"));
    }
    Reading { root: reader.root, problems: reader.problems }
}

fn position(marker: Marker) -> Position {
    let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: clamp(marker.line()).max(1), column: clamp(marker.col()).saturating_add(1) }
}

enum Progress {
    More,
    Finished,
}

#[derive(Default)]
struct Reader {
    depth_max: usize,
    documents: usize,
    open: Vec<Open>,
    root: Option<Node>,
    problems: Vec<TextProblem>,
}

impl Reader {
    /// Takes one event. An error ends the reading.
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<Progress, TextProblem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => return Ok(Progress::Finished),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problems.push(
                        TextProblem::new("several_documents", at, "a second document starts here")
                            .help("write one workflow a file"),
                    );
                    return Ok(Progress::Finished);
                }
            }
            Event::Alias(_) => self.alias(at)?,
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(anchor, tag.as_ref(), at);
                self.scalar(text, style, at)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(anchor, tag.as_ref(), at);
                self.start(Open::array(at), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(anchor, tag.as_ref(), at);
                self.start(Open::object(at), at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(done) = self.open.pop() {
                    self.value(done.close());
                }
            }
        }
        Ok(Progress::More)
    }

    fn alias(&mut self, at: Position) -> Result<(), TextProblem> {
        self.problems.push(
            TextProblem::new("alias", at, "aliases (*name) are not allowed")
                .help("write the value out")
                .losing_value(),
        );
        self.refuse_key_that_is_no_text(at)?;
        self.value(Node { at, kind: NodeKind::Scalar(Value::Null) });
        Ok(())
    }

    fn refuse_properties(&mut self, anchor: usize, tag: Option<&Cow<'_, Tag>>, at: Position) {
        if anchor != 0 {
            self.problems.push(
                TextProblem::new("anchor", at, "anchors (&name) are not allowed")
                    .help("write the value out where it is used"),
            );
        }
        if let Some(tag) = tag {
            self.problems.push(
                TextProblem::new("tag", at, format!("tags ({tag}) are not allowed"))
                    .help("quote the value if it is text"),
            );
        }
    }

    fn start(&mut self, open: Open, at: Position) -> Result<(), TextProblem> {
        self.refuse_key_that_is_no_text(at)?;
        if self.open.len() >= self.depth_max {
            return Err(too_deep(at, self.depth_max));
        }
        self.open.push(open);
        Ok(())
    }

    fn refuse_key_that_is_no_text(&self, at: Position) -> Result<(), TextProblem> {
        match self.open.last() {
            Some(open) if open.wants_key() => Err(key_is_no_text(at)),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        at: Position,
    ) -> Result<(), TextProblem> {
        let value = if style == ScalarStyle::Plain {
            scalar::resolve(&text).unwrap_or_else(|error| {
                self.problems.push(refused_number(error, &text, at));
                Value::Null
            })
        } else {
            Value::String(text.clone().into_owned())
        };
        match self.open.last_mut() {
            Some(open) if open.wants_key() => {
                if !value.is_string() {
                    self.problems.push(key_is_no_text(at));
                }
                open.set_key(text.into_owned(), at);
            }
            _ => self.value(Node { at, kind: NodeKind::Scalar(value) }),
        }
        Ok(())
    }

    fn value(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.push(node, &mut self.problems),
            None => self.root = Some(node),
        }
    }
}

fn key_is_no_text(at: Position) -> TextProblem {
    TextProblem::new("key_not_text", at, "a key must be text").help("put it in quotes")
}

/// The problem of a word that looks like a number but is none.
pub(super) fn refused_number(error: ScalarError, word: &str, at: Position) -> TextProblem {
    let shown: String = word.chars().take(40).collect();
    match error {
        ScalarError::NotFinite => {
            TextProblem::new("number_not_finite", at, format!("\"{shown}\" is not a finite number"))
        }
        ScalarError::OutOfRange => TextProblem::new(
            "number_out_of_range",
            at,
            format!("the number {shown} is too large to be kept exactly"),
        ),
    }
    .help("put it in quotes if it is text")
    .losing_value()
}
