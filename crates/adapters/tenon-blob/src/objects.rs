//! What a place for segments must be able to do.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::civil::Date;
use tenon_domain::ProjectId;
use tenon_exec::ports::archive::PartName;
use tenon_exec::ports::blobs::{Error, Segment};
use uuid::Uuid;

/// What an object is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A segment.
    Segment(Uuid),
    /// A part of an archive. It lies in a folder of its own, which is not listed for segments.
    Part(PartName),
}

impl Name {
    /// The id that the object carries in its footer.
    pub fn id(self) -> Uuid {
        match self {
            Self::Segment(segment) => segment,
            Self::Part(part) => part.id(),
        }
    }
}

impl From<Uuid> for Name {
    fn from(segment: Uuid) -> Self {
        Self::Segment(segment)
    }
}

/// Segments and parts as whole objects, written once. It knows nothing of what is in them. In an
/// error the id of a part stands for the part.
#[async_trait]
pub trait Objects: Debug + Send + Sync + 'static {
    /// Writes an object of these parts, one after another. When it returns, the object survives
    /// a power loss. Nobody ever sees half of it. Writing the same again is no error; another
    /// object under the same name is.
    async fn create(&self, name: Name, parts: &[Bytes]) -> Result<(), Error>;

    /// Reads a range; fewer bytes where the object ends before it does.
    async fn read(&self, name: Name, range: Range<u64>) -> Result<Bytes, Error>;

    /// The length in bytes.
    async fn size(&self, name: Name) -> Result<u64, Error>;

    /// As [`BlobStore::segments`](tenon_exec::ports::blobs::BlobStore::segments).
    async fn list(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error>;

    /// Deletes an object; one that is gone already is no error.
    async fn delete(&self, name: Name) -> Result<(), Error>;

    /// The names of folders of archives: of projects, or of the days of one.
    async fn archive_folders(&self, project: Option<ProjectId>) -> Result<Vec<String>, Error>;

    /// The names of files of a day, with their lengths.
    async fn archive_files(
        &self,
        project: ProjectId,
        day: Date,
    ) -> Result<Vec<(String, u64)>, Error>;
}
