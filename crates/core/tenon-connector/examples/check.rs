//! Checks folders of connectors and runs their fixtures, without the rest of the product:
//! `cargo run -p tenon-connector --example check -- connectors/*`.

use std::path::Path;
use std::process::ExitCode;

use tenon_connector::fixture::{File, Folder, run_all};
use tenon_connector::load::Rules;

fn main() -> ExitCode {
    let mut are_good = true;
    for folder in std::env::args().skip(1) {
        match read(Path::new(&folder)) {
            Ok(read) => are_good &= check(&read),
            Err(error) => {
                println!("{folder}: {error}");
                are_good = false;
            }
        }
    }
    if are_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(folder: &Folder) -> bool {
    let checked = run_all(folder, &Rules::built_in());
    for problem in &checked.problems {
        println!("{}: {problem}", folder.name);
    }
    for ran in checked.ran.iter().filter(|ran| !ran.differences.is_empty()) {
        println!("{}: {} ({})", folder.name, ran.title, ran.file);
        for difference in &ran.differences {
            println!("    {difference}");
        }
    }
    let word = if checked.is_good() { "good" } else { "NOT good" };
    println!("{}: {word}, {} fixtures", folder.name, checked.ran.len());
    checked.is_good()
}

fn read(folder: &Path) -> std::io::Result<Folder> {
    let file = |path: &Path| -> std::io::Result<File> {
        Ok(File { name: path.display().to_string(), text: std::fs::read_to_string(path)? })
    };
    let mut paths: Vec<_> = std::fs::read_dir(folder.join("fixtures"))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    paths.sort();
    let name = folder.canonicalize()?.file_name().unwrap_or_default().display().to_string();
    Ok(Folder {
        name,
        manifest: file(&folder.join("connector.yaml"))?,
        icon: file(&folder.join("icon.svg")).ok(),
        fixtures: paths.iter().map(|path| file(path)).collect::<std::io::Result<_>>()?,
    })
}
