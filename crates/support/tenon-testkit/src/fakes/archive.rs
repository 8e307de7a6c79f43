//! An archive in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::civil::Date;
use parking_lot::Mutex;
use tenon_domain::ProjectId;
use tenon_exec::ports::archive::{ArchiveStore, Error, Part, PartName, Place};

use super::Presence;

/// A key that sorts as parts are listed.
type Key = (ProjectId, Date, uuid::Uuid, u32);

/// Parts in memory. They carry no checksum: a test says which is damaged.
#[derive(Debug, Default)]
pub struct MemoryArchive {
    parts: Mutex<BTreeMap<Key, (PartName, Vec<Bytes>)>>,
    fate: Mutex<Fate>,
    presence: Presence,
}

/// What becomes of parts that are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    /// They are there.
    #[default]
    Kept,
    /// The store says that it wrote them, and did not.
    Lost,
    /// They cannot be read back.
    Damaged,
    /// Their first block is another, with its checksum.
    Replaced,
    /// The second part fails, as if the process had ended there.
    SecondFails,
}

fn key(part: &PartName) -> Key {
    (part.project, part.day, part.attempt, part.number)
}

impl MemoryArchive {
    /// What becomes of parts from now on.
    pub fn set_fate(&self, fate: Fate) {
        *self.fate.lock() = fate;
    }

    /// Whether every call fails from now on.
    pub fn set_away(&self, is_away: bool) {
        self.presence.set_away(is_away);
    }

    /// All parts that are there.
    #[must_use]
    pub fn names(&self) -> Vec<PartName> {
        self.parts.lock().values().map(|(name, _)| *name).collect()
    }

    fn check(&self, action: &'static str) -> Result<(), Error> {
        self.presence.check().map_err(|source| Error::Unavailable { action, source })
    }
}

#[async_trait]
impl ArchiveStore for MemoryArchive {
    async fn put(&self, part: PartName, values: &[Bytes]) -> Result<(), Error> {
        self.check("write a part")?;
        let mut values = values.to_vec();
        match *self.fate.lock() {
            Fate::Lost => return Ok(()),
            Fate::Replaced if values.len() > 1 => values[0] = values[values.len() - 1].clone(),
            Fate::SecondFails if part.number > 0 => {
                let source = "the process ended, as the test asked".into();
                return Err(Error::Unavailable { action: "write a part", source });
            }
            _ => {}
        }
        self.parts.lock().insert(key(&part), (part, values));
        Ok(())
    }

    async fn places(&self, part: PartName) -> Result<Vec<Place>, Error> {
        self.check("read a part")?;
        let parts = self.parts.lock();
        let missing = Error::Missing { day: part.day, number: part.number };
        let (_, values) = parts.get(&key(&part)).ok_or(missing)?;
        let place = |(at, value): (usize, &Bytes)| Place {
            offset: at as u64,
            len: value.len() as u64,
            crc32: 0,
        };
        Ok(values.iter().enumerate().map(place).collect())
    }

    async fn value(&self, part: PartName, place: Place) -> Result<Bytes, Error> {
        self.check("read a part")?;
        if *self.fate.lock() == Fate::Damaged {
            return Err(Error::damaged(&part));
        }
        let parts = self.parts.lock();
        let at = usize::try_from(place.offset).unwrap_or(usize::MAX);
        let value = parts.get(&key(&part)).and_then(|(_, values)| values.get(at).cloned());
        value.ok_or(Error::Missing { day: part.day, number: part.number })
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, Error> {
        self.check("list archives")?;
        let projects: BTreeSet<ProjectId> = self.parts.lock().keys().map(|key| key.0).collect();
        Ok(projects.into_iter().collect())
    }

    async fn days(&self, project: ProjectId) -> Result<Vec<Date>, Error> {
        self.check("list archives")?;
        let parts = self.parts.lock();
        let days: BTreeSet<Date> =
            parts.keys().filter(|key| key.0 == project).map(|key| key.1).collect();
        Ok(days.into_iter().collect())
    }

    async fn parts(&self, project: ProjectId, day: Date) -> Result<Vec<Part>, Error> {
        self.check("list archives")?;
        let parts = self.parts.lock();
        let of_day = parts.values().filter(|(name, _)| (name.project, name.day) == (project, day));
        let part = |(name, values): &(PartName, Vec<Bytes>)| Part {
            name: *name,
            bytes: values.iter().map(|value| value.len() as u64).sum(),
        };
        Ok(of_day.map(part).collect())
    }

    async fn delete(&self, part: PartName) -> Result<(), Error> {
        self.check("delete a part")?;
        self.parts.lock().remove(&key(&part));
        Ok(())
    }
}
