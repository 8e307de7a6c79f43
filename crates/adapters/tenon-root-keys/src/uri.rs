//! The addresses of root keys: one syntax for settings.

use std::path::PathBuf;

use url::{Host, Url};

/// A key of AWS KMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsArn {
    /// The whole name.
    pub(crate) arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(crate) partition: String,
    pub(crate) region: String,
    /// Whether it names an alias: which key answers may then change.
    pub(crate) is_alias: bool,
}

/// A key of Azure Key Vault or a managed HSM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureKey {
    /// `https://<vault>` without a path.
    pub(crate) vault: String,
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
}

/// A key of a transit engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitKey {
    /// `https://<host>` without a path.
    pub(crate) server: String,
    pub(crate) mount: String,
    pub(crate) key: String,
}

/// Where a root key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootUri {
    /// A file of this machine.
    File(PathBuf),
    /// AWS KMS.
    Aws(AwsArn),
    /// Google Cloud KMS; the resource name.
    Gcp(String),
    /// Azure Key Vault.
    Azure(AzureKey),
    /// HashiCorp Vault or OpenBao.
    Transit(TransitKey),
}

/// What is wrong with an address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UriError {
    /// It starts with none of the known schemes.
    #[error("it starts with none of `file:`, `aws-kms:`, `gcp-kms:`, `azure-kv:` and `transit:`")]
    Scheme,
    /// What follows the scheme is not of its form.
    #[error("it is not of the form `{form}`")]
    Form {
        /// The form.
        form: &'static str,
    },
    /// It would send keys over an open line.
    #[error("`http` is only for this machine: use `https`")]
    Open,
}

const AWS_FORM: &str = "aws-kms:arn:aws:kms:<region>:<account>:key/<id>";
const GCP_FORM: &str = "gcp-kms:projects/<p>/locations/<l>/keyRings/<r>/cryptoKeys/<k>";
const AZURE_FORM: &str = "azure-kv:https://<vault>/keys/<name>[/<version>]";
const TRANSIT_FORM: &str = "transit:https://<host>/<mount>/<key>";

impl RootUri {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// [`UriError`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        match scheme {
            "file" => file(rest).map(Self::File),
            "aws-kms" => aws(rest).map(Self::Aws),
            "gcp-kms" => gcp(rest).map(Self::Gcp),
            "azure-kv" => azure(rest).map(Self::Azure),
            "transit" => transit(rest).map(Self::Transit),
            _ => Err(UriError::Scheme),
        }
    }
}

fn file(rest: &str) -> Result<PathBuf, UriError> {
    // Both `file:/path` and `file:///path`.
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(UriError::Form { form: "file:/path" });
    }
    Ok(PathBuf::from(path))
}

fn aws(rest: &str) -> Result<AwsArn, UriError> {
    let wrong = UriError::Form { form: AWS_FORM };
    let parts: Vec<&str> = rest.splitn(6, ':').collect();
    let ["arn", partition, "kms", region, account, resource] = parts[..] else {
        return Err(wrong);
    };
    let is_alias = resource.starts_with("alias/");
    let is_word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let has_name = resource.split_once('/').is_some_and(|(kind, name)| {
        matches!(kind, "key" | "alias")
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c))
    });
    if !is_word(partition) || !is_word(region) || !is_word(account) || !has_name {
        return Err(wrong);
    }
    Ok(AwsArn {
        arn: rest.to_owned(),
        partition: partition.to_owned(),
        region: region.to_owned(),
        is_alias,
    })
}

fn gcp(rest: &str) -> Result<String, UriError> {
    let parts: Vec<&str> = rest.split('/').collect();
    let ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key] =
        parts[..]
    else {
        return Err(UriError::Form { form: GCP_FORM });
    };
    if [project, location, ring, key].into_iter().all(is_segment) {
        return Ok(rest.to_owned());
    }
    Err(UriError::Form { form: GCP_FORM })
}

