//! The execution store in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tenon_domain::{ConfigurationId, ProjectId, RunId, StepId};
use tenon_exec::ports::blobs::SegmentNames;
use tenon_exec::ports::history::{Payload, RunStatus};
use tenon_exec::ports::queue::{DueMs, Generation, Lane};
use tenon_exec::ports::schedule::{ScheduleKey, ScheduleStore, TickPart, TickProgress};
use tenon_exec::ports::store::{
    Accept, Accepted, Batch, Error, Finish, InstallationScope, Iteration, Job, JobStore, OpenJob,
    ResultScope, StepRow, StoredResult,
};
use uuid::Uuid;

use super::{Entry, Journal, Presence};

type ResultKey = (RunId, StepId, Iteration, u32);

#[derive(Default)]
struct Rows {
    open: BTreeMap<RunId, (Job, Option<DueMs>)>,
    results: BTreeMap<ResultKey, StepRow>,
    ended: HashMap<RunId, Finish>,
    once: HashMap<(ProjectId, String), ([u8; 32], RunId)>,
    ticks: HashMap<ScheduleKey, Timestamp>,
    /// Ticks that were accepted in part.
    ticking: HashMap<ScheduleKey, (Timestamp, ConfigurationId)>,
    parts_to_lose: u32,
    generation: u32,
    refused_steps: Vec<StepId>,
    refused_runs: Vec<RunId>,
    replies_to_lose: u32,
    clock_ahead: SignedDuration,
}

/// Jobs, results and ticks in memory, with the promises of the real store: a result or a run's
/// end counts once, a batch is written whole or not at all.
pub struct MemoryStore {
    rows: Mutex<Rows>,
    journal: Journal,
    presence: Presence,
}

impl MemoryStore {
    /// An empty store of generation 1 that notes what it commits.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        let rows = Rows { generation: 1, ..Rows::default() };
        Self { rows: Mutex::new(rows), journal, presence: Presence::default() }
    }

    /// Whether every call fails from now on.
    pub fn set_away(&self, is_away: bool) {
        self.presence.set_away(is_away);
    }

    /// Refuses every batch with a result of this step from now on.
    pub fn refuse_step(&self, step: &str) {
        self.rows.lock().refused_steps.push(StepId::new(step));
    }

    /// Refuses every batch that accepts this run from now on.
    pub fn refuse_run(&self, run: RunId) {
        self.rows.lock().refused_runs.push(run);
    }

    /// Commits the next `count` batches of results and says that it failed.
    pub fn lose_replies(&self, count: u32) {
        self.rows.lock().replies_to_lose = count;
    }

    /// Commits the next `count` parts of ticks and says that it failed.
    pub fn lose_parts(&self, count: u32) {
        self.rows.lock().parts_to_lose = count;
    }

    /// Its clock is that far ahead of this machine's from now on.
    pub fn set_clock_ahead(&self, ahead: SignedDuration) {
        self.rows.lock().clock_ahead = ahead;
    }

    /// Puts an open job there, as if it had been accepted.
    pub fn put(&self, job: Job) {
        self.rows.lock().open.insert(job.run, (job, None));
    }

    /// The results of a run, by step, iteration and attempt.
    #[must_use]
    pub fn rows_of(&self, run: RunId) -> Vec<StepRow> {
        let rows = self.rows.lock();
        rows.results.values().filter(|row| row.run == run).cloned().collect()
    }

    /// How a run ended, if it has.
    #[must_use]
    pub fn end_of(&self, run: RunId) -> Option<Finish> {
        self.rows.lock().ended.get(&run).cloned()
    }

    /// The open runs with the time each waits for.
    #[must_use]
    pub fn open(&self) -> Vec<(RunId, Option<DueMs>)> {
        self.rows.lock().open.iter().map(|(run, (_, due))| (*run, *due)).collect()
    }

    fn check(&self, action: &'static str) -> Result<(), Error> {
        self.presence.check().map_err(|source| Error::Unavailable { action, source })
    }
}

