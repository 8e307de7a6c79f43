//! The connectors of the repository: each keeps every rule, and its fixtures pass.

use std::fs;
use std::path::{Path, PathBuf};

use tenon_connector::fixture::{File, Folder, run_all};
use tenon_connector::load::Rules;

const CONNECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../connectors");

#[test]
fn every_connector_passes_its_fixtures() {
    let mut faults = Vec::new();
    for folder in folders() {
        let checked = run_all(&read(&folder), &Rules::built_in());
        faults.extend(checked.problems.iter().map(ToString::to_string));
        for ran in checked.ran.iter().filter(|ran| !ran.differences.is_empty()) {
            faults.push(format!("{} ({}): {}", ran.title, ran.file, ran.differences.join("; ")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn there_are_connectors() {
    assert!(folders().len() >= 3, "the search no longer finds them");
}

fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(CONNECTORS).expect("the folder is there");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the entry can be read").path())
        .filter(|path| path.join("connector.yaml").is_file())
        .collect();
    folders.sort();
    folders
}

fn read(folder: &Path) -> Folder {
    let name = folder.file_name().expect("it has a name").to_string_lossy().into_owned();
    let file = |path: &Path| File {
        name: path.strip_prefix(CONNECTORS).expect("it is below").display().to_string(),
        text: fs::read_to_string(path).expect("the file can be read"),
    };
    let icon = folder.join("icon.svg");
    let mut fixtures: Vec<PathBuf> = fs::read_dir(folder.join("fixtures"))
        .map(|entries| entries.map(|entry| entry.expect("it can be read").path()).collect())
        .unwrap_or_default();
    fixtures.sort();
    Folder {
        name,
        manifest: file(&folder.join("connector.yaml")),
        icon: icon.is_file().then(|| file(&icon)),
        fixtures: fixtures.iter().map(|path| file(path)).collect(),
    }
}
