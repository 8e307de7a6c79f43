//! The store that the rest of the house sees.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tenon_exec::ports::blobs::{BlobRef, BlobStore, Error, Segment};
use uuid::Uuid;

use crate::check::{self, Inspection};
use crate::credentials::CredentialsError;
use crate::disk::Disk;
use crate::measured::Measured;
use crate::metrics;
use crate::objects::Objects;
use crate::packer::Packer;
use crate::remote::Remote;
use crate::remote_builders;
use crate::store_url::StoreUrl;

/// Reads of a value whose bytes came wrong over the wire.
pub(crate) const READS_MAX: u32 = 2;

/// How a store behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who we are; from the environment when left out.
    pub credentials_file: Option<PathBuf>,
    /// Whether the store of another machine may be reached without TLS.
    pub is_plain_http_allowed: bool,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an attempt may take, beside the time that its bytes need.
    pub attempt_timeout: Duration,
    /// How many bytes a second an attempt is given time for, at least.
    pub bytes_per_second_min: u64,
    /// How long a call may take with all its attempts, beside the time that its bytes need.
    pub timeout: Duration,
    /// Attempts of a call.
    pub attempts_max: u32,
    /// The pause after the first failed attempt; it doubles.
    pub backoff: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// Calls at once.
    pub connections_max: usize,
    /// Segments written at once; values that come meanwhile share the next.
    pub writes_max: usize,
    /// The largest segment, in bytes, unless one value is larger.
    pub segment_bytes_max: u64,
    /// Larger segments are sent in parts, in bytes.
    pub multipart_bytes_min: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            credentials_file: None,
            is_plain_http_allowed: false,
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_secs(2),
            bytes_per_second_min: 1 << 20,
            timeout: Duration::from_secs(10),
            attempts_max: 4,
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
            connections_max: 32,
            writes_max: 4,
            segment_bytes_max: 32 << 20,
            multipart_bytes_min: 16 << 20,
        }
    }
}

/// Why a store cannot be used. The store itself is not asked when it is opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("cannot use {} for blobs", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The credentials cannot be used.
    #[error("the credentials of the blob store cannot be used")]
    Credentials(#[from] CredentialsError),
    /// The endpoint is not encrypted, and not on this machine.
    #[error("the endpoint begins with http://: set blobs.plain_http where the network is trusted")]
    PlainHttp,
    /// The client cannot be built.
    #[error("the client of the blob store cannot be built")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OpenError {
    pub(crate) fn client(error: object_store::Error) -> Self {
        Self::Client(Box::new(error))
    }
}

/// Packed segments in a folder or in a bucket.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn Objects>,
    packer: Packer,
}

impl Store {
    /// Opens the store of a URL. A bucket is not asked; a folder is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made, or the credentials or the endpoint cannot be used.
    pub async fn open(url: &StoreUrl, settings: &Settings) -> Result<Self, OpenError> {
        let objects: Arc<dyn Objects> = match url {
            StoreUrl::Disk(folder) => {
                let opened = Disk::open(folder).await;
                let failed = |source| OpenError::Folder { folder: folder.clone(), source };
                Arc::new(Measured(opened.map_err(failed)?))
            }
            StoreUrl::S3(bucket) => {
                Arc::new(remote(remote_builders::s3(bucket, settings)?, bucket, settings))
            }
            StoreUrl::Gcs(bucket) => {
                Arc::new(remote(remote_builders::gcs(bucket, settings)?, bucket, settings))
            }
            StoreUrl::Azure { account, bucket } => {
                let client = remote_builders::azure(account, bucket, settings)?;
                Arc::new(remote(client, bucket, settings))
            }
        };
        let packer = Packer::new(objects.clone(), settings.writes_max, settings.segment_bytes_max);
        Ok(Self { objects, packer })
    }

    /// The segments as they lie there.
    pub(crate) fn objects(&self) -> &dyn Objects {
        &*self.objects
    }

    /// Reads a whole segment and checks every byte by its own index.
    ///
    /// # Errors
    /// When it is missing or the store cannot be read.
    pub async fn inspect(&self, segment: Uuid) -> Result<Inspection, Error> {
        check::inspect(self.objects(), segment).await
    }
}

fn remote(
    client: remote_builders::Client,
    bucket: &crate::store_url::Bucket,
    settings: &Settings,
) -> Measured<Remote> {
    let has_create = bucket.has_conditional_create;
    Measured(Remote::new(client, &bucket.prefix, settings.clone(), has_create))
}

#[async_trait]
impl BlobStore for Store {
    async fn put_packed(&self, values: &[Bytes]) -> Result<Vec<BlobRef>, Error> {
        self.packer.put(values).await
    }

    async fn get(&self, blob: BlobRef) -> Result<Bytes, Error> {
        let BlobRef { segment, offset, len, crc32 } = blob;
        let corrupt = Error::Corrupt { segment, offset };
        let Some(end) = offset.checked_add(len) else { return Err(corrupt) };
        // Again, because what is damaged may be the answer and not the object.
        for _ in 0..READS_MAX {
            let bytes = self.objects.read(segment.into(), offset..end).await?;
            if bytes.len() as u64 == len && crc32fast::hash(&bytes) == crc32 {
                return Ok(bytes);
            }
            metrics::wrong();
        }
        Err(corrupt)
    }

    async fn segments(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        self.objects.list(after, older_than_ms, limit).await
    }

    async fn delete(&self, segment: Uuid) -> Result<(), Error> {
        self.objects.delete(segment.into()).await
    }
}
