//! The variables that providers' tools agree on. They are handed in: this crate does not read the
//! environment of the process.

use std::collections::BTreeMap;
use std::fmt;

use tenon_vault::ports::RootKeyError;
use zeroize::Zeroizing;

use crate::binding::unavailable;

/// Names and values, as `std::env::vars` gives them. The values may be secrets, so they are not
/// shown.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// A variable that is there and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads a secret that is in a file of its own, such as a token that the platform renews there.
pub(crate) async fn secret_file(path: &str) -> Result<Zeroizing<String>, RootKeyError> {
    let text = tokio::fs::read_to_string(path)
        .await
        .map(Zeroizing::new)
        .map_err(|error| unavailable(format!("failed to read {path}: {error}")))?;
    Ok(Zeroizing::new(text.trim_ascii().to_owned()))
}
