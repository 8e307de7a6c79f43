//! No text makes the loader panic, and what it accepts it accepts again.

use proptest::prelude::*;
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::{Graph, canonical_json, load};

use crate::documents::document;

fn valid() -> String {
    document(
        "  - id: lookup\n    type: request\n    url: https://x/{{trigger.event.id}}\n    pagination: {page_token: '{{self.response.body.next}}', items: '{{self.response.body.items}}'}\n    next: each\n  - {id: each, type: fan_out, over: '{{lookup.response.body}}', each: check, next: answer}\n  - {id: check, type: conditional, if: {all: [{operator: $exists, variable: '{{each.instance}}'}]}, then: wait}\n  - {id: wait, type: delay, seconds: 5}\n  - {id: answer, type: response, status: 201, body: {json: {n: '{{each.count}}'}}}\n",
    )
}

/// Loads, and checks what must hold for any text.
fn exercise(file: &str, text: &str) {
    match load(file, text, &DocumentLimits::default()) {
        Ok(workflow) => {
            let graph = Graph::of(&workflow);
            assert_eq!(graph.len(), workflow.steps.len());
            let canonical = canonical_json(&workflow);
            let again = load("a.json", &canonical, &DocumentLimits::default());
            assert_eq!(again.as_ref(), Ok(&workflow));
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            let lines = u32::try_from(text.lines().count()).expect("the text is short") + 2;
            for diagnostic in &diagnostics {
                assert!((1..=lines).contains(&diagnostic.line), "{diagnostic}");
                assert!(diagnostic.column > 0, "{diagnostic}");
            }
            assert!(diagnostics.is_sorted_by_key(|it| (it.line, it.column)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        exercise("a.yaml", &text);
        exercise("a.json", &text);
    }

    #[test]
    fn any_yaml_like_text_is_answered(
        text in "([a-c]: |- |  |\n|\\[|\\]|\\{|\\}|,|:|'|\"|\\||>|&x |\\*x|!t |# |---\n|\\?|~|1|\\{\\{a\\.b\\}\\}|\t){0,40}"
    ) {
        exercise("a.yaml", &text);
        exercise("a.json", &text);
    }

    #[test]
    fn a_spoiled_document_is_answered(
        start in 0usize..900,
        len in 0usize..20,
        insert in "[ -~\n]{0,8}",
    ) {
        let valid = valid();
        let chars: Vec<char> = valid.chars().collect();
        let start = start.min(chars.len());
        let end = (start + len).min(chars.len());
        let text: String =
            chars[..start].iter().copied().chain(insert.chars()).chain(chars[end..].iter().copied()).collect();
        exercise("a.yaml", &text);
    }

    #[test]
    fn a_document_with_swapped_words_is_answered(from in 0usize..60, to in 0usize..60) {
        let valid = valid();
        let words: Vec<&str> = valid
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let text = valid.replacen(words[from % words.len()], words[to % words.len()], 1);
        exercise("a.yaml", &text);
    }
}

#[test]
fn the_document_that_is_spoiled_is_valid() {
    crate::documents::loaded(&valid());
}

#[test]
fn many_problems_are_cut() {
    let steps: String = (0..300).map(|n| format!("  - {{id: s{n}, type: nope}}\n")).collect();
    let found = load("a.yaml", &document(&steps), &DocumentLimits::default());
    assert_eq!(found.expect_err("no step has a type").len(), 100);
}
