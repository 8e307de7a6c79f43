//! The job queue on Redis: every change is one script on the keys of one shard.
//!
//! It keeps no jobs in this process. What Redis forgets is pushed again by the sweep.

mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use redis::{Cmd, FromRedisValue, Script, Value, from_redis_value};
use tenon_domain::{QueueName, RunId};
use tenon_exec::news::Newsboard;
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    AHEAD_MAX, Ask, Beat, Claimed, ClaimedJob, Depth, DueMs, Error, Fence, Generation, JobQueue,
    LOOK_MAX, Lease, News, Push, QueueState, Shard, Source, Terms, Whereabouts,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::wire::PushBatch;
use crate::connection::{CallError, Redis};
use crate::keys;
use crate::scripts::{BATCH_MAX, QueueScripts};
use crate::subscriber;

/// Queues to pass over that a claim is told of.
const EXCEPT_MAX: usize = 100;

/// Queues in a page of an overview.
const PAGE: usize = 200;

/// Pages of queues that turn out to hold nothing, before an overview gives up looking for one.
const EMPTY_PAGES_MAX: usize = 100;

/// A handle on the job queues of a Redis.
pub struct RedisQueue {
    redis: Redis,
    scripts: QueueScripts,
    shards: u16,
    /// The generation this handle believes in, plus one; 0 for none.
    generation: AtomicU64,
    /// Whom its claims are noted for. Tells its own news from those of others, too.
    member: MemberId,
    news: Arc<Newsboard>,
}

/// The answer of a script once the generation was right: what follows the 0.
type Answer = std::vec::IntoIter<Value>;

impl RedisQueue {
    /// Makes a handle that has no generation yet, on queues in so many shards (at least 1), and
    /// listens for news on a task of `tasks` until `stop`. No other handle may be of the same
    /// `member`: it would not hear of what this one pushes.
    #[must_use]
    pub fn new(
        redis: Redis,
        shards: u16,
        member: MemberId,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let news = Arc::new(Newsboard::default());
        let board = Arc::clone(&news);
        subscriber::spawn(&redis, vec![keys::NUDGE.to_owned()], tasks, stop, move |heard| {
            match heard {
                subscriber::News::Connected => board.post_any(),
                subscriber::News::Message { payload, .. } => hear(&board, member, payload),
            }
        });
        Self {
            redis,
            scripts: QueueScripts::new(),
            shards: shards.max(1),
            generation: AtomicU64::new(0),
            member,
            news,
        }
    }

    fn mine(&self) -> Option<Generation> {
        let value = self.generation.load(Ordering::SeqCst).checked_sub(1)?;
        Some(Generation(u32::try_from(value).expect("the cell holds a u32 plus one")))
    }

    fn stale(&self, shard: Shard) -> Error {
        Error::StaleGeneration { shard, expected: self.mine().unwrap_or(Generation(0)) }
    }

    /// Runs a script of a shard. Where the shard is new, of an older generation or lost a key, and
    /// this handle is of the service's generation, the shard is made ready and the script runs
    /// once more.
    async fn run(
        &self,
        action: &'static str,
        script: &Script,
        shard: Shard,
        write: impl FnOnce(&mut Cmd),
    ) -> Result<(Generation, Answer), Error> {
        let Some(mine) = self.mine() else { return Err(self.stale(shard)) };
        let tag = keys::shard(shard);
        let mut call = redis::cmd("EVALSHA");
        call.arg(script.get_hash()).arg(1).arg(&tag);
        call.arg(mine.0).arg(self.member.0.as_bytes().as_slice());
        write(&mut call);
        for is_retry in [false, true] {
            let answer: Vec<Value> = self.redis.call(script, &call).await.map_err(fail(action))?;
            let mut answer = answer.into_iter();
            match decode::<i64>(action, answer.next())? {
                0 => return Ok((mine, answer)),
                -1 | -3 if !is_retry && self.reset(action, &tag, mine).await? => {}
                _ => break,
            }
        }
        Err(self.stale(shard))
    }

    /// Makes a shard one of this generation, if it is the service's; says whether.
    async fn reset(
        &self,
        action: &'static str,
        tag: &str,
        mine: Generation,
    ) -> Result<bool, Error> {
        if self.generation().await? != Some(mine) {
            return Ok(false);
        }
        loop {
            let script = &self.scripts.reset;
            match self.redis.script(script, tag, mine.0).await.map_err(fail(action))? {
                2_i64 => {}
                outcome => return Ok(outcome == 1),
            }
        }
    }

