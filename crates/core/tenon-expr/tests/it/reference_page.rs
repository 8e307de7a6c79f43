//! The reference page and the code say the same: the tables of functions and operators are
//! made from the code, and every example is run. `UPDATE_DOCS=1` rewrites the tables.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tenon_expr::{Operator, functions};

use crate::scope::eval;

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../docs/reference/expressions.md")
}

fn function_table() -> String {
    let mut table = "| Function | Gives | Example |\n|---|---|---|\n".to_owned();
    for function in functions() {
        let examples: Vec<String> = function
            .examples
            .iter()
            .map(|(expression, result)| format!("`{expression}` → `{result}`"))
            .collect();
        let (signature, summary) = (function.signature(), function.summary);
        writeln!(table, "| `{signature}` | {summary} | {} |", examples.join("<br>"))
            .expect("writing to a text does not fail");
    }
    table
}

fn operator_table() -> String {
    let mut table = "| Operator | True when | Argument |\n|---|---|---|\n".to_owned();
    for operator in Operator::ALL {
        let argument = if operator.takes_argument() { "yes" } else { "no" };
        writeln!(table, "| `{}` | {} | {argument} |", operator.as_str(), operator.summary())
            .expect("writing to a text does not fail");
    }
    table
}

/// Replaces what stands between `<!-- name -->` and `<!-- /name -->`.
fn replace_section(page: &str, name: &str, content: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&open).expect("the page has the section");
    let (_, after) = rest.split_once(&close).expect("the section is closed");
    format!("{before}{open}{content}{close}{after}")
}

#[test]
fn the_page_lists_what_the_code_has() {
    let written = std::fs::read_to_string(page()).expect("the page is in the repository");
    let with_functions = replace_section(&written, "functions", &function_table());
    let expected = replace_section(&with_functions, "operators", &operator_table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page(), expected).expect("the page can be written");
        return;
    }
    assert!(written == expected, "run this test with UPDATE_DOCS=1 and commit the page");
}

#[test]
fn every_example_gives_its_result() {
    for function in functions() {
        assert!(!function.examples.is_empty(), "`{}` has no example", function.name);
        for (expression, result) in function.examples {
            assert!(expression.contains(function.name), "{expression}");
            let expected: Value = serde_json::from_str(result).expect("the result is JSON");
            let value = eval(&json!(format!("{{{{{expression}}}}}")), &json!({}));
            assert_eq!(value, Ok(expected), "{expression}");
        }
    }
}

#[test]
fn names_of_functions_are_unique() {
    let mut names: Vec<&str> = functions().map(|function| function.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
