//! BullMQ's edition for Rust, driven by `tenon bench --peers`: a command a line comes in on standard
//! input, and an answer of one line of JSON goes out for each.
//!
//! The commands are those of `crates/apps/tenon/src/commands/bench/peers/bullmq.mjs`, which explains
//! them. Argument: the socket of Redis. It ends with its input.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bullmq::options::RedisConnectionOptions;
use bullmq::types::RemoveOnFinish;
use bullmq::worker::{CancellationToken, ProcessorFn};
use bullmq::{BulkJob, Job, Queue, QueueOptions, Worker, WorkerOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::Notify;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Jobs of one push, and pushes under way at once.
const BULK: usize = 1_000;
const UNDER_WAY: usize = 2;
/// Jobs that the worker of `start` may run at once.
const START_CONCURRENCY: usize = 100;
/// How long workers may take to close, in ms.
const CLOSE_MS: u64 = 5_000;
/// Bytes of a job's data: JSON with an id.
const DATA_BYTES: usize = 256;

#[tokio::main]
async fn main() -> Outcome<()> {
    let socket = std::env::args().nth(1).ok_or("the socket of Redis is missing")?;
    let mut driver = Driver { url: format!("redis+unix://{socket}"), workers: Vec::new() };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut words = line.split(' ');
        let command = words.next().unwrap_or_default();
        let numbers: Vec<usize> = words.map(str::parse).collect::<Result<_, _>>()?;
        let answer = match (command, numbers.as_slice()) {
            ("fill", &[queues, jobs]) => driver.fill(queues, jobs).await?,
            ("drain", &[queues, jobs, concurrency]) => {
                driver.drain(queues, jobs, concurrency).await?
            }
            ("close", []) => driver.close().await?,
            ("start", &[rate, seconds]) => driver.start(rate, seconds).await?,
            _ => return Err(format!("there is no command `{line}`").into()),
        };
        println!("{answer}");
    }
    Ok(())
}

struct Driver {
    url: String,
    workers: Vec<Worker>,
}

impl Driver {
    fn connection(&self) -> RedisConnectionOptions {
        RedisConnectionOptions { url: self.url.clone(), ..Default::default() }
    }

    async fn queue(&self, queue: usize) -> Outcome<Arc<Queue>> {
        let options = QueueOptions { connection: self.connection(), ..Default::default() };
        Ok(Arc::new(Queue::with_options(&name_of(queue), options).await?))
    }

    async fn fill(&self, queues: usize, jobs: usize) -> Outcome<Value> {
        let mut pushes = Vec::new();
        for number in 0..queues {
            let queue = self.queue(number).await?;
            let mut left = jobs / queues;
            while left > 0 {
                pushes.push((queue.clone(), left.min(BULK)));
                left -= left.min(BULK);
            }
        }
        let started = Instant::now();
        let pushes = Arc::new(Mutex::new(pushes));
        let mut pushing = JoinSet::new();
        for _ in 0..UNDER_WAY {
            let pushes = pushes.clone();
            pushing.spawn(async move {
                loop {
                    let next = pushes.lock().map_err(|_| "a push panicked")?.pop();
                    let Some((queue, count)) = next else { return Outcome::Ok(()) };
                    let jobs = (0..count).map(|number| BulkJob::new("job", data(number))).collect();
                    queue.add_bulk(jobs).await?;
                }
            });
        }
        while let Some(pushed) = pushing.join_next().await {
            pushed??;
        }
        Ok(json!({ "seconds": started.elapsed().as_secs_f64() }))
    }

    async fn open(
        &mut self,
        queue: usize,
        concurrency: usize,
        note: impl Fn(&Job) + Send + Sync + 'static,
    ) -> Outcome<()> {
        let process: ProcessorFn = Arc::new(move |job: Job, _: CancellationToken| {
            note(&job);
            Box::pin(async { Ok(Value::Null) })
        });
        let options = WorkerOptions {
            connection: self.connection(),
            concurrency,
            autorun: false,
            remove_on_complete: Some(RemoveOnFinish::Bool(true)),
            remove_on_fail: Some(RemoveOnFinish::Bool(true)),
            ..Default::default()
        };
        self.workers.push(Worker::with_options(&name_of(queue), process, options).await?);
        Ok(())
    }

