//! The reference page: its manifest loads, its fixture runs, and it lists every diagnostic code.

use std::collections::BTreeSet;
use std::path::Path;

use tenon_connector::fixture;

use crate::manifests::{listed, loaded};

const PAGE: &str = include_str!("../../../../../docs/reference/connectors.md");

fn examples() -> Vec<&'static str> {
    PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn its_examples_work() {
    let examples = examples();
    let [manifest, fixture, sources, of_sources] = examples.as_slice() else {
        panic!("it has four examples")
    };
    let connector = loaded(manifest).unwrap_or_else(|found| panic!("{}", listed(&found)));
    let fixture =
        fixture::read("x.yaml", fixture).unwrap_or_else(|found| panic!("{}", listed(&found)));
    fixture::run(&connector, &fixture).unwrap_or_else(|failure| panic!("{failure}"));

    let both = format!("{manifest}{sources}");
    let connector = loaded(&both).unwrap_or_else(|found| panic!("{}", listed(&found)));
    let fixture =
        fixture::read("x.yaml", of_sources).unwrap_or_else(|found| panic!("{}", listed(&found)));
    fixture::run(&connector, &fixture).unwrap_or_else(|failure| panic!("{failure}"));
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
    for folder in ["src/load", "src/fixture"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    sources += include_str!("../../src/load.rs");
    let starts = ["Finding::new(", ".say("];
    let used: BTreeSet<&str> = starts
        .iter()
        .flat_map(|start| sources.split(start).skip(1))
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    let missing: Vec<&&str> = used.difference(&listed).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    assert!(used.len() > 30, "the search no longer finds the codes: {used:?}");
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
