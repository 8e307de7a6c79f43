//! The job queue on Redis: every change is one script on the keys of one queue.
//!
//! It keeps no jobs in this process. What Redis forgets is pushed again by the sweep.

mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::{FromRedisValue, Script, Value, from_redis_value};
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::queue::{
    Claimed, Depth, DueMs, Error, Fence, Generation, JobQueue, Lease, Push,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::wire::Args;
use crate::connection::{CallError, Redis};
use crate::keys;
use crate::scripts::{BATCH_MAX, QueueScripts};
use crate::subscriber::{self, News};
use tenon_exec::wakeups::Wakeups;

/// A queue that this handle listed as active is not listed again for so long.
const REGISTER_INTERVAL: Duration = Duration::from_secs(1);

/// A queue that was not pushed to for so long is looked at, and taken off if it is empty.
const QUIET_AFTER: Duration = Duration::from_secs(60);

/// Quiet queues that one call looks at.
const QUIET_MAX: usize = 100;

/// A handle on the job queues of a Redis.
pub struct RedisQueue {
    redis: Redis,
    scripts: QueueScripts,
    /// The generation this handle believes in, plus one; 0 for none.
    generation: AtomicU64,
    /// Tells its own nudges from those of others.
    nonce: Uuid,
    wakeups: Arc<Wakeups>,
    registered: Mutex<HashMap<QueueName, Instant>>,
}

/// The answer of a script once the generation was right: what follows the 0.
type Answer = std::vec::IntoIter<Value>;

impl RedisQueue {
    /// Makes a handle that has no generation yet, and listens for nudges on a task of `tasks`
    /// until `stop`.
    #[must_use]
    pub fn new(redis: Redis, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let wakeups = Arc::new(Wakeups::default());
        let nonce = Uuid::new_v4();
        let woken = Arc::clone(&wakeups);
        subscriber::spawn(&redis, vec![keys::NUDGE.to_owned()], tasks, stop, move |news| {
            let is_own = matches!(
                news,
                News::Message { payload, .. } if payload == nonce.as_bytes().as_slice()
            );
            if !is_own {
                woken.wake();
            }
        });
        Self {
            redis,
            scripts: QueueScripts::new(),
            generation: AtomicU64::new(0),
            nonce,
            wakeups,
            registered: Mutex::default(),
        }
    }

    fn mine(&self) -> Option<Generation> {
        let value = self.generation.load(Ordering::SeqCst).checked_sub(1)?;
        Some(Generation(u32::try_from(value).expect("the cell holds a u32 plus one")))
    }

    fn stale(&self, queue: &QueueName) -> Error {
        let expected = self.mine().unwrap_or(Generation(0));
        Error::StaleGeneration { queue: queue.clone(), expected }
    }

    /// Runs a queue's script. Where the queue is new or of an older generation and this handle
    /// is of the service's, the queue is made ready and the script runs once more.
    async fn run(
        &self,
        action: &'static str,
        script: &Script,
        queue: &QueueName,
        args: impl FnOnce(Generation) -> Args,
    ) -> Result<(Generation, Answer), Error> {
        let Some(mine) = self.mine() else { return Err(self.stale(queue)) };
        let keys = keys::queue(queue);
        let args = args(mine);
        for is_retry in [false, true] {
            let answer: Vec<Value> =
                self.redis.script(script, &keys, args.as_slice()).await.map_err(fail(action))?;
            let mut answer = answer.into_iter();
            match decode::<i64>(action, answer.next())? {
                0 => return Ok((mine, answer)),
                -1 if !is_retry && self.init(action, &keys, mine).await? => {}
                _ => break,
            }
        }
        Err(self.stale(queue))
    }

    /// Makes a queue one of this generation, if it is the service's; says whether.
    async fn init(
        &self,
        action: &'static str,
        keys: &[String; 6],
        mine: Generation,
    ) -> Result<bool, Error> {
        if self.generation().await? != Some(mine) {
            return Ok(false);
        }
        let is_ready: i64 =
            self.redis.script(&self.scripts.init, keys, mine.0).await.map_err(fail(action))?;
        Ok(is_ready == 1)
    }

    /// Lists a queue as active, unless this handle did so a moment ago.
    async fn register(&self, action: &'static str, queue: &QueueName) -> Result<(), Error> {
        let now = Instant::now();
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < REGISTER_INTERVAL;
        if self.registered.lock().get(queue).is_some_and(is_recent) {
            return Ok(());
        }
        let script = &self.scripts.register;
        let listed = self.redis.script::<Value>(script, keys::ACTIVE, queue.as_str()).await;
        listed.map_err(fail(action))?;
        let mut registered = self.registered.lock();
        registered.insert(queue.clone(), now);
        if registered.len() > 2 * BATCH_MAX {
            registered.retain(|_, at| is_recent(at));
        }
        Ok(())
    }

    /// Wakes the workers here and elsewhere. A nudge that fails delays the others until their
    /// wait ends by itself, so it is no error.
    async fn nudge(&self) {
        self.wakeups.wake();
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(keys::NUDGE).arg(self.nonce.as_bytes().as_slice());
        if let Err(error) = self.redis.command::<Value>(&publish).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "failed to nudge the other workers");
        }
    }

    /// Whether a quiet queue still holds jobs. One that does is no longer quiet.
    async fn keep_or_drop(&self, queue: &QueueName, pushed_at_ms: i64) -> Result<bool, Error> {
        const ACTION: &str = "look at a quiet queue";
        let depth = self.depth(queue).await?;
        if depth != Depth::default() {
            let script = &self.scripts.register;
            let listed = self.redis.script::<Value>(script, keys::ACTIVE, queue.as_str()).await;
            return listed.map(|_| true).map_err(fail(ACTION));
        }
        let args = [queue.as_str().to_owned(), pushed_at_ms.to_string()];
        let script = &self.scripts.unregister;
        let is_off: i64 =
            self.redis.script(script, keys::ACTIVE, &args).await.map_err(fail(ACTION))?;
        Ok(is_off == 0)
    }
}

