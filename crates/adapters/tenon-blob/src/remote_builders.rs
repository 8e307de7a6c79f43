//! Clients of S3, Google Cloud Storage and Azure Blob Storage, as the settings ask for.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::{Host, Url};

use crate::credentials;
use crate::store::{OpenError, Settings};
use crate::store_url::Bucket;

/// A client, under both of its faces.
#[derive(Clone)]
pub struct Client {
    /// Whole objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Objects in parts.
    pub parts: Arc<dyn MultipartStore>,
}

impl Client {
    fn of<S: ObjectStore + MultipartStore>(store: S) -> Self {
        let store = Arc::new(store);
        Self { objects: store.clone(), parts: store }
    }
}

/// A client of S3 or of what speaks its protocol.
pub fn s3(bucket: &Bucket, settings: &Settings) -> Result<Client, OpenError> {
    let is_plain = is_plain(bucket, settings)?;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&bucket.name)
        .with_client_options(client_options(settings, is_plain))
        .with_retry(no_retries())
        .with_allow_http(is_plain)
        .with_unsigned_payload(false)
        .with_conditional_put(match bucket.has_conditional_create {
            true => S3ConditionalPut::ETagMatch,
            false => S3ConditionalPut::Disabled,
        });
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_virtual_hosted_style_request(false);
    }
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    if bucket.has_checksum {
        builder = builder.with_checksum_algorithm(Checksum::SHA256);
    }
    if let Some(file) = &settings.credentials_file {
        let key = credentials::s3_key(file)?;
        builder = builder.with_access_key_id(key.id).with_secret_access_key(key.secret);
        builder = match key.token {
            Some(token) => builder.with_token(token),
            None => builder,
        };
    }
    Ok(Client::of(builder.build().map_err(OpenError::client)?))
}

/// A client of Google Cloud Storage.
pub fn gcs(bucket: &Bucket, settings: &Settings) -> Result<Client, OpenError> {
    let is_plain = is_plain(bucket, settings)?;
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(&bucket.name)
        .with_client_options(client_options(settings, is_plain))
        .with_retry(no_retries());
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(file) = &settings.credentials_file {
        builder = builder.with_service_account_path(file.display().to_string());
    }
    Ok(Client::of(builder.build().map_err(OpenError::client)?))
}

/// A client of Azure Blob Storage.
pub fn azure(account: &str, bucket: &Bucket, settings: &Settings) -> Result<Client, OpenError> {
    let is_plain = is_plain(bucket, settings)?;
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_account(account)
        .with_container_name(&bucket.name)
        .with_client_options(client_options(settings, is_plain))
        .with_retry(no_retries())
        .with_allow_http(is_plain);
    if let Some(endpoint) = &bucket.endpoint {
        let endpoint = endpoint.as_str().trim_end_matches('/');
        builder = builder.with_config(AzureConfigKey::Endpoint, endpoint);
    }
    if let Some(file) = &settings.credentials_file {
        builder = builder.with_access_key(credentials::azure_key(file)?);
    }
    Ok(Client::of(builder.build().map_err(OpenError::client)?))
}

/// Whether the way there is not encrypted, which the settings must allow unless it is this machine.
fn is_plain(bucket: &Bucket, settings: &Settings) -> Result<bool, OpenError> {
    let Some(endpoint) = bucket.endpoint.as_ref().filter(|url| url.scheme() == "http") else {
        return Ok(false);
    };
    match settings.is_plain_http_allowed || is_this_machine(endpoint) {
        true => Ok(true),
        false => Err(OpenError::PlainHttp),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn client_options(settings: &Settings, is_plain: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(is_plain)
        .with_connect_timeout(settings.connect_timeout)
        // The deadline of an attempt depends on its size; it is kept around the call.
        .with_timeout_disabled()
        .with_pool_max_idle_per_host(settings.connections_max)
}

/// Attempts are counted, spaced and given deadlines around whole calls, bodies included, which the
/// client's own retries are not.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}