impl Rows {
    fn cancel(&mut self, run: RunId) {
        let finish = Finish {
            run,
            status: RunStatus::Cancelled,
            error: None,
            started_at: None,
            finished_at: Timestamp::now(),
        };
        self.commit(&Batch { finishes: vec![finish], ..Batch::default() });
    }

    fn progress(&self, key: &ScheduleKey, tick: Timestamp) -> TickProgress {
        if self.ticks.get(key).is_some_and(|last| *last >= tick) {
            return TickProgress::Done;
        }
        match self.ticking.get(key) {
            Some((at, through)) if *at == tick => TickProgress::Through(*through),
            _ => TickProgress::Untouched,
        }
    }

    fn accept(&mut self, item: &Accept) -> Accepted {
        let job = &item.job;
        if let Some(once) = &item.once {
            let key = (job.project, once.key.clone());
            match self.once.get(&key) {
                Some((digest, run)) if *digest == once.digest => return Accepted::Repeat(*run),
                Some(_) => return Accepted::Conflict,
                None => self.once.insert(key, (once.digest, job.run)),
            };
        }
        self.open.entry(job.run).or_insert_with(|| (job.clone(), None));
        Accepted::New
    }

    fn commit(&mut self, batch: &Batch) {
        for row in &batch.steps {
            let key = (row.run, row.step.clone(), row.iteration.clone(), row.attempt);
            self.results.entry(key).or_insert_with(|| row.clone());
            if let Some((job, _)) = self.open.get_mut(&row.run) {
                job.has_progress = true;
            }
        }
        for suspend in &batch.suspends {
            if let Some((_, due)) = self.open.get_mut(&suspend.run) {
                *due = Some(suspend.due);
            }
        }
        for finish in &batch.finishes {
            if self.open.remove(&finish.run).is_some() {
                self.ended.insert(finish.run, finish.clone());
            }
        }
    }

    /// The rows of a run that pass, as the engine reads them.
    fn stored(&self, run: RunId, passes: impl Fn(&StepRow) -> bool) -> Vec<StoredResult> {
        let rows = self.results.values().filter(|row| row.run == run && passes(row));
        rows.map(|row| StoredResult {
            step: row.step.clone(),
            iteration: row.iteration.clone(),
            attempt: row.attempt,
            pauses: row.pauses,
            status: row.status,
            retry_at: row.retry_at,
            output: row.output.clone(),
            error: row.error.clone(),
        })
        .collect()
    }

    fn iteration_keys(&self, run: RunId) -> Vec<StoredResult> {
        let mut latest: BTreeMap<(StepId, Iteration), StoredResult> = BTreeMap::new();
        // Rows come in the order of their attempts, so the last one of a key stays.
        for row in self.stored(run, |row| !row.iteration.is_empty()) {
            let key = (row.step.clone(), row.iteration.clone());
            latest.insert(key, StoredResult { output: None, ..row });
        }
        latest.into_values().collect()
    }
}

#[async_trait]
impl JobStore for MemoryStore {
    async fn accept(&self, items: &[Accept]) -> Result<Vec<Accepted>, Error> {
        // A commit never comes at once: whoever does not wait for it gets ahead of it.
        tokio::task::yield_now().await;
        self.check("accept jobs")?;
        let mut rows = self.rows.lock();
        if items.iter().any(|item| rows.refused_runs.contains(&item.job.run)) {
            return Err(refused("accept jobs"));
        }
        let outcomes = items.iter().map(|item| rows.accept(item)).collect();
        self.journal.note(Entry::Accepted(items.len()));
        Ok(outcomes)
    }

    async fn load(&self, runs: &[RunId]) -> Result<Vec<Job>, Error> {
        self.check("load jobs")?;
        let rows = self.rows.lock();
        Ok(runs.iter().filter_map(|run| rows.open.get(run)).map(|(job, _)| job.clone()).collect())
    }

