//! Segments as files, spread over 256 folders by the last byte of their id, and parts of archives
//! as files of `archive/<project>/<day>`.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::civil::Date;
use tenon_domain::ProjectId;
use tenon_exec::ports::blobs::{Error, Segment, begun_ms};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use uuid::Uuid;

use crate::archive::{self, ARCHIVE};
use crate::objects::{Name, Objects};

/// The ending of a finished segment.
const FINISHED: &str = "seg";
/// The ending of one that is being written.
const UNFINISHED: &str = "tmp";
/// No write takes that long: what is unfinished then, a crash left behind.
const UNFINISHED_AGE: Duration = Duration::from_secs(86_400);

/// Segments in a directory of this machine, or one that processes of several machines share.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Opens a directory; it is made if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root).await?;
        let disk = Self { root };
        disk.remove_unfinished().await?;
        Ok(disk)
    }

    fn archive(&self, project: ProjectId, day: Date) -> PathBuf {
        self.root.join(ARCHIVE).join(project.to_string()).join(day.to_string())
    }

    fn folder(&self, name: Name) -> PathBuf {
        match name {
            Name::Segment(segment) => self.root.join(format!("{:02x}", segment.as_bytes()[15])),
            Name::Part(part) => self.archive(part.project, part.day),
        }
    }

    fn path(&self, name: Name) -> PathBuf {
        match name {
            Name::Segment(segment) => self.folder(name).join(format!("{segment}.{FINISHED}")),
            Name::Part(part) => self.folder(name).join(archive::file(&part)),
        }
    }

    /// Where an object is while it is written. Two who write the same write files of their own.
    fn unfinished(&self, name: Name) -> PathBuf {
        let folder = match name {
            Name::Segment(_) => self.folder(name),
            Name::Part(_) => self.root.join(ARCHIVE),
        };
        folder.join(format!("{}.{}.{UNFINISHED}", name.id(), Uuid::new_v4()))
    }

    async fn write(&self, name: Name, parts: &[Bytes]) -> io::Result<()> {
        let folder = self.folder(name);
        fs::create_dir_all(&folder).await?;
        let unfinished = self.unfinished(name);
        let written = write_synced(&unfinished, parts).await;
        let renamed = match written {
            Ok(()) => fs::rename(&unfinished, self.path(name)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = renamed {
            let _ = fs::remove_file(&unfinished).await;
            return Err(error);
        }
        // The names too: a rename that is not synced can be gone after a power loss.
        for folder in folder.ancestors() {
            File::open(folder).await?.sync_all().await?;
            if folder == self.root {
                break;
            }
        }
        Ok(())
    }

    /// The files in all folders that end so.
    async fn files(&self, ending: &'static str) -> io::Result<Vec<PathBuf>> {
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || files_in(&root, ending)).await?
    }

    async fn remove_unfinished(&self) -> io::Result<()> {
        let oldest = SystemTime::now() - UNFINISHED_AGE;
        for path in self.files(UNFINISHED).await? {
            let written = fs::metadata(&path).await.and_then(|metadata| metadata.modified());
            if written.is_ok_and(|written| written < oldest) {
                let _ = fs::remove_file(path).await;
            }
        }
        Ok(())
    }
}

fn files_in(root: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root)? {
        let Ok(files) = std::fs::read_dir(folder?.path()) else { continue };
        let paths = files.filter_map(Result::ok).map(|file| file.path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|found| found == ending)));
    }
    Ok(found)
}

async fn write_synced(path: &Path, parts: &[Bytes]) -> io::Result<()> {
    let mut file = File::create_new(path).await?;
    for part in parts {
        file.write_all(part).await?;
    }
    file.flush().await?;
    file.sync_all().await
}

#[async_trait]
impl Objects for Disk {
    async fn create(&self, name: Name, parts: &[Bytes]) -> Result<(), Error> {
        self.write(name, parts).await.map_err(failed(name.id(), "write a segment"))
    }