/// How a failed call is told to the port's user.
fn fail(action: &'static str) -> impl FnOnce(CallError) -> Error {
    move |error| Error::Unavailable { action, source: Box::new(error) }
}

fn decode<T: FromRedisValue>(action: &'static str, value: Option<Value>) -> Result<T, Error> {
    from_redis_value(value.unwrap_or(Value::Nil)).map_err(CallError::Shape).map_err(fail(action))
}

#[async_trait]
impl JobQueue for RedisQueue {
    async fn generation(&self) -> Result<Option<Generation>, Error> {
        const ACTION: &str = "read the generation";
        let get = redis::cmd("GET").arg(keys::GENERATION).take();
        let held: Option<u32> = self.redis.command(&get).await.map_err(fail(ACTION))?;
        Ok(held.map(Generation))
    }

    async fn install_generation(&self, generation: Generation) -> Result<(), Error> {
        const ACTION: &str = "install a generation";
        let script = &self.scripts.install_generation;
        let held: i64 = self
            .redis
            .script(script, keys::GENERATION, generation.0)
            .await
            .map_err(fail(ACTION))?;
        tracing::debug!(held, installed = generation.0, "installed a queue generation");
        self.generation.fetch_max(u64::from(generation.0) + 1, Ordering::SeqCst);
        self.registered.lock().clear();
        Ok(())
    }

    async fn push(&self, queue: &QueueName, jobs: &[Push]) -> Result<(), Error> {
        const ACTION: &str = "push jobs";
        for batch in jobs.chunks(BATCH_MAX) {
            self.run(ACTION, &self.scripts.push, queue, |mine| Args::push(mine, batch)).await?;
        }
        self.register(ACTION, queue).await?;
        self.nudge().await;
        Ok(())
    }

    async fn claim(&self, queue: &QueueName, max: usize, ttl: Duration) -> Result<Claimed, Error> {
        const ACTION: &str = "claim jobs";
        let args = |mine| Args::new(mine).number(max.min(BATCH_MAX)).millis(ttl);
        let (mine, mut answer) = self.run(ACTION, &self.scripts.claim, queue, args).await?;
        let counter = decode(ACTION, answer.next())?;
        let entries: Vec<Vec<u8>> = decode(ACTION, answer.next())?;
        // A zset score comes as text, such as `1767225600000`.
        let next_due: Option<f64> = decode(ACTION, answer.next())?;
        Ok(Claimed {
            fence: Fence::new(mine, counter),
            jobs: entries.iter().filter_map(|entry| wire::claimed_job(entry)).collect(),
            next_due: next_due.map(|due| DueMs(due as i64)),
        })
    }

