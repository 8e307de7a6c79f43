//! A place for objects whose calls are counted.

use std::ops::Range;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::civil::Date;
use tenon_domain::ProjectId;
use tenon_exec::ports::blobs::{Error, Segment};
use uuid::Uuid;

use crate::metrics::{self, Call};
use crate::objects::{Name, Objects};

/// Counts the calls of another place.
#[derive(Debug)]
pub struct Measured<O>(pub O);

const fn of(name: Name) -> &'static str {
    match name {
        Name::Segment(_) => "segment",
        Name::Part(_) => "archive",
    }
}

async fn measured<T>(
    kind: &'static str,
    of: &'static str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let began = Instant::now();
    let outcome = call.await;
    metrics::called(Call { kind, of }, &outcome, began.elapsed());
    outcome
}

#[async_trait]
impl<O: Objects> Objects for Measured<O> {
    async fn create(&self, name: Name, parts: &[Bytes]) -> Result<(), Error> {
        measured("write", of(name), self.0.create(name, parts)).await?;
        metrics::written(of(name), parts.iter().map(|part| part.len() as u64).sum());
        Ok(())
    }

    async fn read(&self, name: Name, range: Range<u64>) -> Result<Bytes, Error> {
        let bytes = measured("read", of(name), self.0.read(name, range)).await?;
        metrics::read(of(name), bytes.len() as u64);
        Ok(bytes)
    }

    async fn size(&self, name: Name) -> Result<u64, Error> {
        measured("size", of(name), self.0.size(name)).await
    }

    async fn list(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        measured("list", "segment", self.0.list(after, older_than_ms, limit)).await
    }

    async fn delete(&self, name: Name) -> Result<(), Error> {
        measured("delete", of(name), self.0.delete(name)).await
    }

    async fn archive_folders(&self, project: Option<ProjectId>) -> Result<Vec<String>, Error> {
        measured("list", "archive", self.0.archive_folders(project)).await
    }

    async fn archive_files(
        &self,
        project: ProjectId,
        day: Date,
    ) -> Result<Vec<(String, u64)>, Error> {
        measured("list", "archive", self.0.archive_files(project, day)).await
    }
}
