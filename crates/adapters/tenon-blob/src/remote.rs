//! Segments as objects of S3, Google Cloud Storage or Azure: `<prefix>/segments/<day>/<id>.seg`.
//! Parts of archives are beside them, in `<prefix>/archive/<project>/<day>`.
//!
//! Every attempt has a deadline, which grows with its bytes, and every call has one for all its
//! attempts. All calls may be repeated: a segment is written under an id of its own and never
//! changed.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::civil::Date;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, ObjectMeta, ObjectStoreExt, PutMode, PutOptions,
    PutPayload,
};
use rand::Rng;
use tenon_domain::ProjectId;
use tenon_exec::ports::blobs::{Error, Segment, begun_ms};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use uuid::Uuid;

use crate::archive::{self, ARCHIVE};
use crate::metrics;
use crate::objects::{Name, Objects};
use crate::remote_builders::Client;
use crate::store::Settings;

/// Bytes of a part; S3 asks for at least 5 MiB.
const PART_BYTES: usize = 8 << 20;
/// How much of the end is compared with what was to be written, where the store says that it is
/// there already.
const COMPARED_BYTES: u64 = 64 << 10;
/// The longest time that bytes are given.
const SLACK_MAX: Duration = Duration::from_secs(600);
/// What a listing of some thousand names is given time for.
const LISTED_BYTES: u64 = 4 << 20;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Segments in a bucket.
pub struct Remote {
    client: Client,
    prefix: Path,
    archive: Path,
    settings: Settings,
    create: PutMode,
    connections: Semaphore,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// An attempt took longer than its deadline.
#[derive(Debug, thiserror::Error)]
#[error("no answer in {0:?}")]
struct Late(Duration);

/// How an attempt went wrong.
enum Failure {
    Store(StoreError),
    Late(Late),
}

impl Failure {
    /// Whether another attempt may do better.
    fn may_pass(&self) -> bool {
        match self {
            Self::Late(_) => true,
            Self::Store(error) => matches!(error, StoreError::Generic { .. }),
        }
    }

    /// The value of a label.
    const fn name(&self) -> &'static str {
        match self {
            Self::Late(_) => "late",
            Self::Store(_) => "failed",
        }
    }

    fn into_error(self, segment: Uuid, action: &'static str) -> Error {
        match self {
            Self::Store(StoreError::NotFound { .. }) if !segment.is_nil() => {
                Error::Missing { segment }
            }
            Self::Store(source) => Error::Unavailable { action, source: Box::new(source) },
            Self::Late(source) => Error::Unavailable { action, source: Box::new(source) },
        }
    }
}

impl Remote {
    /// Segments under a prefix, of a store that can refuse to write over a key or cannot.
    pub fn new(client: Client, prefix: &str, settings: Settings, has_create: bool) -> Self {
        let archive = Path::from(prefix).join(ARCHIVE);
        let prefix = Path::from(prefix).join("segments");
        let connections = Semaphore::new(settings.connections_max.max(1));
        let create = if has_create { PutMode::Create } else { PutMode::Overwrite };
        Self { client, prefix, archive, settings, create, connections }
    }

    fn folder(&self, segment: Uuid) -> Path {
        self.prefix.clone().join(day_of(begun_ms(segment)))
    }

    fn path(&self, name: Name) -> Path {
        match name {
            Name::Segment(segment) => self.folder(segment).join(format!("{segment}.seg")),
            Name::Part(part) => self.archive_of(part.project, part.day).join(archive::file(&part)),
        }
    }

    fn archive_of(&self, project: ProjectId, day: Date) -> Path {
        self.archive.clone().join(project.to_string()).join(day.to_string())
    }

