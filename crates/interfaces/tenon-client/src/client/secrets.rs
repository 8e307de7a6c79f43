//! Environment secrets.

use serde_json::json;

use super::{Client, part};
use crate::error::Error;
use crate::model::secrets::{Secret, SecretList};

impl Client {
    /// The secrets, by key; never their values.
    pub async fn secrets(&self) -> Result<Vec<Secret>, Error> {
        let list: SecretList = self.json(self.get("secrets")).await?;
        Ok(list.secrets)
    }

    /// Keeps a secret under a key that is not taken.
    pub async fn create_secret(&self, key: &str, value: &str) -> Result<Secret, Error> {
        self.json(self.post("secrets", &json!({"key": key, "value": value}))).await
    }

    /// Sets another value.
    pub async fn replace_secret(&self, key: &str, value: &str) -> Result<Secret, Error> {
        let path = format!("secrets/{}", part(key));
        self.json(self.put(&path, &json!({"value": value}))).await
    }

    /// Deletes a secret that no deployed workflow names.
    pub async fn delete_secret(&self, key: &str) -> Result<(), Error> {
        self.remove(&format!("secrets/{}", part(key))).await
    }
}
