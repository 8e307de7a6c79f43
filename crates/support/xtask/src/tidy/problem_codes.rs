//! The index of the problem codes: every page in `docs/errors/` has a line in its README.
//!
//! The other direction, a line without a page, is a broken link. That every code in the source has
//! a page is a test of the crate that declares the codes.

use super::links::links_of;
use super::{Finding, Repository};

const RULE: &str = "problem codes";
const FOLDER: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let index = links_of(repository.text(INDEX).unwrap_or_default());
    let pages = repository.files_in(FOLDER, ".md").filter(|file| file.path != INDEX);
    let unlisted = pages.filter_map(|file| {
        let name = file.path.strip_prefix(FOLDER)?;
        let is_listed = index.iter().any(|link| link.target == name);
        (!is_listed).then(|| {
            Finding::new(&file.path, RULE, format!("add a line with a link to it to {INDEX}"))
        })
    });
    unlisted.collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, lines};
    use super::*;

    #[test]
    fn a_page_without_a_line_in_the_index_is_found() {
        let repository = Sample::new()
            .file("docs/errors/README.md", "| [`kept`](kept.md) | 400 |\nlost.md\n")
            .file("docs/errors/kept.md", "# kept\n")
            .file("docs/errors/lost.md", "# lost\n")
            .read();
        let expected = "docs/errors/lost.md: problem codes: add a line with a link to it to docs/errors/README.md";
        assert_eq!(lines(&check(&repository)), [expected]);
    }
}
