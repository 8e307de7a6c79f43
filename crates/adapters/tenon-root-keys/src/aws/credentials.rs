//! Where AWS credentials come from, in the order of AWS's own tools: variables, a web identity
//! (pods of EKS with a role), the container endpoint (ECS, EKS Pod Identity), the instance.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use tenon_vault::ports::RootKeyError;
use zeroize::Zeroizing;

use super::service_endpoint;
use crate::OpenError;
use crate::binding::refused;
use crate::environment::{Environment, secret_file};
use crate::http::{Http, endpoint};
use crate::lease::Leased;
use crate::uri::AwsArn;

const CONTAINER_HOST: &str = "http://169.254.170.2";
const INSTANCE_HOST: &str = "http://169.254.169.254";
/// Where a container's credentials may come from over `http`, besides this machine: the addresses
/// of ECS and of EKS Pod Identity.
const CONTAINER_PREFIXES: [&str; 3] =
    ["http://169.254.170.2/", "http://169.254.170.23/", "http://[fd00:ec2::23]/"];
/// How long a token of the instance's metadata is asked for.
const INSTANCE_TOKEN_SECONDS: &str = "300";

/// Credentials of AWS.
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: Zeroizing<String>,
    pub(super) session_token: Option<Zeroizing<String>>,
}

/// Where they come from.
pub(super) enum Source {
    Variables {
        access_key: String,
        secret_key: Zeroizing<String>,
        session_token: Option<Zeroizing<String>>,
    },
    WebIdentity {
        endpoint: String,
        role: String,
        session: String,
        token_file: String,
    },
    Container {
        url: String,
        token: Option<Zeroizing<String>>,
        token_file: Option<String>,
    },
    Instance {
        host: String,
    },
}

/// What containers and instances answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<Timestamp>,
}

