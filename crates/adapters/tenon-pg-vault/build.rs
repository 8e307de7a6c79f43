//! The migrations are part of the binary: a new file must compile the crate again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
