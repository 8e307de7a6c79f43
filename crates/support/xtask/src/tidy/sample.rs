//! A small sound repository for the tests of the rules, to which a test adds one fault.

use std::fs;

use tempfile::TempDir;

use super::Repository;

/// A repository in a temporary folder.
pub(crate) struct Sample {
    folder: TempDir,
}

impl Sample {
    /// One crate, `tenon-domain` in core, that keeps every rule.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let workspace =
            "[workspace.dependencies]\nserde = \"1\"\nhttp1 = { package = \"hyper\" }\n";
        Self { folder }
            .file("Cargo.toml", workspace)
            .krate("core", "tenon-domain", "")
            .file("README.md", "# Sample\n")
    }

    /// Writes a file, its folders too.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        let parent = path.parent().expect("a file of the sample is in a folder");
        fs::create_dir_all(parent).expect("a folder can be made in the temporary folder");
        fs::write(path, text).expect("a file can be written in the temporary folder");
        self
    }

    /// Writes a sound crate. `tables` is added to its manifest; each dependency there is one line,
    /// `name.workspace = true`, and the source of the crate uses it.
    pub(crate) fn krate(self, layer: &str, name: &str, tables: &str) -> Self {
        let inherited =
            super::manifests::INHERITED_FIELDS.map(|f| format!("{f}.workspace = true\n"));
        let manifest = format!(
            "[package]\nname = \"{name}\"\n{}\n{tables}\n[lints]\nworkspace = true\n",
            inherited.concat()
        );
        let uses = tables.lines().filter_map(|line| line.strip_suffix(".workspace = true"));
        let uses: String = uses.map(|n| format!("use {} as _;\n", n.replace('-', "_"))).collect();
        let source = format!("#![doc = include_str!(\"../README.md\")]\n{uses}");
        let folder = format!("crates/{layer}/{name}");
        self.file(&format!("{folder}/Cargo.toml"), &manifest)
            .file(&format!("{folder}/README.md"), &format!("# {name}\n\nWhat it is for.\n"))
            .file(&format!("{folder}/src/lib.rs"), &source)
    }

    /// What the rules see of it.
    pub(crate) fn read(&self) -> Repository {
        Repository::read(self.folder.path()).expect("the sample can be read")
    }
}

/// The findings of one rule as text.
pub(crate) fn lines(findings: &[super::Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}
