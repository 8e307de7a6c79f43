//! An engine with everything it needs, in memory.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tenon_contract::plan::WorkflowPlan;
use tenon_domain::limits::DocumentLimits;
use tenon_domain::workflow::load_value;
use tenon_domain::{Clock, ProjectId, QueueName, RunId, SystemClock, VersionId, WorkflowId};
use tenon_exec::engine::{End, Engine, Start};
use tenon_exec::leases::{LeaseGuard, Leases};
use tenon_exec::ports::history::{Payload, TriggerKind};
use tenon_exec::ports::queue::{Ask, Claimed, Fence, Generation, JobQueue, Lease, Push, Source};
use tenon_exec::ports::script::{FunctionError, FunctionErrorKind};
use tenon_exec::ports::store::{Job, JobOrder, JobStore, RunMode};
use tenon_exec::program::Program;
use tenon_exec::recorder::{Recorder, RecorderHandle};
use tenon_exec::settings::Settings;
use tenon_exec::steps::request::{RequestLimits, TokenCache};
use tenon_local::{LocalCoordination, LocalQueue};
use tenon_testkit::fakes::{
    FakeClock, Journal, MemoryBlobs, MemoryStore, RuntimeClock, ScriptedEgress, ScriptedRunner,
    WatchedQueue,
};
use tokio_util::sync::CancellationToken;

/// When every test begins.
pub const START: &str = "2026-03-01T12:00:00Z";

/// Ports in memory with a recorder that runs.
pub struct Stores {
    pub journal: Journal,
    pub clock: Arc<FakeClock>,
    pub store: Arc<MemoryStore>,
    pub blobs: Arc<MemoryBlobs>,
    pub queue: Arc<WatchedQueue>,
    pub local: Arc<LocalQueue>,
    pub leases: Arc<Leases>,
    pub settings: Arc<Settings>,
    pub project: ProjectId,
}

impl Stores {
    pub fn new(settings: Settings) -> Self {
        let clock = Arc::new(FakeClock::at(START));
        Self::with_queue(settings, clock.clone(), LocalQueue::new(clock))
    }

    fn with_queue(settings: Settings, clock: Arc<FakeClock>, queue: LocalQueue) -> Self {
        let journal = Journal::default();
        let local = Arc::new(queue);
        Self {
            store: Arc::new(MemoryStore::new(journal.clone())),
            blobs: Arc::new(MemoryBlobs::new(journal.clone())),
            queue: Arc::new(WatchedQueue::new(local.clone(), journal.clone())),
            leases: Arc::new(Leases::default()),
            settings: Arc::new(settings),
            project: ProjectId::new(),
            local,
            clock,
            journal,
        }
    }

    /// Starts a recorder; it ends with its handles.
    pub fn record(&self) -> RecorderHandle {
        let (recorder, handle) = Recorder::new(
            self.store.clone(),
            self.blobs.clone(),
            self.queue.clone(),
            self.leases.clone(),
            Arc::new(SystemClock),
            self.settings.clone(),
        );
        tokio::spawn(recorder.run());
        handle
    }

    pub fn queue_name(&self) -> QueueName {
        QueueName::of_project(self.project)
    }

    /// A job of the project.
    pub fn job(&self, input: &Value) -> Job {
        Job {
            run: RunId::new(),
            project: self.project,
            workflow: WorkflowId::new(),
            version: VersionId::new(),
            user: None,
            installation: None,
            trigger: TriggerKind::AppEvent,
            mode: RunMode::Live,
            input: Payload::Inline(Bytes::from(input.to_string())),
            reply_to: None,
            replay_of: None,
            has_progress: false,
            grant: None,
            crashes: 0,
            accepted_at: self.clock.now(),
            trace: None,
            order: JobOrder::default(),
        }
    }

    /// Claims one job of the project, if one is ready; behind the watched queue.
    pub async fn claim_ready(&self) -> Claimed {
        let source = Source::Shared(self.local.shard_of(&self.queue_name()));
        let ask = Ask { max: 1, max_of_queue: 1, ttl: self.settings.lease_ttl, except: Vec::new() };
        self.local.claim(&source, &ask).await.expect("in memory")
    }