    async fn results(&self, run: RunId, scope: ResultScope) -> Result<Vec<StoredResult>, Error> {
        self.check("read results")?;
        let rows = self.rows.lock();
        Ok(match scope {
            ResultScope::Root => rows.stored(run, |row| row.iteration.is_empty()),
            ResultScope::IterationKeys => rows.iteration_keys(run),
            ResultScope::Iteration(at) => {
                self.journal.note(Entry::IterationRead(at.clone()));
                rows.stored(run, |row| row.iteration == at)
            }
            ResultScope::StepBelow(step, below) => {
                rows.stored(run, |row| row.step == step && row.iteration.starts_with(&below))
            }
        })
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<(), Error> {
        // A commit never comes at once: whoever does not wait for it gets ahead of it.
        tokio::task::yield_now().await;
        self.check("commit results")?;
        let mut rows = self.rows.lock();
        if batch.steps.iter().any(|row| rows.refused_steps.contains(&row.step)) {
            return Err(refused("commit results"));
        }
        rows.commit(&batch);
        let count = batch.steps.len() + batch.suspends.len() + batch.finishes.len();
        self.journal.note(Entry::Committed(count));
        if rows.replies_to_lose > 0 {
            rows.replies_to_lose -= 1;
            let source = "the answer was lost, as the test asked".into();
            return Err(Error::Unavailable { action: "commit results", source });
        }
        Ok(())
    }

    async fn open_jobs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<OpenJob>, Error> {
        self.check("list open jobs")?;
        let rows = self.rows.lock();
        let open = rows.open.values().filter(|(job, _)| after.is_none_or(|after| job.run > after));
        Ok(open
            .take(limit)
            .map(|(job, due)| OpenJob {
                run: job.run,
                project: job.project,
                due: *due,
                order: job.order,
            })
            .collect())
    }

    async fn has_earlier(&self, project: ProjectId, lane: Lane, run: RunId) -> Result<bool, Error> {
        self.check("look for an earlier job")?;
        let is_same = |job: &Job| {
            job.project == project
                && job.order.lane.is_some_and(|it| it.key == lane.key && it.rule == lane.rule)
        };
        Ok(self.rows.lock().open.values().any(|(job, _)| job.run < run && is_same(job)))
    }

    async fn count_crashes(&self, runs: &[RunId]) -> Result<Vec<(RunId, u32)>, Error> {
        self.check("count crashes")?;
        let mut rows = self.rows.lock();
        let mut counts = Vec::new();
        for run in runs {
            if let Some((job, _)) = rows.open.get_mut(run) {
                job.crashes += 1;
                counts.push((*run, job.crashes));
            }
        }
        Ok(counts)
    }

    async fn accept_replay(&self, job: &Job, keep_results: bool) -> Result<(), Error> {
        self.check("accept a replay")?;
        let mut rows = self.rows.lock();
        if let (true, Some(old)) = (keep_results, job.replay_of) {
            let kept: Vec<StepRow> =
                rows.results.values().filter(|row| row.run == old).cloned().collect();
            rows.commit(&Batch {
                steps: kept
                    .into_iter()
                    .filter(|row| row.status == tenon_exec::ports::history::StepStatus::Succeeded)
                    .map(|row| StepRow { run: job.run, ..row })
                    .collect(),
                ..Batch::default()
            });
        }
        rows.open.insert(job.run, (job.clone(), None));
        Ok(())
    }

    async fn cancel(&self, project: ProjectId, run: RunId) -> Result<bool, Error> {
        self.check("cancel a run")?;
        let mut rows = self.rows.lock();
        if rows.open.get(&run).is_none_or(|(job, _)| job.project != project) {
            return Ok(false);
        }
        rows.cancel(run);
        Ok(true)
    }

    async fn cancel_installation(
        &self,
        project: ProjectId,
        scope: InstallationScope,
        until: Timestamp,
    ) -> Result<Vec<RunId>, Error> {
        self.check("cancel the runs of an installation")?;
        let mut rows = self.rows.lock();
        let is_meant = |job: &Job| {
            let Some(installation) = &job.installation else { return false };
            job.project == project
                && job.accepted_at <= until
                && match scope {
                    InstallationScope::Account(id) => installation.credential == id,
                    InstallationScope::Configuration(id) => installation.configuration == id,
                    InstallationScope::Workflow(id, workflow) => {
                        installation.configuration == id && job.workflow == workflow
                    }
                }
        };
        let open = rows.open.values().filter(|(job, _)| is_meant(job));
        let runs: Vec<RunId> = open.map(|(job, _)| job.run).collect();
        for run in &runs {
            rows.cancel(*run);
        }
        Ok(runs)
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.check("read the time")?;
        Ok(Timestamp::now() + self.rows.lock().clock_ahead)
    }

    async fn generation(&self) -> Result<Generation, Error> {
        self.check("read the generation")?;
        Ok(Generation(self.rows.lock().generation))
    }

    async fn raise_generation(&self, from: Generation) -> Result<Generation, Error> {
        self.check("raise the generation")?;
        let mut rows = self.rows.lock();
        if rows.generation == from.0 {
            rows.generation += 1;
        }
        Ok(Generation(rows.generation))
    }

    async fn maintain_partitions(
        &self,
        _: Timestamp,
        _: Option<u32>,
    ) -> Result<Vec<String>, Error> {
        self.check("maintain partitions")?;
        Ok(Vec::new())
    }

    async fn ping(&self) -> Result<(), Error> {
        self.check("answer")
    }
}

#[async_trait]
impl ScheduleStore for MemoryStore {
    async fn last_tick(&self, key: &ScheduleKey, now: Timestamp) -> Result<Timestamp, Error> {
        self.check("read a schedule")?;
        Ok(*self.rows.lock().ticks.entry(key.clone()).or_insert(now))
    }