    /// Tells the workers of this process; the script told the others.
    fn post(&self, action: &'static str, fresh: Option<Value>) -> Result<(), Error> {
        let sources: Vec<Vec<u8>> = decode(action, fresh)?;
        sources.iter().filter_map(|bytes| wire::source(bytes)).for_each(|it| self.news.post(it));
        Ok(())
    }

    async fn push_batches(&self, shard: Shard, batches: Vec<PushBatch<'_>>) -> Result<(), Error> {
        const ACTION: &str = "push jobs";
        for batch in batches {
            let write = |call: &mut Cmd| batch.write(call);
            let (_, mut answer) = self.run(ACTION, &self.scripts.push, shard, write).await?;
            self.post(ACTION, answer.nth(1))?;
        }
        Ok(())
    }

    async fn page(&self, shard: Shard, from: usize) -> Result<(usize, Vec<QueueState>), Error> {
        const ACTION: &str = "look at the queues";
        let write = |call: &mut Cmd| {
            call.arg(from).arg(PAGE);
        };
        let (_, mut answer) = self.run(ACTION, &self.scripts.overview, shard, write).await?;
        let count = decode(ACTION, answer.next())?;
        let rows: Vec<OverviewRow> = decode(ACTION, answer.next())?;
        Ok((count, rows.into_iter().map(queue_state).collect()))
    }
}

/// Name, ready, delayed, held, running, is dedicated, is paused, next entry.
type OverviewRow = (String, u64, u64, u64, u64, bool, bool, Option<Vec<u8>>);

fn queue_state(row: OverviewRow) -> QueueState {
    let (name, ready, delayed, held, running, is_dedicated, is_paused, next) = row;
    QueueState {
        queue: QueueName::new(name),
        depth: Depth { ready, delayed, held, running },
        next: next.and_then(|entry| wire::run_of_entry(&entry)),
        is_dedicated,
        is_paused,
    }
}

/// News of another process; its own were posted when they were made.
fn hear(board: &Newsboard, member: MemberId, payload: &[u8]) {
    let Some((sender, bytes)) = payload.split_at_checked(16) else { return };
    if sender == member.0.as_bytes() {
        return;
    }
    match wire::source(bytes) {
        Some(source) => board.post(source),
        None => board.post_any(),
    }
}

/// How a failed call is told to the port's user.
fn fail(action: &'static str) -> impl FnOnce(CallError) -> Error {
    move |error| Error::Unavailable { action, source: Box::new(error) }
}

fn decode<T: FromRedisValue>(action: &'static str, value: Option<Value>) -> Result<T, Error> {
    from_redis_value(value.unwrap_or(Value::Nil)).map_err(CallError::Shape).map_err(fail(action))
}