fn azure(rest: &str) -> Result<AzureKey, UriError> {
    let (vault, url) = server(rest, AZURE_FORM)?;
    let wrong = UriError::Form { form: AZURE_FORM };
    let host = url.host_str().ok_or(UriError::Form { form: AZURE_FORM })?.to_owned();
    let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
    let (name, version) = match parts[..] {
        ["keys", name] => (name, None),
        ["keys", name, version] => (name, Some(version)),
        _ => return Err(wrong),
    };
    if !is_segment(name) || !version.is_none_or(is_segment) {
        return Err(wrong);
    }
    let version = version.map(ToOwned::to_owned);
    Ok(AzureKey { vault, host, name: name.to_owned(), version })
}

fn transit(rest: &str) -> Result<TransitKey, UriError> {
    let (server, url) = server(rest, TRANSIT_FORM)?;
    let path = url.path().trim_matches('/');
    let (mount, key) = path.rsplit_once('/').ok_or(UriError::Form { form: TRANSIT_FORM })?;
    if !mount.split('/').all(is_segment) || !is_segment(key) {
        return Err(UriError::Form { form: TRANSIT_FORM });
    }
    Ok(TransitKey { server, mount: mount.to_owned(), key: key.to_owned() })
}

/// The origin of a URL that has a path and nothing else.
fn server(text: &str, form: &'static str) -> Result<(String, Url), UriError> {
    let url = Url::parse(text).map_err(|_| UriError::Form { form })?;
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !is_plain {
        return Err(UriError::Form { form });
    }
    check_origin(&url)?;
    Ok((url.origin().ascii_serialization(), url))
}

/// `https`, or `http` on this machine.
pub(crate) fn check_origin(url: &Url) -> Result<(), UriError> {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_local => Ok(()),
        _ => Err(UriError::Open),
    }
}

/// One name in a path, which needs no escaping and goes nowhere else.
fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && text != ".."
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_has_its_form() {
        assert_eq!(RootUri::parse("file:/k"), Ok(RootUri::File("/k".into())));
        assert_eq!(RootUri::parse("file:///k"), Ok(RootUri::File("/k".into())));
        let aws = RootUri::parse("aws-kms:arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1a");
        let Ok(RootUri::Aws(arn)) = aws else { panic!("it was {aws:?}") };
        assert_eq!((arn.partition.as_str(), arn.region.as_str()), ("aws-cn", "cn-north-1"));
        let gcp = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
        assert_eq!(RootUri::parse(&format!("gcp-kms:{gcp}")), Ok(RootUri::Gcp(gcp.into())));
        let azure = RootUri::parse("azure-kv:https://v.vault.azure.net/keys/root/0a1b");
        let Ok(RootUri::Azure(key)) = azure else { panic!("it was {azure:?}") };
        assert_eq!((key.vault.as_str(), key.name.as_str()), ("https://v.vault.azure.net", "root"));
        let transit = RootUri::parse("transit:https://bao:8200/team/transit/root");
        let Ok(RootUri::Transit(key)) = transit else { panic!("it was {transit:?}") };
        assert_eq!(
            (key.server.as_str(), key.mount.as_str(), key.key.as_str()),
            ("https://bao:8200", "team/transit", "root")
        );
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        for text in [
            "",
            "/etc/key",
            "s3:x",
            "file:key",
            "aws-kms:alias/root",
            "aws-kms:arn:aws:s3:eu-west-1:1:key/x",
            "aws-kms:arn:aws:kms:eu.evil.example/:1:key/x",
            "aws-kms:arn:aws:kms:eu-west-1:1:key/x?y",
            "gcp-kms:projects/p/locations/l/keyRings/r",
            "gcp-kms:projects/p/locations/l/keyRings/../cryptoKeys/k",
            "azure-kv:https://v.vault.azure.net/secrets/x",
            "azure-kv:https://user@v.vault.azure.net/keys/x",
            "transit:https://bao/root",
            "transit:https://bao/transit/root?x=1",
        ] {
            assert!(RootUri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_do_not_travel_over_an_open_line() {
        let far = RootUri::parse("transit:http://bao.internal/transit/root");
        assert_eq!(far, Err(UriError::Open));
        assert!(RootUri::parse("transit:http://127.0.0.1:8200/transit/root").is_ok());
        assert_eq!(RootUri::parse("azure-kv:ftp://v/keys/x"), Err(UriError::Open));
    }
}
