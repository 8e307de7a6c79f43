//! Who we are to an object store: from a file, or from the environment as its provider's own
//! tools read it.

use std::path::{Path, PathBuf};

/// Why credentials cannot be used. No text of the file is in it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something is missing in it.
    #[error("{} holds no `{key}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing.
        key: &'static str,
    },
}

/// A key of S3, as in the file that the tools of AWS keep.
pub struct S3Key {
    /// `aws_access_key_id`
    pub id: String,
    /// `aws_secret_access_key`
    pub secret: String,
    /// `aws_session_token`
    pub token: Option<String>,
}

/// Reads the section `[default]` of a credentials file of AWS, or a file without sections.
pub fn s3_key(path: &Path) -> Result<S3Key, CredentialsError> {
    let text = read(path)?;
    let mut is_ours = true;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            is_ours = section.trim_end_matches(']').trim() == "default";
        }
        let Some((key, value)) = line.split_once('=').filter(|_| is_ours) else { continue };
        let value = Some(value.trim().to_owned());
        match key.trim() {
            "aws_access_key_id" => id = value,
            "aws_secret_access_key" => secret = value,
            "aws_session_token" => token = value,
            _ => {}
        }
    }
    let missing = |key| CredentialsError::Missing { path: path.to_owned(), key };
    Ok(S3Key {
        id: id.ok_or_else(|| missing("aws_access_key_id"))?,
        secret: secret.ok_or_else(|| missing("aws_secret_access_key"))?,
        token,
    })
}

/// Reads the access key of a storage account of Azure: the file is the key.
pub fn azure_key(path: &Path) -> Result<String, CredentialsError> {
    let key = read(path)?.trim().to_owned();
    match key.is_empty() {
        false => Ok(key),
        true => Err(CredentialsError::Missing { path: path.to_owned(), key: "access key" }),
    }
}

fn read(path: &Path) -> Result<String, CredentialsError> {
    std::fs::read_to_string(path)
        .map_err(|source| CredentialsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_section_is_read_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("credentials");
        let text = "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AK\n\
                    aws_secret_access_key = a/b+c=\n[third]\naws_session_token = no\n";
        std::fs::write(&path, text).expect("written");
        let key = s3_key(&path).expect("it is whole");
        assert_eq!((key.id.as_str(), key.secret.as_str()), ("AK", "a/b+c="));
        assert!(key.token.is_none());
        std::fs::write(&path, "aws_access_key_id=AK\n").expect("written");
        assert!(s3_key(&path).is_err_and(|error| error.to_string().contains("secret")));
    }
}
