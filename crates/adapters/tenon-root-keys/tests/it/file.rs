//! A root key in a file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use tenon_root_keys::{Environment, FileError, FileRoot, OpenError, Settings, open};
use tenon_vault::ports::RootKey as _;

use crate::suite::{Outcome, Roots, holds};

fn settings() -> Settings {
    Settings::new(Environment::default())
}

fn opened(path: &Path) -> Result<Arc<dyn tenon_vault::ports::RootKey>, OpenError> {
    open(&format!("file:{}", path.display()), &settings())
}

#[tokio::test]
async fn the_suite_holds() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let root = Arc::new(FileRoot::create_for_development(&one)?);
    FileRoot::create_for_development(&two)?;
    let (again, other) = (opened(&one)?, opened(&two)?);
    holds(&Roots { root, again, other, away: None }).await
}

#[tokio::test]
async fn a_new_file_is_closed_to_others_and_never_overwritten() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("root");
    let first = FileRoot::create_for_development(&path)?;
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&path)?;
    assert!(text.starts_with("tenon-root-1:"), "the file has another form");
    assert!(FileRoot::create_for_development(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path)?, text);
    let number = first.id().strip_prefix("file:").expect("it is a file's");
    assert!(number.len() == 8 && number.chars().all(|c| c.is_ascii_hexdigit()));
    Ok(())
}

#[tokio::test]
async fn a_file_that_others_may_use_is_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("root");
    FileRoot::create_for_development(&path)?;
    for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        let refused = opened(&path).err();
        let is_refused =
            matches!(&refused, Some(OpenError::File { source: FileError::Mode { .. }, .. }));
        assert!(is_refused, "{mode:o}: {refused:?}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400))?;
    opened(&path)?;
    Ok(())
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_refused_without_showing_it() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("root");
    for content in [
        "",
        "tenon-root-1:",
        "tenon-root-1:c2hvcnQ=",
        "tenon-root-2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "tenon-root-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= and more",
    ] {
        std::fs::write(&path, content)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let Err(error) = opened(&path) else { panic!("it was opened: {content}") };
        let shown = format!("{error:?}");
        assert!(content.is_empty() || !shown.contains("AAAA"), "it shows the content: {shown}");
    }
    assert!(opened(&folder.path().join("none")).is_err());
    assert!(opened(folder.path()).is_err());
    Ok(())
}
