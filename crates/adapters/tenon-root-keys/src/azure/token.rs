//! Access tokens of Azure: a client secret, a federated token (workload identity of AKS), or the
//! managed identity of the app or machine.

use std::time::Duration;

use serde::Deserialize;
use tenon_vault::ports::RootKeyError;
use zeroize::Zeroizing;

use crate::OpenError;
use crate::environment::{Environment, secret_file};
use crate::http::{Http, endpoint};
use crate::lease::Leased;

const AUTHORITY: &str = "https://login.microsoftonline.com";
const MACHINE_HOST: &str = "http://169.254.169.254";
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Whom tokens are for where the host of the vault does not tell.
const PUBLIC_RESOURCE: &str = "https://vault.azure.net";

/// Where tokens come from.
pub(super) struct Source {
    resource: String,
    kind: Kind,
}

enum Kind {
    Secret {
        url: String,
        client: String,
        secret: Zeroizing<String>,
    },
    Federated {
        url: String,
        client: String,
        token_file: String,
    },
    /// Of an app service or container app.
    App {
        url: String,
        header: Zeroizing<String>,
        client: Option<String>,
    },
    Machine {
        host: String,
        client: Option<String>,
    },
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<Seconds>,
    /// What an app service answers instead: seconds since 1970.
    expires_on: Option<Seconds>,
}

/// Managed identities answer text, the others a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Seconds {
    fn get(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl Source {
    pub(super) fn of(environment: &Environment, host: &str) -> Result<Self, OpenError> {
        Ok(Self { resource: resource_of(host), kind: Kind::of(environment)? })
    }

    pub(super) async fn fetch(
        &self,
        http: &Http,
    ) -> Result<Leased<Zeroizing<String>>, RootKeyError> {
        let action = "get an Azure access token";
        let scope = format!("{}/.default", self.resource);
        let common = [("grant_type", "client_credentials"), ("scope", scope.as_str())];
        let query = |client: &Option<String>, version: &'static str| {
            let mut query = vec![("api-version", version), ("resource", self.resource.as_str())];
            query.extend(client.as_deref().map(|client| ("client_id", client)));
            query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
        };
        let request = match &self.kind {
            Kind::Secret { url, client, secret } => {
                let mut form = common.to_vec();
                form.extend([("client_id", client.as_str()), ("client_secret", secret.as_str())]);
                http.post(url).form(&form)
            }
            Kind::Federated { url, client, token_file } => {
                let assertion = secret_file(token_file).await?;
                let mut form = common.to_vec();
                form.extend([
                    ("client_id", client.as_str()),
                    ("client_assertion_type", JWT_ASSERTION),
                    ("client_assertion", assertion.as_str()),
                ]);
                http.post(url).form(&form)
            }
            Kind::App { url, header, client } => http
                .get(url)
                .header("X-IDENTITY-HEADER", header.as_str())
                .query(&query(client, "2019-08-01")),
            Kind::Machine { host, client } => http
                .get(&format!("{host}/metadata/identity/oauth2/token"))
                .header("Metadata", "true")
                .query(&query(client, "2018-02-01")),
        };
        let token: Token = http.send(action, request).await?.json(action)?;
        Ok(Leased { ttl: Some(token.ttl()), value: Zeroizing::new(token.access_token) })
    }
}

impl Token {
    /// A minute where the answer does not say.
    fn ttl(&self) -> Duration {
        let left = self.expires_in.as_ref().and_then(Seconds::get).or_else(|| {
            let now = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
            Some(self.expires_on.as_ref().and_then(Seconds::get)?.saturating_sub(now))
        });
        Duration::from_secs(left.unwrap_or(60))
    }
}

impl Kind {
    fn of(environment: &Environment) -> Result<Self, OpenError> {
        let get = |name| environment.get(name).map(ToOwned::to_owned);
        let client = get("AZURE_CLIENT_ID");
        if let (Some(tenant), Some(client)) = (get("AZURE_TENANT_ID"), client.clone()) {
            let authority = environment.get("AZURE_AUTHORITY_HOST").unwrap_or(AUTHORITY);
            let authority = endpoint("AZURE_AUTHORITY_HOST", authority)?;
            let url = format!("{authority}/{tenant}/oauth2/v2.0/token");
            if let Some(secret) = get("AZURE_CLIENT_SECRET").map(Zeroizing::new) {
                return Ok(Self::Secret { url, client, secret });
            }
            if let Some(token_file) = get("AZURE_FEDERATED_TOKEN_FILE") {
                return Ok(Self::Federated { url, client, token_file });
            }
        }
        if let (Some(url), Some(header)) = (get("IDENTITY_ENDPOINT"), get("IDENTITY_HEADER")) {
            return Ok(Self::App { url, header: Zeroizing::new(header), client });
        }
        let host = get("AZURE_POD_IDENTITY_AUTHORITY_HOST")
            .unwrap_or_else(|| MACHINE_HOST.to_owned())
            .trim_end_matches('/')
            .to_owned();
        Ok(Self::Machine { host, client })
    }
}

/// A vault is below the domain that tokens are for: `v.vault.azure.net`, `v.vault.azure.cn`,
/// `v.managedhsm.azure.net`.
fn resource_of(host: &str) -> String {
    match host.split_once('.') {
        Some((_, domain)) if domain.starts_with("vault.") || domain.starts_with("managedhsm.") => {
            format!("https://{domain}")
        }
        _ => PUBLIC_RESOURCE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_for_the_cloud_of_the_vault() {
        assert_eq!(resource_of("v.vault.azure.net"), "https://vault.azure.net");
        assert_eq!(resource_of("v.vault.usgovcloudapi.net"), "https://vault.usgovcloudapi.net");
        assert_eq!(resource_of("h.managedhsm.azure.net"), "https://managedhsm.azure.net");
        assert_eq!(resource_of("127.0.0.1"), PUBLIC_RESOURCE);
    }
}