    /// Pushes a run and claims it, so that its lease is real. Works on the queue behind the
    /// watched one: the journal stays empty.
    pub async fn claim(&self, run: RunId) -> Lease {
        let name = self.queue_name();
        self.local.install_generation(Generation(1)).await.expect("in memory");
        self.local.push(&[(name.clone(), Push::now(run))]).await.expect("in memory");
        let claimed = self.claim_ready().await;
        assert_eq!(claimed.jobs[0].run, run);
        let lease = Lease { run, fence: claimed.fence };
        self.leases.hold(&name, lease, self.settings.lease_ttl);
        lease
    }
}

/// A fence that no queue gave out.
pub fn fence(counter: u32) -> Fence {
    Fence::new(Generation(1), counter)
}

/// An engine whose functions are a function of the test.
pub struct Bench {
    pub stores: Stores,
    pub runner: Arc<ScriptedRunner>,
    pub engine: Engine,
    pub abandon: LeaseGuard,
    pub stopping: CancellationToken,
}

impl Bench {
    pub fn new(
        functions: impl Fn(&str, &Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Settings::default(), functions)
    }

    pub fn with(
        settings: Settings,
        functions: impl Fn(&str, &Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Self::on(Stores::new(settings), functions)
    }

    /// On a clock that goes with the runtime's, for tests of workers.
    pub fn ticking(
        functions: impl Fn(&str, &Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(RuntimeClock::at(START));
        let queue = LocalQueue::new(clock.clone());
        let frozen = Arc::new(FakeClock::at(START));
        let mut bench = Self::on(Stores::with_queue(Settings::default(), frozen, queue), functions);
        bench.engine.clock = clock;
        bench
    }

    fn on(
        stores: Stores,
        functions: impl Fn(&str, &Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        let runner = Arc::new(ScriptedRunner::new(functions));
        let engine = Engine {
            store: stores.store.clone(),
            recorder: stores.record(),
            blobs: stores.blobs.clone(),
            egress: Arc::new(ScriptedEgress::new(|_| unreachable!("no request step here"))),
            runner: runner.clone(),
            coordination: Arc::new(LocalCoordination::new()),
            tokens: TokenCache::new(),
            request_limits: RequestLimits::default(),
            integrations: None,
            plans: None,
            clock: stores.clock.clone(),
            settings: stores.settings.clone(),
        };
        Self {
            stores,
            runner,
            engine,
            abandon: LeaseGuard::default(),
            stopping: CancellationToken::new(),
        }
    }

    /// Accepts a run with `{"event": <event>}` as its input.
    pub fn accept(&self, event: &Value) -> RunId {
        let job = self.stores.job(&json!({ "event": event }));
        let run = job.run;
        self.stores.store.put(job);
        run
    }

    /// Takes the run up, as a worker would that knows nothing of it, and waits until everything
    /// it recorded is committed.
    pub async fn take_up(&self, run: RunId, program: &Arc<Program>) -> End {
        let jobs = self.stores.store.load(&[run]).await.expect("in memory");
        let start = Start {
            job: Arc::new(jobs.into_iter().next().expect("an open run")),
            program: program.clone(),
            input: None,
            abandon: self.abandon.clone(),
            stopping: self.stopping.clone(),
        };
        let execution = self.engine.begin(start).await.expect("readable");
        let end = self.engine.execute(&execution).await.expect("stores that answer");
        self.engine.recorder.barrier().await.expect("a recorder");
        end
    }

    /// The code of every function call so far.
    pub fn called(&self) -> Vec<String> {
        self.runner.calls().into_iter().map(|(code, _)| code).collect()
    }
}

/// A program from the steps of a document.
pub fn program(steps: Value) -> Arc<Program> {
    program_with(json!({ "steps": steps }))
}

/// A program from a document without its head.
pub fn program_with(rest: Value) -> Arc<Program> {
    let mut document = json!({
        "version": 1, "name": "tested",
        "triggers": [{ "type": "app_event", "event": "happened" }],
    });
    let rest = rest.as_object().expect("an object").clone();
    document.as_object_mut().expect("an object").extend(rest);
    let document = load_value(document, &DocumentLimits::default()).expect("a good document");
    let plan = WorkflowPlan {
        project: ProjectId::new(),
        workflow: WorkflowId::new(),
        version: VersionId::new(),
        number: 1,
        document,
    };
    Arc::new(Program::compile(Arc::new(plan)).expect("a checked document hangs together"))
}

/// Why a function of a test fails.
pub fn fault(kind: FunctionErrorKind) -> FunctionError {
    FunctionError { kind, message: "as the test asked".to_owned(), console: Vec::new() }
}
