//! Where segments are kept, as a URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// Parts of a query that a URL may have.
const PARAMETERS: [&str; 4] = ["endpoint", "region", "checksum", "create"];

/// A place for segments. It holds no secret: a URL with one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `file:///folder`
    Disk(PathBuf),
    /// `s3://bucket/prefix?endpoint=https://...&region=...`
    S3(Bucket),
    /// `gs://bucket/prefix`
    Gcs(Bucket),
    /// `az://account/container/prefix`
    Azure {
        /// The storage account.
        account: String,
        /// The container, and the prefix in it.
        bucket: Bucket,
    },
}

/// A bucket or container, and what is to be known to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What all keys begin with, without slashes around it; may be empty.
    pub prefix: String,
    /// Another host than the provider's own.
    pub endpoint: Option<Url>,
    /// The region; S3 only.
    pub region: Option<String>,
    /// Whether the store is sent a checksum of its own to keep; S3 only.
    pub has_checksum: bool,
    /// Whether the store can refuse to write over a key. All can; some imitations cannot.
    pub has_conditional_create: bool,
}

/// Why a text is no place for segments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// It is no URL.
    #[error(
        "is not a URL such as file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix"
    )]
    Syntax,
    /// Nothing is known of this scheme.
    #[error("must begin with file://, s3://, gs:// or az://")]
    Scheme,
    /// User, password, or part of a query that may be a secret.
    #[error("must not hold credentials: they come from a file or from the environment")]
    Credentials,
    /// A part of the query that means nothing here. Its text is not repeated: it may be a secret.
    #[error("may have no other query than endpoint, region, checksum and create")]
    Parameter,
    /// A part of the query has a value that it cannot have.
    #[error("has a wrong `{0}`")]
    Value(&'static str),
    /// The bucket, container or folder is missing.
    #[error("names no {0}")]
    Missing(&'static str),
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| StoreUrlError::Syntax)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(StoreUrlError::Credentials);
        }
        match url.scheme() {
            "file" => disk(&url),
            "s3" => Ok(Self::S3(bucket(&url, host(&url, "bucket")?, url.path())?)),
            "gs" => Ok(Self::Gcs(bucket(&url, host(&url, "bucket")?, url.path())?)),
            "az" => {
                let path = url.path().trim_start_matches('/');
                let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
                if container.is_empty() {
                    return Err(StoreUrlError::Missing("container"));
                }
                let account = host(&url, "storage account")?.to_owned();
                Ok(Self::Azure { account, bucket: bucket(&url, container, prefix)? })
            }
            _ => Err(StoreUrlError::Scheme),
        }
    }
}

fn disk(url: &Url) -> Result<StoreUrl, StoreUrlError> {
    if url.query().is_some() {
        return Err(StoreUrlError::Parameter);
    }
    let folder =
        url.to_file_path().map_err(|()| StoreUrlError::Missing("folder of this machine"))?;
    Ok(StoreUrl::Disk(folder))
}

fn host<'u>(url: &'u Url, what: &'static str) -> Result<&'u str, StoreUrlError> {
    url.host_str().filter(|host| !host.is_empty()).ok_or(StoreUrlError::Missing(what))
}

fn bucket(url: &Url, name: &str, path: &str) -> Result<Bucket, StoreUrlError> {
    let prefix = percent_decode_str(path.trim_matches('/')).decode_utf8();
    let prefix = prefix.map_err(|_| StoreUrlError::Value("prefix"))?;
    let mut bucket = Bucket {
        name: name.to_owned(),
        prefix: prefix.into_owned(),
        endpoint: None,
        region: None,
        has_checksum: true,
        has_conditional_create: true,
    };
    for (name, value) in url.query_pairs() {
        if !PARAMETERS.contains(&&*name) {
            return Err(StoreUrlError::Parameter);
        }
        match &*name {
            "endpoint" => bucket.endpoint = Some(endpoint(&value)?),
            "region" => bucket.region = Some(value.into_owned()),
            "checksum" => bucket.has_checksum = choice("checksum", &value, "sha256", "none")?,
            _ => bucket.has_conditional_create = choice("create", &value, "if-absent", "plain")?,
        }
    }
    Ok(bucket)
}

fn endpoint(text: &str) -> Result<Url, StoreUrlError> {
    let wrong = StoreUrlError::Value("endpoint");
    let url = Url::parse(text).map_err(|_| wrong.clone())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(StoreUrlError::Credentials);
    }
    let is_right = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_right { Ok(url) } else { Err(wrong) }
}

fn choice(
    name: &'static str,
    value: &str,
    usual: &str,
    other: &str,
) -> Result<bool, StoreUrlError> {
    match value {
        value if value == usual => Ok(true),
        value if value == other => Ok(false),
        _ => Err(StoreUrlError::Value(name)),
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, bucket) = match self {
            Self::Disk(folder) => return write!(f, "file://{}", folder.display()),
            Self::S3(bucket) => ("s3://".to_owned(), bucket),
            Self::Gcs(bucket) => ("gs://".to_owned(), bucket),
            Self::Azure { account, bucket } => (format!("az://{account}/"), bucket),
        };
        write!(f, "{scheme}{}", bucket.name)?;
        if !bucket.prefix.is_empty() {
            write!(f, "/{}", bucket.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> StoreUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_kind_of_place_is_understood() {
        assert_eq!(parsed("file:///var/lib/blobs"), StoreUrl::Disk("/var/lib/blobs".into()));
        let StoreUrl::S3(bucket) =
            parsed("s3://runs/a/b/?endpoint=https://objects.example:9000&region=eu-west-1")
        else {
            panic!("it is S3")
        };
        assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), ("runs", "a/b"));
        assert_eq!(bucket.region.as_deref(), Some("eu-west-1"));
        assert!(bucket.endpoint.is_some_and(|url| url.port() == Some(9000)));
        assert!(matches!(parsed("gs://runs"), StoreUrl::Gcs(bucket) if bucket.prefix.is_empty()));
        let StoreUrl::Azure { account, bucket } = parsed("az://acme/runs/here") else {
            panic!("it is Azure")
        };
        assert_eq!((account.as_str(), bucket.name.as_str()), ("acme", "runs"));
        assert_eq!(bucket.prefix, "here");
    }

    #[test]
    fn secrets_and_what_means_nothing_are_refused_without_being_repeated() {
        use StoreUrlError as E;
        for (text, error) in [
            ("s3://key:canary@runs/", E::Credentials),
            ("s3://canary@runs/", E::Credentials),
            ("s3://runs/?secret_access_key=canary", E::Parameter),
            ("az://acme/runs?sig=canary", E::Parameter),
            ("s3://runs?endpoint=https://u:canary@x", E::Credentials),
            ("s3://runs?endpoint=https://x/?sig=canary", E::Value("endpoint")),
            ("s3://runs?endpoint=ftp://x", E::Value("endpoint")),
            ("file:///x?a=canary", E::Parameter),
            ("s3://", E::Missing("bucket")),
            ("az://acme", E::Missing("container")),
            ("https://x/y", E::Scheme),
            ("/var/lib", E::Syntax),
            ("s3://runs?create=maybe", E::Value("create")),
        ] {
            let refused = text.parse::<StoreUrl>().expect_err(text);
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("canary"), "{text}");
        }
    }
}
