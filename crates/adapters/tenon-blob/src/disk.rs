//! Segments as files, spread over 256 folders by the last byte of their id.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use tenon_exec::ports::blobs::{BlobRef, BlobStore, Error};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use uuid::Uuid;

/// The ending of a finished segment.
const FINISHED: &str = "seg";
/// The ending of one that is being written.
const UNFINISHED: &str = "tmp";

/// A blob store in a directory of this machine.
#[derive(Debug, Clone)]
pub struct DiskStore {
    root: PathBuf,
}

impl DiskStore {
    /// Opens a store; the directory is made if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root).await?;
        Ok(Self { root })
    }

    fn folder(&self, segment: Uuid) -> PathBuf {
        self.root.join(format!("{:02x}", segment.as_bytes()[15]))
    }

    fn path(&self, segment: Uuid) -> PathBuf {
        self.folder(segment).join(format!("{segment}.{FINISHED}"))
    }

    async fn write(&self, segment: Uuid, values: &[Bytes]) -> io::Result<()> {
        let folder = self.folder(segment);
        fs::create_dir_all(&folder).await?;
        let unfinished = folder.join(format!("{segment}.{UNFINISHED}"));
        let written = write_synced(&unfinished, values).await;
        let renamed = match written {
            Ok(()) => fs::rename(&unfinished, self.path(segment)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = renamed {
            let _ = fs::remove_file(&unfinished).await;
            return Err(error);
        }
        // The names too: a rename that is not synced can be gone after a power loss.
        File::open(&folder).await?.sync_all().await?;
        File::open(&self.root).await?.sync_all().await
    }
}

async fn write_synced(path: &Path, values: &[Bytes]) -> io::Result<()> {
    let mut file = File::create_new(path).await?;
    for value in values {
        file.write_all(value).await?;
    }
    file.flush().await?;
    file.sync_all().await
}

#[async_trait]
impl BlobStore for DiskStore {
    async fn put_packed(&self, values: &[Bytes]) -> Result<Vec<BlobRef>, Error> {
        let segment = Uuid::now_v7();
        self.write(segment, values).await.map_err(unavailable("write a segment"))?;
        let mut offset = 0;
        let places = values.iter().map(|value| {
            let len = value.len() as u64;
            let place = BlobRef { segment, offset, len, crc32: crc32fast::hash(value) };
            offset += len;
            place
        });
        Ok(places.collect())
    }

    async fn get(&self, blob: BlobRef) -> Result<Bytes, Error> {
        let segment = blob.segment;
        let corrupt = Error::Corrupt { segment, offset: blob.offset };
        let Ok(len) = usize::try_from(blob.len) else { return Err(corrupt) };
        let mut file = match File::open(self.path(segment)).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing { segment });
            }
            Err(error) => return Err(unavailable("open a segment")(error)),
        };
        let size = file.metadata().await.map_err(unavailable("read a segment"))?.len();
        if blob.offset.checked_add(blob.len).is_none_or(|end| end > size) {
            return Err(corrupt);
        }
        file.seek(SeekFrom::Start(blob.offset)).await.map_err(unavailable("read a segment"))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes).await.map_err(unavailable("read a segment"))?;
        if crc32fast::hash(&bytes) != blob.crc32 {
            return Err(corrupt);
        }
        Ok(Bytes::from(bytes))
    }

    async fn segments_before(&self, older_than_ms: i64, limit: usize) -> Result<Vec<Uuid>, Error> {
        let action = "list segments";
        let older_than =
            UNIX_EPOCH + Duration::from_millis(u64::try_from(older_than_ms).unwrap_or(0));
        let mut found = Vec::new();
        let mut folders = fs::read_dir(&self.root).await.map_err(unavailable(action))?;
        while let Some(folder) = folders.next_entry().await.map_err(unavailable(action))? {
            let Ok(mut files) = fs::read_dir(folder.path()).await else { continue };
            while let Some(file) = files.next_entry().await.map_err(unavailable(action))? {
                let Some(segment) = segment_of(&file.path()) else { continue };
                let written = file.metadata().await.and_then(|metadata| metadata.modified());
                if written.is_ok_and(|written| written < older_than) {
                    found.push(segment);
                    if found.len() >= limit {
                        return Ok(found);
                    }
                }
            }
        }
        Ok(found)
    }

    async fn delete(&self, segment: Uuid) -> Result<(), Error> {
        match fs::remove_file(self.path(segment)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unavailable("delete a segment")(error))
            }
            _ => Ok(()),
        }
    }
}

/// The id of a finished segment.
fn segment_of(path: &Path) -> Option<Uuid> {
    let ending = path.extension()?.to_str()?;
    if ending != FINISHED {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}

fn unavailable(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::Unavailable { action, source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store() -> (tempfile::TempDir, DiskStore) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = DiskStore::open(folder.path()).await.expect("a store");
        (folder, store)
    }

    #[tokio::test]
    async fn packed_values_come_back_each_by_its_place() {
        let (_folder, store) = store().await;
        let values = [Bytes::from_static(b"one"), Bytes::new(), Bytes::from(vec![7; 100_000])];
        let places = store.put_packed(&values).await.expect("stored");
        for (place, value) in places.iter().zip(&values) {
            assert_eq!(store.get(*place).await.expect("read"), *value);
        }
        assert!(places.iter().all(|place| place.segment == places[0].segment), "one segment");
    }

    #[tokio::test]
    async fn a_flipped_bit_is_found() {
        let (_folder, store) = store().await;
        let place = store.put_packed(&[Bytes::from_static(b"value")]).await.expect("stored")[0];
        let path = store.path(place.segment);
        let mut bytes = std::fs::read(&path).expect("the file");
        bytes[2] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert!(matches!(store.get(place).await, Err(Error::Corrupt { .. })));
    }

    #[tokio::test]
    async fn a_place_outside_of_its_segment_is_refused() {
        let (_folder, store) = store().await;
        let mut place = store.put_packed(&[Bytes::from_static(b"value")]).await.expect("stored")[0];
        place.len = u64::MAX;
        assert!(matches!(store.get(place).await, Err(Error::Corrupt { .. })));
        place.len = 6;
        assert!(matches!(store.get(place).await, Err(Error::Corrupt { .. })));
    }

    #[tokio::test]
    async fn deleting_twice_is_no_error_and_the_value_is_gone() {
        let (_folder, store) = store().await;
        let place = store.put_packed(&[Bytes::from_static(b"value")]).await.expect("stored")[0];
        let all = store.segments_before(i64::MAX, 10).await.expect("listed");
        assert_eq!(all, vec![place.segment]);
        store.delete(place.segment).await.expect("deleted");
        store.delete(place.segment).await.expect("deleted again");
        assert!(matches!(store.get(place).await, Err(Error::Missing { .. })));
    }
}
