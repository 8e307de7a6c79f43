//! Names of files and modules: no `mod.rs`, no drawers, one binary of integration tests.

use super::repository::TextFile;
use super::source::code_of;
use super::{Finding, Repository};

const RULE: &str = "names";

/// Names that say nothing of what is inside, so that everything ends up there.
const DRAWERS: [&str; 10] = [
    "common",
    "commons",
    "helper",
    "helpers",
    "misc",
    "shared_utils",
    "types",
    "util",
    "utils",
    "utilities",
];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sources = ["crates/", "fuzz/"].map(|folder| repository.files_in(folder, ".rs"));
    for file in sources.into_iter().flatten() {
        check_path(file, &mut findings);
        check_inline_modules(file, &mut findings);
    }
    findings
}

fn check_path(file: &TextFile, findings: &mut Vec<Finding>) {
    let mut report = |message: String| findings.push(Finding::new(&file.path, RULE, message));
    let parts: Vec<&str> = file.path.trim_end_matches(".rs").split('/').collect();
    if parts.last() == Some(&"mod") {
        let folder = parts.get(parts.len().saturating_sub(2)).copied().unwrap_or_default();
        report(format!("call it `{folder}.rs`, next to the folder `{folder}/`"));
    }
    if let Some(drawer) = parts.iter().find(|part| DRAWERS.contains(part)) {
        report(format!("`{drawer}` says nothing; name it after what is inside"));
    }
    if let ["crates", _, _, "tests", name] = parts[..] {
        report(format!(
            "each file here is a binary to link; move it to `tests/it/{name}.rs` and name it in \
             `tests/it/main.rs`"
        ));
    }
}

fn check_inline_modules(file: &TextFile, findings: &mut Vec<Finding>) {
    for (index, line) in code_of(&file.text).lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(place) = words.iter().position(|word| *word == "mod") else { continue };
        // A module with a file of its own is found by its path.
        let Some((name, "{")) = words.get(place + 1).zip(words.get(place + 2).copied()) else {
            continue;
        };
        if DRAWERS.contains(name) {
            let message = format!("`mod {name}` says nothing; name it after what is inside");
            findings.push(Finding::new(format!("{}:{}", file.path, index + 1), RULE, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, lines};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        lines(&check(&Sample::new().file(path, text).read()))
    }

    #[test]
    fn mod_rs_is_refused_with_the_right_name() {
        let found = found("crates/core/tenon-domain/src/graph/mod.rs", "");
        let place = "crates/core/tenon-domain/src/graph/mod.rs: names: ";
        assert_eq!(found, [format!("{place}call it `graph.rs`, next to the folder `graph/`")]);
    }

    #[test]
    fn drawers_are_refused_as_file_folder_and_module() {
        for path in ["src/utils.rs", "src/common/time.rs", "tests/it/helpers.rs", "src/types.rs"] {
            let found = found(&format!("crates/core/tenon-domain/{path}"), "");
            assert!(found.len() == 1 && found[0].contains("says nothing"), "{path}: {found:?}");
        }
        let found =
            found("crates/core/tenon-domain/src/a.rs", "//! A.\n\npub(crate) mod misc {\n}\n");
        assert!(found[0].starts_with("crates/core/tenon-domain/src/a.rs:3: "), "{found:?}");
    }

    #[test]
    fn a_drawer_in_a_comment_or_a_longer_word_passes() {
        let text = "// mod utils { }\nmod mime_types {\n}\n";
        assert_eq!(found("crates/core/tenon-domain/src/content_types.rs", text), [""; 0]);
    }

    #[test]
    fn a_second_test_binary_is_refused() {
        let found = found("crates/core/tenon-domain/tests/graph.rs", "");
        assert!(found[0].contains("move it to `tests/it/graph.rs`"), "{found:?}");
        assert_eq!(self::found("crates/core/tenon-domain/tests/it/graph.rs", ""), [""; 0]);
    }
}
