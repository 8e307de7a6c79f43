//! Takes the built files of the Connect Portal (`web/portal/dist`) into the program, if there are
//! any: `scripts/ensure-portal.sh` makes them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let portal = crate_folder.join("../../../web/portal");
    let dist = portal.join("dist");
    // Watching what is not there makes cargo run this at every build, until it is there.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if dist.is_dir() {
        list(&dist, &dist, &mut files)?;
    }
    files.sort();
    let mut code = String::from("&[\n");
    for (name, path) in files {
        // Writing to a text cannot fail.
        let _ = writeln!(code, "    ({name:?}, include_bytes!({path:?}).as_slice()),");
    }
    code.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("portal_files.rs"), code)
}

/// Adds the files of a folder, named by their path below `root`.
fn list(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            let path = path.canonicalize()?;
            files.push((name.to_string_lossy().into_owned(), path.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}