    async fn drain(&mut self, queues: usize, jobs: usize, concurrency: usize) -> Outcome<Value> {
        let (left, waiting) =
            (Arc::new(AtomicUsize::new(jobs)), Arc::new(AtomicUsize::new(queues)));
        let (served, end) = (Arc::new(Mutex::new(None)), Arc::new(Notify::new()));
        for queue in 0..queues {
            let (left, waiting) = (left.clone(), waiting.clone());
            let (served, end) = (served.clone(), end.clone());
            let is_served = AtomicBool::new(false);
            self.open(queue, concurrency, move |_| {
                let is_first =
                    !is_served.load(Ordering::Relaxed) && !is_served.swap(true, Ordering::Relaxed);
                if is_first && waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
                    *served.lock().unwrap_or_else(|broken| broken.into_inner()) =
                        Some(Instant::now());
                }
                if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    end.notify_one();
                }
            })
            .await?;
        }
        let started = Instant::now();
        for worker in &self.workers {
            worker.run().await?;
        }
        end.notified().await;
        let took = started.elapsed();
        let served = served.lock().map_err(|_| "a job panicked")?.map(|at| at - started);
        let served = served.unwrap_or(took).as_secs_f64();
        Ok(json!({ "seconds": took.as_secs_f64(), "served": served }))
    }

    async fn close(&mut self) -> Outcome<Value> {
        let mut closing = JoinSet::new();
        for worker in self.workers.drain(..) {
            closing.spawn(async move { worker.close(CLOSE_MS).await });
        }
        while let Some(closed) = closing.join_next().await {
            closed??;
        }
        Ok(json!({}))
    }

    async fn start(&mut self, rate: usize, seconds: usize) -> Outcome<Value> {
        let jobs = rate * seconds;
        let (waits, end) =
            (Arc::new(Mutex::new(Vec::with_capacity(jobs))), Arc::new(Notify::new()));
        let begun = Instant::now();
        let note = {
            let (waits, end) = (waits.clone(), end.clone());
            move |job: &Job| {
                let now = begun.elapsed();
                let at = Duration::from_nanos(job.data()["at"].as_u64().unwrap_or(0));
                let mut waits = waits.lock().unwrap_or_else(|broken| broken.into_inner());
                waits.push(now.saturating_sub(at));
                if waits.len() == jobs {
                    end.notify_one();
                }
            }
        };
        self.open(0, START_CONCURRENCY, note).await?;
        for worker in &self.workers {
            worker.run().await?;
        }
        let queue = self.queue(0).await?;
        let mut pushes = JoinSet::new();
        let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / rate as u64));
        for _ in 0..jobs {
            tick.tick().await;
            let queue = queue.clone();
            let mut data = data(0);
            data["at"] = json!(u64::try_from(begun.elapsed().as_nanos())?);
            pushes.spawn(async move { queue.add("job", data).await.map(drop) });
        }
        while let Some(pushed) = pushes.join_next().await {
            pushed??;
        }
        end.notified().await;
        self.close().await?;
        let mut waits = waits.lock().map_err(|_| "a job panicked")?.split_off(0);
        waits.sort_unstable();
        let at = |share: f64| {
            let place = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
            waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
        };
        Ok(json!({ "jobs": waits.len(), "p50": at(0.5), "p99": at(0.99) }))
    }
}

fn name_of(queue: usize) -> String {
    format!("queue-{queue}")
}

/// What a job carries: an object of [`DATA_BYTES`] with its id.
fn data(id: usize) -> Value {
    let id = format!("{id:036}");
    let pad = "x".repeat(DATA_BYTES - r#"{"id":"","pad":""}"#.len() - id.len());
    json!({ "id": id, "pad": pad })
}