    async fn accept_tick(
        &self,
        key: &ScheduleKey,
        tick: Timestamp,
        job: &Job,
    ) -> Result<bool, Error> {
        self.check("accept a tick")?;
        let mut rows = self.rows.lock();
        if rows.ticks.get(key).is_some_and(|last| *last >= tick) {
            return Ok(false);
        }
        rows.ticks.insert(key.clone(), tick);
        rows.open.insert(job.run, (job.clone(), None));
        Ok(true)
    }

    async fn tick_progress(
        &self,
        key: &ScheduleKey,
        tick: Timestamp,
    ) -> Result<TickProgress, Error> {
        self.check("read a tick")?;
        Ok(self.rows.lock().progress(key, tick))
    }

    async fn accept_tick_part(
        &self,
        key: &ScheduleKey,
        part: TickPart,
        jobs: &[Job],
    ) -> Result<bool, Error> {
        // A commit never comes at once: two who look at the same time meet here.
        tokio::task::yield_now().await;
        self.check("accept a part of a tick")?;
        let mut rows = self.rows.lock();
        let begins_at = match part.after {
            None => TickProgress::Untouched,
            Some(after) => TickProgress::Through(after),
        };
        if rows.progress(key, part.tick) != begins_at {
            return Ok(false);
        }
        match part.through {
            Some(through) => drop(rows.ticking.insert(key.clone(), (part.tick, through))),
            None => {
                rows.ticking.remove(key);
                rows.ticks.insert(key.clone(), part.tick);
            }
        }
        for job in jobs {
            rows.open.insert(job.run, (job.clone(), None));
        }
        if rows.parts_to_lose > 0 {
            rows.parts_to_lose -= 1;
            let source = "the answer was lost, as the test asked".into();
            return Err(Error::Unavailable { action: "accept a part of a tick", source });
        }
        Ok(true)
    }
}

fn refused(action: &'static str) -> Error {
    Error::Rejected { action, source: "refused, as the test asked".into() }
}

#[async_trait]
impl SegmentNames for MemoryStore {
    async fn named_among(&self, segments: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        self.check("look for named segments")?;
        let rows = self.rows.lock();
        let of_jobs = rows.open.values().flat_map(|(job, _)| {
            let values = job.installation.as_ref().map(|installation| &installation.values);
            std::iter::once(&job.input).chain(values)
        });
        let of_results = rows.results.values().flat_map(|row| [&row.input, &row.output]).flatten();
        let named: HashSet<Uuid> = of_jobs
            .chain(of_results)
            .filter_map(|payload| match payload {
                Payload::Blob(blob) => Some(blob.segment),
                Payload::Inline(_) => None,
            })
            .collect();
        Ok(segments.iter().copied().filter(|segment| named.contains(segment)).collect())
    }
}