    async fn beat(
        &self,
        queue: &QueueName,
        leases: &[Lease],
        ttl: Duration,
    ) -> Result<Vec<RunId>, Error> {
        const ACTION: &str = "extend leases";
        let mut lost = Vec::new();
        for batch in leases.chunks(BATCH_MAX) {
            let args = |mine| Args::new(mine).millis(ttl).leases(batch);
            let (_, mut answer) = self.run(ACTION, &self.scripts.beat, queue, args).await?;
            let ids: Vec<Vec<u8>> = decode(ACTION, answer.next())?;
            lost.extend(ids.iter().filter_map(|id| wire::run_id(id)));
        }
        Ok(lost)
    }

    async fn ack(&self, queue: &QueueName, leases: &[Lease]) -> Result<(), Error> {
        for batch in leases.chunks(BATCH_MAX) {
            let args = |mine| Args::new(mine).leases(batch);
            self.run("remove finished jobs", &self.scripts.ack, queue, args).await?;
        }
        Ok(())
    }

    async fn nack(&self, queue: &QueueName, lease: Lease, due: Option<DueMs>) -> Result<(), Error> {
        const ACTION: &str = "give a job back";
        let args = |mine| Args::new(mine).leases(&[lease]).due(due);
        let (_, mut answer) = self.run(ACTION, &self.scripts.nack, queue, args).await?;
        if decode::<i64>(ACTION, answer.next())? == 1 {
            self.nudge().await;
        }
        Ok(())
    }

    async fn reap(&self, queue: &QueueName) -> Result<usize, Error> {
        const ACTION: &str = "take back lapsed leases";
        let (_, mut answer) = self.run(ACTION, &self.scripts.reap, queue, Args::new).await?;
        let reaped = decode(ACTION, answer.next())?;
        if reaped > 0 {
            self.nudge().await;
        }
        Ok(reaped)
    }

    async fn remove(&self, queue: &QueueName, runs: &[RunId]) -> Result<(), Error> {
        for batch in runs.chunks(BATCH_MAX) {
            let args = |mine| Args::new(mine).runs(batch);
            self.run("remove jobs", &self.scripts.remove, queue, args).await?;
        }
        Ok(())
    }

    async fn known(&self, queue: &QueueName, runs: &[RunId]) -> Result<Vec<bool>, Error> {
        const ACTION: &str = "look for jobs";
        let mut known = Vec::with_capacity(runs.len());
        let mut held = 0;
        for batch in runs.chunks(BATCH_MAX) {
            let args = |mine| Args::new(mine).runs(batch);
            let (_, mut answer) = self.run(ACTION, &self.scripts.known, queue, args).await?;
            known.extend(decode::<Vec<bool>>(ACTION, answer.next())?);
            held = decode::<u64>(ACTION, answer.next())?;
        }
        // The sweep asks for every queue with open jobs: the place to notice that the list of
        // active queues lost this one.
        if held > 0 {
            self.register(ACTION, queue).await?;
        }
        Ok(known)
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, Error> {
        const ACTION: &str = "count jobs";
        let (_, mut answer) = self.run(ACTION, &self.scripts.depth, queue, Args::new).await?;
        Ok(Depth {
            ready: decode(ACTION, answer.next())?,
            delayed: decode(ACTION, answer.next())?,
            running: decode(ACTION, answer.next())?,
        })
    }

    async fn active(&self) -> Result<Vec<QueueName>, Error> {
        const ACTION: &str = "list the active queues";
        let quiet_ms = u64::try_from(QUIET_AFTER.as_millis()).expect("a minute fits");
        let (since_ms, queues): (i64, Vec<(String, f64)>) = self
            .redis
            .script(&self.scripts.active, keys::ACTIVE, quiet_ms)
            .await
            .map_err(fail(ACTION))?;
        let mut active = Vec::with_capacity(queues.len());
        let mut quiet_seen = 0;
        for (name, pushed_at) in queues {
            let (queue, pushed_at_ms) = (QueueName::new(name), pushed_at as i64);
            if pushed_at_ms < since_ms && quiet_seen < QUIET_MAX {
                quiet_seen += 1;
                if !self.keep_or_drop(&queue, pushed_at_ms).await? {
                    continue;
                }
            }
            active.push(queue);
        }
        Ok(active)
    }

    async fn wait(&self, timeout: Duration) {
        self.wakeups.wait(timeout).await;
    }
}
