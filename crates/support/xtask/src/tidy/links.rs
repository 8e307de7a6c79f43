//! Links in Markdown files: the file is there, and so is the heading.
//!
//! It looks at links inside the repository. Addresses on the web and links to Rust items in a
//! crate's README, which rustdoc checks, are left alone.

use super::repository::TextFile;
use super::{Finding, Repository};

const RULE: &str = "links";

/// One link of a Markdown file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    /// As written, without a title.
    pub(super) target: &'a str,
    /// From 1.
    line: usize,
}

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.files_in("", ".md") {
        for link in links_of(&file.text) {
            if let Some(message) = fault(repository, file, link.target) {
                let place = format!("{}:{}", file.path, link.line);
                findings.push(Finding::new(place, RULE, message));
            }
        }
    }
    findings
}

fn fault(repository: &Repository, file: &TextFile, target: &str) -> Option<String> {
    let has_scheme = target.contains("://") || target.starts_with("mailto:");
    let is_rust_item = target.contains("::") || !target.contains(['/', '.', '#']);
    if has_scheme || is_rust_item || target.is_empty() {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolve(&file.path, path) else {
        return Some(format!("`{target}` leads out of the repository; use a full address"));
    };
    if !path.is_empty() && !repository.has(&path) {
        return Some(format!("there is no `{path}`; correct the link or write the page"));
    }
    if heading.is_empty() || !path.ends_with(".md") {
        return None;
    }
    let text = repository.text(&path)?;
    let is_there = headings_of(text).iter().any(|anchor| anchor == heading);
    (!is_there).then(|| format!("`{path}` has no heading `#{heading}`"))
}

/// The path of `target` below the root, as seen from the file `from`.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The links of a text, `[words](target)` and `[words]: target`, outside of code.
pub(super) fn links_of(text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    for (line, content) in prose_lines(text) {
        let mut rest = content;
        while let Some(place) = next_target(rest) {
            rest = &rest[place..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            links.push(Link { target: rest[..end].trim_matches(['<', '>']), line });
        }
        let definition = content.trim_start().strip_prefix('[').filter(|c| !c.starts_with('^'));
        if let Some((_, target)) = definition.and_then(|rest| rest.split_once("]: ")) {
            let target = target.split_whitespace().next().unwrap_or_default();
            links.push(Link { target: target.trim_matches(['<', '>']), line });
        }
    }
    links
}

/// Where the target of the first link starts. What is between backticks is code, not a link,
/// unless the backticks are the words of the link.
fn next_target(text: &str) -> Option<usize> {
    let mut is_code = false;
    for (place, next) in text.char_indices() {
        match next {
            '`' => is_code = !is_code,
            ']' if !is_code && text[place..].starts_with("](") => return Some(place + 2),
            _ => {}
        }
    }
    None
}

/// The lines that are not in a fenced block of code, with their numbers from 1.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((index + 1, line)),
            _ => {}
        }
        None
    })
}

/// The anchors that a reader's browser knows for the headings of a text, as GitHub makes them.
fn headings_of(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose_lines(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let is_same = |other: &&String| {
            let number = other.strip_prefix(anchor.as_str()).and_then(|n| n.strip_prefix('-'));
            **other == anchor || number.is_some_and(|n| n.parse::<usize>().is_ok())
        };
        match anchors.iter().filter(is_same).count() {
            0 => anchors.push(anchor),
            count => anchors.push(format!("{anchor}-{count}")),
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, lines};
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let sample =
            Sample::new().file("docs/a.md", text).file("docs/dev/b.md", "# One `b`: two\n");
        lines(&check(&sample.read()))
    }

    #[test]
    fn a_link_to_nothing_is_found_with_its_line() {
        let expected = "docs/a.md:3: links: there is no `docs/gone.md`; correct the link or write \
                        the page";
        assert_eq!(found("# A\n\nSee [it](gone.md) and [b](dev/b.md).\n"), [expected]);
        assert_eq!(found("[x]: ../gone/b.md\n").len(), 1);
        assert_eq!(found("[`x`](../gone.md \"a title\")\n").len(), 1);
    }

    #[test]
    fn a_link_out_of_the_repository_is_found() {
        assert!(found("[x](../../b.md)")[0].contains("leads out of the repository"));
    }

    #[test]
    fn links_to_files_folders_and_the_web_pass() {
        let text = "[b](dev/b.md) [folder](dev/) [root](/README.md) [up](../Cargo.toml)\n\
                    [web](https://example.com/gone.md) [item](crate::gone) [type](Gone)\n\
                    ![picture](dev/b.md)\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn headings_are_checked() {
        assert_eq!(found("[b](dev/b.md#one-b-two) [own](#a-1)\n# A\n## A\n"), [""; 0]);
        assert!(found("[b](dev/b.md#gone)")[0].contains("`docs/dev/b.md` has no heading `#gone`"));
        assert_eq!(found("[own](#gone)\n").len(), 1);
    }

    #[test]
    fn links_in_code_are_left_alone() {
        assert_eq!(found("```md\n[x](gone.md)\n```\nand `[x](gone.md)`\n"), [""; 0]);
    }
}
