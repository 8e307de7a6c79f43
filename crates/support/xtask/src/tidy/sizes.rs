//! Sizes: one limit for files, and a list of what is worth a second look.
//!
//! A hint is no failure. A long table or a long match may be the clearest way to write it.

use super::repository::TextFile;
use super::source::{code_of, functions, lines_without_tests};
use super::{Finding, Repository};

const RULE: &str = "size";

/// Lines of a file, its tests not counted, that are refused.
const FILE_LINES_MAX: usize = 600;
const FILE_LINES_HINT: usize = 400;
const FUNCTION_LINES_HINT: usize = 70;
const CRATE_LINES_HINT: usize = 8_000;

/// How many hints of one kind are printed: the longest.
const HINTS_MAX: usize = 10;

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources(repository).filter(|file| !is_test(file)) {
        let lines = lines_without_tests(&file.text);
        if lines > FILE_LINES_MAX {
            let message = format!(
                "{lines} lines without tests, at most {FILE_LINES_MAX}: split it by what it is about"
            );
            findings.push(Finding::new(&file.path, RULE, message));
        }
    }
    findings
}

/// The longest files, functions and crates that are over a size, longest first.
pub(super) fn hints(repository: &Repository) -> Vec<String> {
    let mut files = Vec::new();
    let mut long_functions = Vec::new();
    for file in sources(repository) {
        let lines = lines_without_tests(&file.text);
        if lines > FILE_LINES_HINT {
            files.push((lines, format!("{}: {lines} lines", file.path)));
        }
        let code = code_of(&file.text);
        for found in functions(&code).into_iter().filter(|f| f.length > FUNCTION_LINES_HINT) {
            let place = format!("{}:{}", file.path, found.line);
            let text = format!("{place}: fn {} has {} lines", found.name, found.length);
            long_functions.push((found.length, text));
        }
    }
    let crates = repository.crates.iter().filter_map(|found| {
        let folder = format!("{}/src/", found.folder);
        let lines: usize =
            repository.files_in(&folder, ".rs").map(|file| lines_without_tests(&file.text)).sum();
        (lines > CRATE_LINES_HINT).then(|| (lines, format!("{}: {lines} lines", found.folder)))
    });
    [longest(files), longest(long_functions), longest(crates.collect())].concat()
}

fn longest(mut found: Vec<(usize, String)>) -> Vec<String> {
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let more = found.len().saturating_sub(HINTS_MAX);
    let mut lines: Vec<String> = found.into_iter().take(HINTS_MAX).map(|(_, text)| text).collect();
    if more > 0 {
        lines.push(format!("... and {more} shorter ones"));
    }
    lines
}

fn sources(repository: &Repository) -> impl Iterator<Item = &TextFile> {
    repository.files_in("crates/", ".rs")
}

/// Whether the whole file is tests. `tests.rs` is the test module of the file of its folder's name.
fn is_test(file: &TextFile) -> bool {
    let mut parts = file.path.trim_end_matches(".rs").split('/');
    parts.any(|part| part == "tests")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, lines};
    use super::*;

    const PATH: &str = "crates/core/tenon-domain/src/a.rs";

    #[test]
    fn a_file_over_the_limit_is_refused_and_its_tests_are_not_counted() {
        let code = "fn a() {}\n".repeat(FILE_LINES_MAX);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn b() {}\n".repeat(50));
        let repository = Sample::new().file(PATH, &format!("{code}{tests}")).read();
        assert_eq!(lines(&check(&repository)), [""; 0]);
        let repository = Sample::new().file(PATH, &format!("{code}fn c() {{}}\n{tests}")).read();
        let found = lines(&check(&repository));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{PATH}: size: 601 lines")), "{found:?}");
    }

    #[test]
    fn a_long_test_file_is_a_hint_only() {
        let text = "fn a() {}\n".repeat(FILE_LINES_MAX + 1);
        let path = "crates/core/tenon-domain/tests/it/a.rs";
        let repository = Sample::new().file(path, &text).read();
        assert_eq!(lines(&check(&repository)), [""; 0]);
        assert_eq!(hints(&repository), [format!("{path}: 601 lines")]);
    }

    #[test]
    fn long_functions_are_hinted_at_longest_first() {
        let function = |name, lines| format!("fn {name}() {{\n{}}}\n", "    a();\n".repeat(lines));
        let text =
            format!("{}{}{}", function("fit", 68), function("long", 69), function("longer", 70));
        let repository = Sample::new().file(PATH, &text).read();
        let expected = [
            format!("{PATH}:142: fn longer has 72 lines"),
            format!("{PATH}:71: fn long has 71 lines"),
        ];
        assert_eq!(hints(&repository), expected);
    }

    #[test]
    fn only_the_longest_are_listed() {
        let found: Vec<(usize, String)> = (0..12).map(|n| (n, n.to_string())).collect();
        let listed = longest(found);
        assert_eq!(listed.len(), HINTS_MAX + 1);
        assert_eq!((listed[0].as_str(), listed[10].as_str()), ("11", "... and 2 shorter ones"));
    }
}