    /// Calls until it works, it cannot, or the time is up. `bytes` are those that go over the
    /// wire. The call is told how many attempts there were before.
    async fn attempts<T, F>(&self, bytes: u64, call: impl Fn(u32) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let settings = &self.settings;
        let slack = time_for(bytes, settings.bytes_per_second_min);
        let give_up = Instant::now() + settings.timeout + slack;
        let mut before = 0;
        loop {
            let left = || give_up.saturating_duration_since(Instant::now());
            // Waiting for a connection is not the store's fault: only the call's own time counts.
            let permit = tokio::time::timeout(left(), self.connections.acquire()).await;
            let deadline = (settings.attempt_timeout + slack).min(left());
            let outcome = tokio::time::timeout(deadline, call(before));
            let failure = match outcome.await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => Failure::Store(error),
                Err(_) => Failure::Late(Late(deadline)),
            };
            drop(permit);
            before += 1;
            let pause = self.pause(before);
            let is_over = before >= settings.attempts_max || Instant::now() + pause >= give_up;
            if is_over || !failure.may_pass() {
                return Err(failure);
            }
            metrics::repeated(failure.name());
            tokio::time::sleep(pause).await;
        }
    }

    /// Between half and all of a time that doubles.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = self.settings.backoff.saturating_mul(1 << (attempts - 1).min(16));
        doubled.min(self.settings.backoff_max).mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    async fn create_whole(&self, path: &Path, parts: &[Bytes]) -> Result<(), Failure> {
        let len = len_of(parts);
        let payload: PutPayload = parts.iter().cloned().collect();
        let written = self.attempts(len, |_| {
            let options = PutOptions::from(self.create.clone());
            self.client.objects.put_opts(path, payload.clone(), options)
        });
        match written.await {
            // An attempt whose answer was lost may have written it: then it is ours.
            Err(Failure::Store(error))
                if matches!(
                    error,
                    StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }
                ) =>
            {
                match self.ends_like(path, parts).await? {
                    true => Ok(()),
                    false => Err(Failure::Store(error)),
                }
            }
            written => written.map(drop),
        }
    }

    async fn create_in_parts(&self, path: &Path, parts: &[Bytes]) -> Result<(), Failure> {
        let upload = self.client.parts.as_ref();
        let id = self.attempts(0, |_| upload.create_multipart(path)).await?;
        let sent = async {
            let mut done = Vec::new();
            for (index, part) in in_parts(parts).into_iter().enumerate() {
                let len = part.content_length() as u64;
                let put = self.attempts(len, |_| upload.put_part(path, &id, index, part.clone()));
                done.push(put.await?);
            }
            let complete = self.attempts(0, |_| upload.complete_multipart(path, &id, done.clone()));
            match complete.await {
                Ok(_) => Ok(()),
                // As above: the answer may have been lost, and the upload be at its end.
                Err(failure) => match self.ends_like(path, parts).await {
                    Ok(true) => Ok(()),
                    _ => Err(failure),
                },
            }
        };
        let sent = sent.await;
        if sent.is_err() {
            // What is left of it costs room until the bucket's own rule removes it.
            let _ = self.attempts(0, |_| upload.abort_multipart(path, &id)).await;
        }
        sent
    }

    /// Whether the object has our length and our last bytes, which are the index with its
    /// checksums.
    async fn ends_like(&self, path: &Path, parts: &[Bytes]) -> Result<bool, Failure> {
        let ours = last_bytes(parts, COMPARED_BYTES);
        let found = self
            .attempts(ours.len() as u64, |_| async {
                // From the start on: Azure knows no ranges that count from the end.
                let len = len_of(parts);
                let range = Some(GetRange::Bounded(len - ours.len() as u64..len));
                let options = GetOptions { range, ..GetOptions::default() };
                let found = self.client.objects.get_opts(path, options).await?;
                let size = found.meta.size;
                Ok((size, found.bytes().await?))
            })
            .await;
        match found {
            Ok((size, bytes)) => Ok(size == len_of(parts) && bytes == ours),
            Err(Failure::Store(StoreError::NotFound { .. })) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// The days that there are segments of, in order.
    async fn days(&self) -> Result<Vec<Path>, Failure> {
        let listed =
            self.attempts(0, |_| self.client.objects.list_with_delimiter(Some(&self.prefix)));
        let mut days = listed.await?.common_prefixes;
        days.sort_unstable();
        Ok(days)
    }

    async fn list_day(
        &self,
        day: &Path,
        after: Option<Uuid>,
        limit: usize,
        is_wanted: impl Fn(&Segment) -> bool,
    ) -> Result<Vec<Segment>, Failure> {
        // A listing of a thousand keys is some hundred kilobytes.
        let bytes = limit as u64 * 300;
        self.attempts(bytes, |_| async {
            let mut found = Vec::new();
            let mut listed = match after {
                Some(after) => {
                    let offset = day.clone().join(format!("{after}.seg"));
                    self.client.objects.list_with_offset(Some(day), &offset)
                }
                None => self.client.objects.list(Some(day)),
            };
            while let Some(object) = listed.next().await {
                if let Some(segment) = segment_of(&object?).filter(|segment| is_wanted(segment)) {
                    found.push(segment);
                    if found.len() >= limit {
                        break;
                    }
                }
            }
            Ok(found)
        })
        .await
    }
}

#[async_trait]
impl Objects for Remote {
    async fn create(&self, name: Name, parts: &[Bytes]) -> Result<(), Error> {
        let path = self.path(name);
        let written = match len_of(parts) > self.settings.multipart_bytes_min {
            true => self.create_in_parts(&path, parts).await,
            false => self.create_whole(&path, parts).await,
        };
        // A bucket that is missing is no missing segment.
        written.map_err(|failure| failure.into_error(Uuid::nil(), "write a segment"))
    }

    async fn read(&self, name: Name, range: Range<u64>) -> Result<Bytes, Error> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let path = self.path(name);
        let read = self.attempts(range.end - range.start, |_| async {
            let bounded = Some(GetRange::Bounded(range.clone()));
            let options = GetOptions { range: bounded, ..GetOptions::default() };
            let found = self.client.objects.get_opts(&path, options).await?;
            let promised = found.range.end - found.range.start;
            let bytes = found.bytes().await?;
            match bytes.len() as u64 == promised {
                true => Ok(bytes),
                false => Err(StoreError::Generic {
                    store: "segments",
                    source: "the body was cut short".into(),
                }),
            }
        });
        match read.await {
            Ok(bytes) => Ok(bytes),
            // Stores refuse a range that begins behind the end.
            Err(Failure::Store(StoreError::Generic { .. }))
                if self.size(name).await.is_ok_and(|size| size <= range.start) =>
            {
                Ok(Bytes::new())
            }
            Err(failure) => Err(failure.into_error(name.id(), "read a segment")),
        }
    }

    async fn size(&self, name: Name) -> Result<u64, Error> {
        let path = self.path(name);
        let head = self.attempts(0, |_| async {
            let options = GetOptions { head: true, ..GetOptions::default() };
            Ok(self.client.objects.get_opts(&path, options).await?.meta.size)
        });
        head.await.map_err(|failure| failure.into_error(name.id(), "look at a segment"))
    }

    async fn list(
        &self,
        after: Option<Uuid>,
        older_than_ms: i64,
        limit: usize,
    ) -> Result<Vec<Segment>, Error> {
        let failed = |failure: Failure| failure.into_error(Uuid::nil(), "list segments");
        let first = after.map(|after| day_of(begun_ms(after)));
        let last = day_of(older_than_ms);
        let mut found = Vec::new();
        for day in self.days().await.map_err(failed)? {
            let name = day.filename().unwrap_or_default();
            if first.as_deref().is_some_and(|first| name < first) || name > last.as_str() {
                continue;
            }
            let room = limit - found.len();
            let is_wanted = |segment: &Segment| {
                after.is_none_or(|after| segment.id > after)
                    && segment.written_ms < older_than_ms
                    && begun_ms(segment.id) < older_than_ms
            };
            let after = after.filter(|_| first.as_deref() == Some(name));
            found.extend(self.list_day(&day, after, room, is_wanted).await.map_err(failed)?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    async fn delete(&self, name: Name) -> Result<(), Error> {
        let path = self.path(name);
        let deleted = self.attempts(0, |_| async {
            match self.client.objects.delete(&path).await {
                Err(StoreError::NotFound { .. }) => Ok(()),
                outcome => outcome,
            }
        });
        deleted.await.map_err(|failure| failure.into_error(name.id(), "delete a segment"))
    }

    async fn archive_folders(&self, project: Option<ProjectId>) -> Result<Vec<String>, Error> {
        let folder = match project {
            Some(project) => self.archive.clone().join(project.to_string()),
            None => self.archive.clone(),
        };
        let list = |_| self.client.objects.list_with_delimiter(Some(&folder));
        let listed = self.attempts(LISTED_BYTES, list);
        let listed =
            listed.await.map_err(|failure| failure.into_error(Uuid::nil(), "list archives"))?;
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename());
        Ok(names.map(str::to_owned).collect())
    }

    async fn archive_files(
        &self,
        project: ProjectId,
        day: Date,
    ) -> Result<Vec<(String, u64)>, Error> {
        let folder = self.archive_of(project, day);
        let list = |_| self.client.objects.list_with_delimiter(Some(&folder));
        let listed = self.attempts(LISTED_BYTES, list);
        let listed =
            listed.await.map_err(|failure| failure.into_error(Uuid::nil(), "list archives"))?;
        let files = listed.objects.iter().filter_map(|object| {
            object.location.filename().map(|name| (name.to_owned(), object.size))
        });
        Ok(files.collect())
    }
}

/// How long bytes may take; a place that lies outside of its segment can claim any number of them.
fn time_for(bytes: u64, bytes_per_second_min: u64) -> Duration {
    let ms = bytes.saturating_mul(1_000) / bytes_per_second_min.max(1);
    Duration::from_millis(ms).min(SLACK_MAX)
}

/// A folder for each day, which sorts by time: days since 1970 in six digits.
fn day_of(ms: i64) -> String {
    format!("{:06}", (ms / DAY_MS).clamp(0, 999_999))
}

fn segment_of(object: &ObjectMeta) -> Option<Segment> {
    let id = object.location.filename()?.strip_suffix(".seg")?.parse().ok()?;
    let written_ms = object.last_modified.timestamp_millis();
    Some(Segment { id, bytes: object.size, written_ms })
}

fn len_of(parts: &[Bytes]) -> u64 {
    parts.iter().map(|part| part.len() as u64).sum()
}

/// The last bytes, at most so many.
fn last_bytes(parts: &[Bytes], max: u64) -> Bytes {
    let mut last = Vec::new();
    let mut skipped = len_of(parts).saturating_sub(max);
    for part in parts {
        let len = part.len() as u64;
        let from = usize::try_from(skipped.min(len)).unwrap_or(0);
        last.extend_from_slice(&part[from..]);
        skipped -= from as u64;
    }
    Bytes::from(last)
}

/// The same bytes in parts of one size, without copying them.
fn in_parts(parts: &[Bytes]) -> Vec<PutPayload> {
    let mut payloads = Vec::new();
    let mut pieces = Vec::new();
    let mut room = PART_BYTES;
    for part in parts {
        let mut rest = part.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(room));
            room -= piece.len();
            pieces.push(piece);
            if room == 0 {
                payloads.push(pieces.drain(..).collect());
                room = PART_BYTES;
            }
        }
    }
    if !pieces.is_empty() {
        payloads.push(pieces.into_iter().collect());
    }
    payloads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_the_same_bytes_in_the_same_order() {
        let first = vec![1; PART_BYTES - 3];
        let parts = [Bytes::from(first), Bytes::from(vec![2; PART_BYTES]), Bytes::from(vec![3; 9])];
        let cut = in_parts(&parts);
        let sizes: Vec<usize> = cut.iter().map(PutPayload::content_length).collect();
        assert_eq!(sizes, [PART_BYTES, PART_BYTES, 6]);
        let joined: Vec<u8> =
            cut.iter().flat_map(|part| part.iter().flat_map(|piece| piece.to_vec())).collect();
        assert_eq!(joined, parts.concat());
        assert_eq!(last_bytes(&parts, 12), [vec![2; 3], vec![3; 9]].concat());
    }

    #[test]
    fn days_sort_as_their_ids_do() {
        assert_eq!(day_of(0), "000000");
        assert!(day_of(begun_ms(Uuid::now_v7())) > day_of(1_700_000_000_000));
        assert_eq!(day_of(i64::MAX), "999999");
    }
}
