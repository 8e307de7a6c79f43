//! Removes segments that no row names.
//!
//! Two kinds of them come to be. A process that dies between writing a segment and committing the
//! rows that name it leaves an orphan; it is looked for when it is `orphan_age` old, once. And a
//! segment whose runs were all dropped by retention is named no more; so what is older than
//! retention is looked at in every pass. Between the two a segment cannot lose its names, and is
//! not asked about.
//!
//! Nothing is deleted for what one look says: a replay may read the name of a run that retention
//! drops and commit it a moment later. What is unnamed is condemned, and deleted by a later pass
//! if it is still unnamed then. Any number of these sweeps may run at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tenon_domain::Clock;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::metrics;
use crate::ports::blobs::{self, BlobStore, SegmentNames, begun_ms, first_segment_at};
use crate::ports::store;

/// Segments listed at once. A folder is read as a whole for each page.
const PAGE: usize = 10_000;
/// Segments that the database is asked about at once.
const ASKED: usize = 1_000;

/// The limits of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How old a segment is before it may count as an orphan. Whoever wrote it has that long to
    /// commit the rows that name it.
    pub orphan_age: Duration,
    /// How long ended runs are kept: segments older than that are looked at again and again.
    pub retention: Duration,
    /// Time between two passes, and so between condemning and deleting.
    pub interval: Duration,
    /// Condemned segments that are remembered; more wait for a later pass.
    pub condemned_max: usize,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Segments that were asked about.
    pub examined: usize,
    /// Segments found unnamed for the first time.
    pub condemned: usize,
    /// Segments that were deleted, and their bytes.
    pub deleted: usize,
    /// See `deleted`.
    pub bytes_deleted: u64,
}

/// Why a pass was cut short; the next goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The blob store cannot be read or changed.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    /// The database cannot be asked.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The sweep.
pub struct SegmentSweep {
    blobs: Arc<dyn BlobStore>,
    names: Arc<dyn SegmentNames>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// All segments up to this one were asked about when they were old enough.
    looked_through: Option<Uuid>,
    /// What is deleted by the next pass if it is unnamed then, too; with its bytes.
    condemned: BTreeMap<Uuid, u64>,
}

impl SegmentSweep {
    /// A sweep that knows nothing yet: its first pass asks about every segment.
    #[must_use]
    pub fn new(
        blobs: Arc<dyn BlobStore>,
        names: Arc<dyn SegmentNames>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        let condemned = BTreeMap::new();
        Self { blobs, names, clock, limits, looked_through: None, condemned }
    }

    /// Passes until the token fires.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let passed = tokio::select! {
                () = stop.cancelled() => return,
                passed = self.pass() => passed,
            };
            match passed {
                Ok(pass) if pass.deleted > 0 => tracing::info!(
                    segments = pass.deleted,
                    bytes = pass.bytes_deleted,
                    "segments that no run names were removed"
                ),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "unnamed segments are removed later"
                    );
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.limits.interval) => {}
            }
        }
    }

    /// Looks once at what may be unnamed.
    ///
    /// # Errors
    /// When the blob store or the database cannot be used; what was not looked at is looked at by
    /// the next pass.
    pub async fn pass(&mut self) -> Result<Pass, Error> {
        let now = self.clock.now().as_millisecond();
        let before =
            |age: Duration| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(0));
        let old_enough = before(self.limits.orphan_age);
        let expired = before(self.limits.retention).min(old_enough);
        let mut pass = Pass::default();
        let known = std::mem::take(&mut self.condemned);
        let swept = self.sweep_condemned(&known, old_enough, &mut pass).await;
        if let Err(error) = swept {
            self.condemned.extend(known);
            return Err(error);
        }
        // What retention has set free, each time; then what has come of age since the last pass.
        self.look(None, expired, &mut pass).await?;
        let from = self.looked_through.max(Some(first_segment_at(expired)));
        let reached = self.look(from, old_enough, &mut pass).await?;
        self.looked_through = reached.max(self.looked_through);
        Ok(pass)
    }

    /// Deletes what an earlier pass condemned and nobody has named since.
    async fn sweep_condemned(
        &self,
        known: &BTreeMap<Uuid, u64>,
        old_enough: i64,
        pass: &mut Pass,
    ) -> Result<(), Error> {
        let all: Vec<Uuid> = known.keys().copied().collect();
        for page in all.chunks(ASKED) {
            let named = self.named_among(page).await?;
            for segment in page.iter().filter(|segment| !named.contains(segment)) {
                debug_assert!(begun_ms(*segment) < old_enough, "it was of age when condemned");
                self.blobs.delete(*segment).await?;
                let bytes = known.get(segment).copied().unwrap_or(0);
                pass.deleted += 1;
                pass.bytes_deleted += bytes;
                metrics::SEGMENTS_SWEPT.add(1);
                metrics::SEGMENT_BYTES_SWEPT.add(bytes);
            }
        }
        Ok(())
    }

    async fn named_among(&self, segments: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
        let mut named = BTreeSet::new();
        for part in segments.chunks(ASKED) {
            named.extend(self.names.named_among(part).await?);
        }
        Ok(named)
    }

    /// Condemns what is unnamed among the segments from `from` to `older_than_ms`. Answers the
    /// last that it asked about.
    async fn look(
        &mut self,
        from: Option<Uuid>,
        older_than_ms: i64,
        pass: &mut Pass,
    ) -> Result<Option<Uuid>, Error> {
        let mut after = from;
        loop {
            let page = self.blobs.segments(after, older_than_ms, PAGE).await?;
            let ids: Vec<Uuid> = page.iter().map(|segment| segment.id).collect();
            let Some(last) = ids.last().copied() else { return Ok(after) };
            let named = self.named_among(&ids).await?;
            pass.examined += ids.len();
            for segment in page.iter().filter(|segment| !named.contains(&segment.id)) {
                if self.condemned.len() >= self.limits.condemned_max {
                    return Ok(after);
                }
                let is_new = self.condemned.insert(segment.id, segment.bytes).is_none();
                pass.condemned += usize::from(is_new);
            }
            after = Some(last);
            if page.len() < PAGE {
                return Ok(after);
            }
        }
    }
}
