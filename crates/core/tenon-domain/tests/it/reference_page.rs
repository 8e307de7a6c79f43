//! The reference page: its examples load, and it lists every diagnostic code.

use std::collections::BTreeSet;
use std::path::Path;

use crate::documents::loaded;

const PAGE: &str = include_str!("../../../../../docs/reference/workflow-document.md");

#[test]
fn its_examples_load() {
    let examples: Vec<&str> =
        PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        loaded(example);
    }
}

#[test]
fn it_lists_every_code() {
    let table = PAGE.split("| Code | Means |").nth(1).expect("it has the table");
    let listed: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .filter_map(|code| code.strip_prefix('`')?.strip_suffix('`'))
        .collect();
    let mut sources = String::new();
    for folder in ["workflow", "portal"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        collect(&folder, &mut sources);
    }
    // A code is the first argument of a finding, or the first part of a problem.
    let starts = ["Finding::new(", "TextProblem::new(", "Some((", "=> (", "then(|| {\n"];
    let used: BTreeSet<&str> = starts
        .iter()
        .flat_map(|start| sources.split(start).skip(1))
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .filter(|code| code.contains('_') || listed.contains(code))
        .collect();
    let missing: Vec<&&str> = used.difference(&listed).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    assert!(used.len() > 40, "the search no longer finds the codes: {used:?}");
}

fn collect(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            collect(&path, sources);
        } else {
            sources.push_str(&std::fs::read_to_string(&path).expect("the source can be read"));
        }
    }
}
