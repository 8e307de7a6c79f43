//! Parts of archives: the same packed objects with an index and checksums as segments, under names
//! of their own that tell what is in them.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::civil::Date;
use tenon_domain::ProjectId;
use tenon_exec::ports::archive::{ArchiveStore, Error, Part, PartName, Place, Totals};
use tenon_exec::ports::blobs;

use crate::check::read_footer;
use crate::footer::{Entry, Footer};
use crate::objects::Name;
use crate::store::{READS_MAX, Store};

/// The folder of archives. The listing of segments does not look into it.
pub const ARCHIVE: &str = "archive";
/// The ending of a part.
const ENDING: &str = "arc";

/// The name of the file of a part: attempt, number, runs, steps, whether more parts follow.
pub fn file(part: &PartName) -> String {
    let PartName { attempt, number, totals: Totals { runs, steps }, is_last, .. } = part;
    let end = if *is_last { "last" } else { "more" };
    format!("{attempt}.{number:06}.{runs}.{steps}.{end}.{ENDING}")
}

/// The part that a file is; `None` for another file.
fn part_of(project: ProjectId, day: Date, file: &str) -> Option<PartName> {
    let mut fields = file.split('.');
    let attempt = fields.next()?.parse().ok()?;
    let number = fields.next()?.parse().ok()?;
    let totals = Totals { runs: fields.next()?.parse().ok()?, steps: fields.next()?.parse().ok()? };
    let is_last = match fields.next()? {
        "last" => true,
        "more" => false,
        _ => return None,
    };
    let is_ours = fields.next()? == ENDING && fields.next().is_none();
    is_ours.then_some(PartName { project, day, attempt, number, totals, is_last })
}

#[async_trait]
impl ArchiveStore for Store {
    async fn put(&self, part: PartName, values: &[Bytes]) -> Result<(), Error> {
        let mut parts = values.to_vec();
        parts.push(Footer::of(part.id(), values).encode());
        let written = self.objects().create(Name::Part(part), &parts).await;
        written.map_err(|error| of_part(&part, error))
    }

    async fn places(&self, part: PartName) -> Result<Vec<Place>, Error> {
        let name = Name::Part(part);
        let failed = |error| of_part(&part, error);
        let size = self.objects().size(name).await.map_err(failed)?;
        let footer = read_footer(self.objects(), name, size).await.map_err(failed)?;
        let footer = footer.map_err(|_| Error::damaged(&part))?;
        let place = |entry: Entry| {
            let Entry { offset, len, crc32 } = entry;
            Place { offset, len, crc32 }
        };
        Ok(footer.entries.into_iter().map(place).collect())
    }

    async fn value(&self, part: PartName, place: Place) -> Result<Bytes, Error> {
        let Place { offset, len, crc32 } = place;
        let Some(end) = offset.checked_add(len) else { return Err(Error::damaged(&part)) };
        for _ in 0..READS_MAX {
            let read = self.objects().read(Name::Part(part), offset..end).await;
            let bytes = read.map_err(|error| of_part(&part, error))?;
            if bytes.len() as u64 == len && crc32fast::hash(&bytes) == crc32 {
                return Ok(bytes);
            }
            crate::metrics::wrong();
        }
        Err(Error::damaged(&part))
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, Error> {
        let names = self.objects().archive_folders(None).await.map_err(of_store)?;
        let mut projects: Vec<ProjectId> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        projects.sort_unstable();
        Ok(projects)
    }

    async fn days(&self, project: ProjectId) -> Result<Vec<Date>, Error> {
        let names = self.objects().archive_folders(Some(project)).await.map_err(of_store)?;
        let mut days: Vec<Date> = names.iter().filter_map(|name| name.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }

    async fn parts(&self, project: ProjectId, day: Date) -> Result<Vec<Part>, Error> {
        let files = self.objects().archive_files(project, day).await.map_err(of_store)?;
        let mut parts: Vec<Part> = files
            .iter()
            .filter_map(|(file, bytes)| {
                part_of(project, day, file).map(|name| Part { name, bytes: *bytes })
            })
            .collect();
        parts.sort_unstable_by_key(|part| (part.name.attempt, part.name.number));
        Ok(parts)
    }

    async fn delete(&self, part: PartName) -> Result<(), Error> {
        self.objects().delete(Name::Part(part)).await.map_err(|error| of_part(&part, error))
    }
}

impl Store {
    /// Reads a whole part and checks every byte; answers how many values are in it.
    ///
    /// # Errors
    /// When it is missing, of another length, damaged, or the store cannot be read.
    pub async fn check_part(&self, part: &Part) -> Result<usize, Error> {
        let size = self.objects().size(Name::Part(part.name)).await;
        if size.map_err(|error| of_part(&part.name, error))? != part.bytes {
            return Err(Error::damaged(&part.name));
        }
        let places = self.places(part.name).await?;
        for place in &places {
            self.value(part.name, *place).await?;
        }
        Ok(places.len())
    }
}

fn of_part(part: &PartName, error: blobs::Error) -> Error {
    match error {
        blobs::Error::Missing { .. } => Error::Missing { day: part.day, number: part.number },
        blobs::Error::Corrupt { .. } => Error::damaged(part),
        blobs::Error::Unavailable { action, source } => Error::Unavailable { action, source },
    }
}

fn of_store(error: blobs::Error) -> Error {
    Error::Unavailable { action: "list archives", source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_what_is_in_it() {
        let part = PartName {
            project: ProjectId::new(),
            day: Date::new(2026, 3, 9).expect("a day"),
            attempt: uuid::Uuid::now_v7(),
            number: 12,
            totals: Totals { runs: 3, steps: 40 },
            is_last: true,
        };
        let name = file(&part);
        assert_eq!(part_of(part.project, part.day, &name), Some(part));
        assert!(name.ends_with(".000012.3.40.last.arc"), "{name}");
        for other in ["", "x.arc", &name.replace("last", "x"), &format!("{name}.tmp"), &name[1..]] {
            assert_eq!(part_of(part.project, part.day, other), None, "{other}");
        }
    }
}