impl Source {
    pub(super) fn of(environment: &Environment, arn: &AwsArn) -> Result<Self, OpenError> {
        let get = |name| environment.get(name).map(ToOwned::to_owned);
        let secret = |name| get(name).map(Zeroizing::new);
        if let (Some(access_key), Some(secret_key)) =
            (get("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY"))
        {
            let session_token = secret("AWS_SESSION_TOKEN");
            return Ok(Self::Variables { access_key, secret_key, session_token });
        }
        if let (Some(token_file), Some(role)) =
            (get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN"))
        {
            let endpoint = match environment.get("AWS_ENDPOINT_URL_STS") {
                Some(text) => endpoint("AWS_ENDPOINT_URL_STS", text)?,
                None => service_endpoint("sts", arn),
            };
            let session = get("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "tenon-vault".to_owned());
            return Ok(Self::WebIdentity { endpoint, role, session, token_file });
        }
        let container = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            .map(|path| format!("{CONTAINER_HOST}{path}"))
            .or_else(|| get("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
        if let Some(url) = container {
            if !CONTAINER_PREFIXES.iter().any(|prefix| url.starts_with(prefix)) {
                endpoint("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)?;
            }
            return Ok(Self::Container {
                url,
                token: secret("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
                token_file: get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            });
        }
        if environment.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value == "true") {
            let reason = "there are no AWS credentials, and AWS_EC2_METADATA_DISABLED is set";
            return Err(OpenError::SetUp { reason: reason.to_owned() });
        }
        let host = get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
            .unwrap_or_else(|| INSTANCE_HOST.to_owned())
            .trim_end_matches('/')
            .to_owned();
        Ok(Self::Instance { host })
    }

    pub(super) async fn fetch(&self, http: &Http) -> Result<Leased<Credentials>, RootKeyError> {
        match self {
            Self::Variables { access_key, secret_key, session_token } => Ok(Leased {
                value: Credentials {
                    access_key: access_key.clone(),
                    secret_key: secret_key.clone(),
                    session_token: session_token.clone(),
                },
                ttl: None,
            }),
            Self::WebIdentity { endpoint, role, session, token_file } => {
                let token = secret_file(token_file).await?;
                let form = [
                    ("Action", "AssumeRoleWithWebIdentity"),
                    ("Version", "2011-06-15"),
                    ("RoleArn", role),
                    ("RoleSessionName", session),
                    ("WebIdentityToken", &token),
                ];
                let request = http.post(&format!("{endpoint}/")).form(&form);
                assume(http, request).await
            }
            Self::Container { url, token, token_file } => {
                let mut request = http.get(url);
                if let Some(path) = token_file {
                    request = request.header("authorization", secret_file(path).await?.as_str());
                } else if let Some(token) = token {
                    request = request.header("authorization", token.as_str());
                }
                let action = "get the container's AWS credentials";
                http.send(action, request).await?.json::<Metadata>(action).map(Metadata::lease)
            }
            Self::Instance { host } => instance(http, host).await,
        }
    }
}

impl Metadata {
    fn lease(self) -> Leased<Credentials> {
        Leased {
            ttl: self.expiration.map(left),
            value: Credentials {
                access_key: self.access_key_id,
                secret_key: Zeroizing::new(self.secret_access_key),
                session_token: self.token.map(Zeroizing::new),
            },
        }
    }
}

fn left(until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}

async fn assume(
    http: &Http,
    request: reqwest::RequestBuilder,
) -> Result<Leased<Credentials>, RootKeyError> {
    let action = "assume the AWS role";
    let answer = http.send(action, request).await?;
    if !answer.status.is_success() {
        return Err(refused(format!("{action}: status {}", answer.status.as_u16())));
    }
    let text = std::str::from_utf8(&answer.body)
        .map_err(|_| refused(format!("{action}: the answer is not text")))?;
    let field = |name| {
        element(text, name)
            .map(ToOwned::to_owned)
            .ok_or_else(|| refused(format!("{action}: the answer has no {name}")))
    };
    let until: Timestamp = field("Expiration")?
        .parse()
        .map_err(|_| refused(format!("{action}: the answer has no time")))?;
    Ok(Leased {
        value: Credentials {
            access_key: field("AccessKeyId")?,
            secret_key: Zeroizing::new(field("SecretAccessKey")?),
            session_token: Some(Zeroizing::new(field("SessionToken")?)),
        },
        ttl: Some(left(until)),
    })
}

/// The text of the first element of this name. The four that are read hold base64, names and a
/// time, so nothing in them is escaped.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// The second version of the instance's metadata: a token first, so that a forwarded request of
/// somebody else gets nothing.
async fn instance(http: &Http, host: &str) -> Result<Leased<Credentials>, RootKeyError> {
    let action = "get the instance's AWS credentials";
    let plain = async |request: reqwest::RequestBuilder| {
        let answer = http.send(action, request).await?;
        if !answer.status.is_success() {
            return Err(refused(format!("{action}: status {}", answer.status.as_u16())));
        }
        String::from_utf8(answer.body.to_vec())
            .map(|text| Zeroizing::new(text.trim().to_owned()))
            .map_err(|_| refused(format!("{action}: the answer is not text")))
    };
    let token = http
        .put(&format!("{host}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", INSTANCE_TOKEN_SECONDS);
    let token = plain(token).await?;
    let get = |path: &str| {
        http.get(&format!("{host}/latest/meta-data/iam/security-credentials/{path}"))
            .header("x-aws-ec2-metadata-token", token.as_str())
    };
    let role = plain(get("")).await?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if role.is_empty() || !role.chars().all(is_name) {
        return Err(refused(format!("{action}: the instance has no role")));
    }
    http.send(action, get(&role)).await?.json::<Metadata>(action).map(Metadata::lease)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_by_its_name() {
        let xml = "<R><Credentials><AccessKeyId>\n ASIA1 </AccessKeyId></Credentials></R>";
        assert_eq!(element(xml, "AccessKeyId"), Some("ASIA1"));
        assert_eq!(element(xml, "SecretAccessKey"), None);
        assert_eq!(element("<AccessKeyId>cut", "AccessKeyId"), None);
    }
}
