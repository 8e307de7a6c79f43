//! Templates and conditions inside a document.

use serde_json::Value;
use tenon_expr::{Condition, Source};

use super::Checker;
use crate::workflow::diagnostic::{Finding, Spot};
use crate::workflow::text::{Node, NodeKind, locate::escape};

impl<'s> Checker<'s> {
    /// Compiles each text by itself, so that each wrong one is reported; a wrong text becomes
    /// null, which is a source.
    pub(super) fn check_source(&mut self, node: &mut Node, pointer: &str) {
        let before = self.shape.findings.len();
        self.check_texts(node, pointer);
        if self.shape.findings.len() > before {
            return;
        }
        // Limits of the source as a whole.
        if let Err(error) = Source::compile(&node.to_value()) {
            let finding = Finding::new(
                "invalid_template",
                format!("{pointer}{}", error.pointer),
                error.error.message,
            );
            self.shape.findings.push(finding.maybe_help(error.error.help));
            node.kind = NodeKind::Scalar(Value::Null);
        }
    }

    fn check_texts(&mut self, node: &mut Node, pointer: &str) {
        match &mut node.kind {
            NodeKind::Scalar(value @ Value::String(_)) => {
                if let Err(error) = Source::compile(value) {
                    let error = error.error;
                    let finding = Finding::new("invalid_template", pointer, error.message)
                        .maybe_help(error.help)
                        .at(Spot::Offset(error.offset));
                    self.shape.findings.push(finding);
                    *value = Value::Null;
                }
            }
            NodeKind::Scalar(_) => {}
            NodeKind::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.check_texts(item, &format!("{pointer}/{index}"));
                }
            }
            NodeKind::Object(members) => {
                for member in members {
                    let pointer = format!("{pointer}/{}", escape(&member.key));
                    self.check_texts(&mut member.value, &pointer);
                }
            }
        }
    }

    /// A condition's shape by its schema, then what the schema cannot say.
    pub(super) fn check_condition(&mut self, node: &mut Node, pointer: &str) {
        let before = self.shape.findings.len();
        let schema: &'s Value = &self.root["$defs"]["Condition"];
        self.check(schema, node, pointer.to_owned());
        if self.shape.findings.len() > before {
            return;
        }
        if let Err(error) = serde_json::from_value::<Condition>(node.to_value()) {
            self.shape.is_beyond_repair = true;
            let finding = Finding::new("invalid_condition", pointer, error.to_string());
            self.shape.findings.push(finding);
        }
    }
}
