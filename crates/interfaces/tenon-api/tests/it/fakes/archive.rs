//! An archive of nothing.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::civil::Date;
use tenon_domain::ProjectId;
use tenon_exec::ports::archive::{ArchiveStore, Error, Part, PartName, Place};

use super::World;

impl World {
    fn archive<T>(&self, answer: T) -> Result<T, Error> {
        match self.is_away.load(std::sync::atomic::Ordering::Relaxed) {
            true => Err(Error::Unavailable { action: "list archives", source: "away".into() }),
            false => Ok(answer),
        }
    }
}

#[async_trait]
impl ArchiveStore for World {
    async fn put(&self, _part: PartName, _values: &[Bytes]) -> Result<(), Error> {
        unreachable!("the API archives nothing")
    }

    async fn places(&self, _part: PartName) -> Result<Vec<Place>, Error> {
        self.archive(Vec::new())
    }

    async fn value(&self, part: PartName, _place: Place) -> Result<Bytes, Error> {
        Err(Error::damaged(&part))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, Error> {
        self.archive(Vec::new())
    }

    async fn days(&self, _project: ProjectId) -> Result<Vec<Date>, Error> {
        self.archive(Vec::new())
    }

    async fn parts(&self, _project: ProjectId, _day: Date) -> Result<Vec<Part>, Error> {
        self.archive(Vec::new())
    }

    async fn delete(&self, _part: PartName) -> Result<(), Error> {
        unreachable!("the API deletes no archives")
    }
}