/// Names and lists of entries, by turns.
fn claimed_jobs(action: &'static str, turns: Vec<Value>) -> Result<Vec<ClaimedJob>, Error> {
    let mut jobs = Vec::new();
    let mut turns = turns.into_iter();
    while let Some(name) = turns.next() {
        let queue = QueueName::new(decode::<String>(action, Some(name))?);
        let entries: Vec<Vec<u8>> = decode(action, turns.next())?;
        jobs.extend(entries.iter().filter_map(|entry| wire::claimed_job(&queue, entry)));
    }
    Ok(jobs)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl JobQueue for RedisQueue {
    fn shards(&self) -> u16 {
        self.shards
    }

    fn member(&self) -> MemberId {
        self.member
    }

    fn shard_of(&self, queue: &QueueName) -> Shard {
        Shard::of(queue, self.shards)
    }

    async fn generation(&self) -> Result<Option<Generation>, Error> {
        const ACTION: &str = "read the generation";
        let get = redis::cmd("GET").arg(keys::GENERATION).take();
        let held: Option<String> = self.redis.command(&get).await.map_err(fail(ACTION))?;
        // Queues that are spread over another number of shards cannot be found.
        Ok(held.as_deref().and_then(|text| {
            let (generation, shards) = text.split_once(' ')?;
            let is_same = shards.parse() == Ok(self.shards);
            generation.parse().ok().filter(|_| is_same).map(Generation)
        }))
    }

    async fn install_generation(&self, generation: Generation) -> Result<(), Error> {
        const ACTION: &str = "install a generation";
        let script = &self.scripts.install_generation;
        let (held, former_shards): (i64, u16) = self
            .redis
            .script(script, keys::GENERATION, &[generation.0, u32::from(self.shards)])
            .await
            .map_err(fail(ACTION))?;
        tracing::debug!(held, installed = generation.0, "installed a queue generation");
        self.use_generation(generation);
        // Shards that are no more: nobody else would empty them.
        for shard in (self.shards..former_shards).map(Shard) {
            self.reset(ACTION, &keys::shard(shard), generation).await?;
        }
        Ok(())
    }

    fn use_generation(&self, generation: Generation) {
        self.generation.fetch_max(u64::from(generation.0) + 1, Ordering::SeqCst);
    }

    async fn push(&self, jobs: &[(QueueName, Push)]) -> Result<(), Error> {
        let shards = PushBatch::cut(jobs, |queue| self.shard_of(queue));
        let pushes = shards.into_iter().map(|(shard, batches)| self.push_batches(shard, batches));
        join_all(pushes).await.into_iter().collect()
    }

    async fn claim(&self, source: &Source, ask: &Ask) -> Result<Claimed, Error> {
        const ACTION: &str = "claim jobs";
        let (shard, dedicated) = match source {
            Source::Shared(shard) => (*shard, ""),
            Source::Dedicated(queue) => (self.shard_of(queue), queue.as_str()),
        };
        let write = |call: &mut Cmd| {
            call.arg(ask.max.min(BATCH_MAX)).arg(ask.max_of_queue.clamp(1, BATCH_MAX));
            call.arg(millis(ask.ttl)).arg(dedicated);
            for queue in ask.except.iter().take(EXCEPT_MAX) {
                call.arg(queue.as_str());
            }
        };
        let (mine, mut answer) = self.run(ACTION, &self.scripts.claim, shard, write).await?;
        let counter = decode(ACTION, answer.next())?;
        // A zset score comes as text, such as `1767225600000`.
        let next_due: Option<f64> = decode(ACTION, answer.next())?;
        let has_more = decode(ACTION, answer.next())?;
        let jobs = claimed_jobs(ACTION, decode(ACTION, answer.next())?)?;
        self.post(ACTION, answer.next())?;
        Ok(Claimed {
            fence: Fence::new(mine, counter),
            jobs,
            next_due: next_due.map(|due| DueMs(due as i64)),
            has_more,
        })
    }

    async fn beat(
        &self,
        shard: Shard,
        leases: &[Beat],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        const ACTION: &str = "extend leases";
        let mut lost = Vec::new();
        for batch in leases.chunks(BATCH_MAX) {
            let write = |call: &mut Cmd| {
                call.arg(millis(ttl));
                wire::write_beats_by_queue(batch, call);
            };
            let (_, mut answer) = self.run(ACTION, &self.scripts.beat, shard, write).await?;
            let ids: Vec<Vec<u8>> = decode(ACTION, answer.next())?;
            lost.extend(ids.iter().filter_map(|id| wire::run_id(id)));
            self.post(ACTION, answer.next())?;
        }
        Ok(lost)
    }

    async fn ack(&self, shard: Shard, leases: &[Lease]) -> Result<(), Error> {
        const ACTION: &str = "remove finished jobs";
        for batch in leases.chunks(BATCH_MAX) {
            let write =
                |call: &mut Cmd| batch.iter().for_each(|lease| wire::write_lease(lease, call));
            let (_, mut answer) = self.run(ACTION, &self.scripts.ack, shard, write).await?;
            self.post(ACTION, answer.nth(1))?;
        }
        Ok(())
    }

    async fn nack(&self, shard: Shard, leases: &[(Lease, Option<DueMs>)]) -> Result<(), Error> {
        const ACTION: &str = "give jobs back";
        for batch in leases.chunks(BATCH_MAX) {
            let write = |call: &mut Cmd| {
                for (lease, due) in batch {
                    wire::write_lease(lease, call);
                    call.arg(due.map(|due| due.0.to_string()).unwrap_or_default());
                }
            };
            let (_, mut answer) = self.run(ACTION, &self.scripts.nack, shard, write).await?;
            self.post(ACTION, answer.nth(1))?;
        }
        Ok(())
    }

    async fn reap(&self, shard: Shard) -> Result<usize, Error> {
        const ACTION: &str = "take back lapsed leases";
        let (_, mut answer) = self.run(ACTION, &self.scripts.reap, shard, |_| {}).await?;
        let reaped = decode(ACTION, answer.next())?;
        self.post(ACTION, answer.next())?;
        Ok(reaped)
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        const ACTION: &str = "remove jobs";
        for batch in runs.chunks(BATCH_MAX) {
            let write = |call: &mut Cmd| write_runs(queue, batch, call);
            let shard = self.shard_of(queue);
            let (_, mut answer) = self.run(ACTION, &self.scripts.remove, shard, write).await?;
            self.post(ACTION, answer.nth(1))?;
        }
        Ok(())
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        const ACTION: &str = "look for jobs";
        let mut known = Vec::with_capacity(runs.len());
        for batch in runs.chunks(BATCH_MAX) {
            let write = |call: &mut Cmd| write_runs(queue, batch, call);
            let shard = self.shard_of(queue);
            let (_, mut answer) = self.run(ACTION, &self.scripts.known, shard, write).await?;
            known.extend(decode::<Vec<bool>>(ACTION, answer.next())?);
            self.post(ACTION, answer.next())?;
        }
        Ok(known)
    }

    async fn locate(&self, queue: &QueueName, run: RunId) -> Result<Whereabouts, Error> {
        const ACTION: &str = "find a job";
        let write = |call: &mut Cmd| {
            write_runs(queue, &[run], call);
            call.arg(LOOK_MAX).arg(AHEAD_MAX);
        };
        let shard = self.shard_of(queue);
        let (_, mut answer) = self.run(ACTION, &self.scripts.locate, shard, write).await?;
        Ok(wire::whereabouts((
            decode(ACTION, answer.next())?,
            decode(ACTION, answer.next())?,
            decode(ACTION, answer.next())?,
            decode(ACTION, answer.next())?,
            decode(ACTION, answer.next())?,
            decode(ACTION, answer.next())?,
            decode(ACTION, answer.next())?,
        )))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        const ACTION: &str = "count jobs";
        let write = |call: &mut Cmd| write_runs(queue, &[], call);
        let shard = self.shard_of(queue);
        let (_, mut answer) = self.run(ACTION, &self.scripts.depth, shard, write).await?;
        Ok(Depth {
            ready: decode(ACTION, answer.next())?,
            delayed: decode(ACTION, answer.next())?,
            held: decode(ACTION, answer.next())?,
            running: decode(ACTION, answer.next())?,
        })
    }

    async fn set_terms(&self, terms: &[(QueueName, Terms)]) -> Result<(), Error> {
        const ACTION: &str = "set terms";
        let mut shards: HashMap<Shard, Vec<(&str, String)>> = HashMap::new();
        for (queue, terms) in terms {
            let of_shard = shards.entry(self.shard_of(queue)).or_default();
            of_shard.push((queue.as_str(), wire::terms_text(terms)));
        }
        for (shard, pairs) in shards {
            for batch in pairs.chunks(BATCH_MAX) {
                let write = |call: &mut Cmd| {
                    for (name, text) in batch {
                        call.arg(name).arg(text);
                    }
                };
                let script = &self.scripts.set_terms;
                let (_, mut answer) = self.run(ACTION, script, shard, write).await?;
                self.post(ACTION, answer.next())?;
            }
        }
        Ok(())
    }

    async fn overview(&self, shard: Shard, page: usize) -> Result<Vec<QueueState>, Error> {
        for _ in 0..EMPTY_PAGES_MAX {
            let (listed, states) = self.page(shard, page * PAGE).await?;
            // Where all that were listed held nothing, they are off the list now.
            if listed == 0 || !states.is_empty() {
                return Ok(states);
            }
        }
        Ok(Vec::new())
    }

    async fn call_for_help(&self, source: &Source) {
        let mut message = self.member.0.as_bytes().to_vec();
        message.extend(wire::source_bytes(source));
        let publish = redis::cmd("PUBLISH").arg(keys::NUDGE).arg(message).take();
        if let Err(error) = self.redis.command::<Value>(&publish).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "failed to call other workers");
        }
    }

    async fn news(&self, timeout: Duration) -> News {
        self.news.take(timeout).await
    }
}

fn write_runs(queue: &QueueName, runs: &[RunId], call: &mut Cmd) {
    call.arg(queue.as_str());
    for run in runs {
        call.arg(run.uuid().as_bytes().as_slice());
    }
}