    async fn read(&self, name: Name, range: Range<u64>) -> Result<Bytes, Error> {
        let (segment, action) = (name.id(), "read a segment");
        let mut file = File::open(self.path(name)).await.map_err(failed(segment, action))?;
        let size = file.metadata().await.map_err(failed(segment, action))?.len();
        // A place that lies outside must not cost its length in memory.
        let end = range.end.min(size);
        let len = usize::try_from(end.saturating_sub(range.start)).unwrap_or(0);
        file.seek(SeekFrom::Start(range.start)).await.map_err(failed(segment, action))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes).await.map_err(failed(segment, action))?;
        Ok(Bytes::from(bytes))
    }

    async fn size(&self, name: Name) -> Result<u64, Error> {
        let metadata = fs::metadata(self.path(name)).await;
        Ok(metadata.map_err(failed(name.id(), "look at a segment"))?.len())
    }

    async fn list(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        let files = self.files(FINISHED).await.map_err(failed(Uuid::nil(), "list segments"))?;
        let mut ids: Vec<Uuid> = files.iter().filter_map(|path| segment_of(path)).collect();
        ids.retain(|id| after.is_none_or(|after| *id > after) && begun_ms(*id) < older_than_ms);
        ids.sort_unstable();
        let mut found = Vec::new();
        for id in ids {
            // One that has just gone is not there.
            let Ok(metadata) = fs::metadata(self.path(id.into())).await else { continue };
            let written =
                metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let written_ms = written.and_then(|at| i64::try_from(at.as_millis()).ok());
            let Some(written_ms) = written_ms.filter(|at| *at < older_than_ms) else { continue };
            found.push(Segment { id, bytes: metadata.len(), written_ms });
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    async fn delete(&self, name: Name) -> Result<(), Error> {
        match fs::remove_file(self.path(name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(name.id(), "delete a segment")(error));
            }
            _ => {}
        }
        if let Name::Part(_) = name {
            // Folders that still hold something refuse.
            let day = self.folder(name);
            for folder in day.ancestors().take(2) {
                let _ = fs::remove_dir(folder).await;
            }
        }
        Ok(())
    }

    async fn archive_folders(&self, project: Option<ProjectId>) -> Result<Vec<String>, Error> {
        let mut folder = self.root.join(ARCHIVE);
        if let Some(project) = project {
            folder.push(project.to_string());
        }
        let entries = entries_of(&folder).await.map_err(failed(Uuid::nil(), "list archives"))?;
        Ok(entries.into_iter().filter(|entry| entry.1.is_dir()).map(|entry| entry.0).collect())
    }

    async fn archive_files(
        &self,
        project: ProjectId,
        day: Date,
    ) -> Result<Vec<(String, u64)>, Error> {
        let folder = self.archive(project, day);
        let entries = entries_of(&folder).await.map_err(failed(Uuid::nil(), "list archives"))?;
        Ok(entries.into_iter().map(|(name, metadata)| (name, metadata.len())).collect())
    }
}

/// What is in a folder; nothing where there is none.
async fn entries_of(folder: &Path) -> io::Result<Vec<(String, std::fs::Metadata)>> {
    let mut listed = match fs::read_dir(folder).await {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut entries = Vec::new();
    while let Some(entry) = listed.next_entry().await? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // One that has just gone is not there.
        let Ok(metadata) = entry.metadata().await else { continue };
        entries.push((name, metadata));
    }
    Ok(entries)
}

/// The id of a finished segment.
fn segment_of(path: &Path) -> Option<Uuid> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn failed(segment: Uuid, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::NotFound if !segment.is_nil() => Error::Missing { segment },
        _ => Error::Unavailable { action, source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_crash_left_unfinished_is_no_segment_and_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::open(folder.path()).await.expect("it opens");
        let segment = Uuid::now_v7();
        disk.create(segment.into(), &[Bytes::from_static(b"value")]).await.expect("written");
        let left = disk.folder(segment.into()).join(format!("{}.x.{UNFINISHED}", Uuid::now_v7()));
        std::fs::write(&left, b"half").expect("written");
        let listed = disk.list(None, i64::MAX, 10).await.expect("listed");
        assert_eq!(listed.iter().map(|found| found.id).collect::<Vec<_>>(), [segment]);
        Disk::open(folder.path()).await.expect("it opens");
        assert!(left.exists(), "it may be one that is being written");
        let file = std::fs::File::options().write(true).open(&left).expect("the file");
        file.set_modified(SystemTime::now() - UNFINISHED_AGE * 2).expect("its time is changed");
        Disk::open(folder.path()).await.expect("it opens");
        assert!(!left.exists());
    }
}
