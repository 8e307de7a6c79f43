//! Writes the table of the connectors that come with Tenon: every folder of `/connectors` with a
//! manifest.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = root.join("../../../connectors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut folders: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    folders.sort();
    let mut table = String::from("&[\n");
    for folder in folders {
        let manifest = folder.join("connector.yaml");
        if !manifest.is_file() {
            continue;
        }
        let name = folder.file_name().and_then(|name| name.to_str()).expect("names are text");
        let icon = folder.join("icon.svg");
        println!("cargo::rerun-if-changed={}", manifest.display());
        println!("cargo::rerun-if-changed={}", icon.display());
        let icon = match icon.is_file() {
            true => format!("Some({})", include(&icon)),
            false => "None".to_owned(),
        };
        writeln!(
            table,
            "    Entry {{ name: {name:?}, manifest: {}, icon: {icon} }},",
            include(&manifest)
        )
        .expect("writing into text cannot fail");
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("builtin.rs"), table).expect("the table can be written");
}

fn include(path: &Path) -> String {
    let path = path.canonicalize().expect("the file is there");
    format!("include_str!({:?})", path.to_str().expect("paths are text"))
}
