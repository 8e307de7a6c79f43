//! A runtime that runs calls, one after the other, each as if it were the first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rquickjs::context::intrinsic;
use rquickjs::promise::PromiseState;
use rquickjs::{Context, Ctx, Function, Object, Promise, Runtime, Value};
use tenon_exec::ports::script::{ConsoleLine, FunctionErrorKind};

use super::Limits;
use super::console::{self, Console};
use super::failure::Stop;
use super::heap::Heap;
use super::keeper::Keeper;
use super::libraries::{Furniture, Libraries};
use super::output;
use super::program::{Entry, Program};
use crate::wire::Failure;

/// What the language itself brings. Not `Performance` (a clock of high resolution) and not
/// `WeakRef` (makes garbage collection visible).
type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// The end of a call.
#[derive(Debug)]
pub struct Outcome {
    /// JSON text, or why there is none.
    pub result: Result<Vec<u8>, Failure>,
    /// What was written to the console.
    pub console: Vec<ConsoleLine>,
    /// Console lines that did not fit.
    pub console_dropped: u32,
}

/// What the engine's callbacks and the call share.
#[derive(Debug)]
pub struct CallState {
    deadline: Cell<Option<Instant>>,
    timeout: Cell<Duration>,
    has_timed_out: Cell<bool>,
    is_memory_exhausted: Rc<Cell<bool>>,
    memory_bytes: usize,
}

impl CallState {
    /// Whether the call is past its limit; remembers it.
    pub fn is_interrupted(&self) -> bool {
        if self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline) {
            self.has_timed_out.set(true);
        }
        self.has_timed_out.get()
    }

    /// Whether the call was stopped by its limit.
    pub fn has_timed_out(&self) -> bool {
        self.has_timed_out.get()
    }

    /// Whether memory was refused at some moment.
    pub fn is_memory_exhausted(&self) -> bool {
        self.is_memory_exhausted.get()
    }

    pub fn timeout_failure(&self) -> Failure {
        let limit = self.timeout.get().as_millis();
        let message = format!("the function ran longer than {limit} ms");
        Failure { kind: FunctionErrorKind::Timeout, message }
    }

    pub fn memory_failure(&self) -> Failure {
        let limit = self.memory_bytes >> 20;
        let message = format!("the function needed more than {limit} MB of memory");
        Failure { kind: FunctionErrorKind::Memory, message }
    }
}

/// A runtime with one context.
pub struct Vm {
    // Dropped in this order: what lives in the context before the context.
    furniture: Option<Furniture>,
    keeper: Keeper,
    context: Context,
    heap: Heap,
    limits: Limits,
    state: Rc<CallState>,
    console: Rc<RefCell<Console>>,
}

impl Vm {
    /// A runtime with nothing of ours in it: enough to compile.
    pub(super) fn bare(limits: Limits) -> Result<Self, Failure> {
        let state = Rc::new(CallState {
            deadline: Cell::new(None),
            timeout: Cell::new(Duration::ZERO),
            has_timed_out: Cell::new(false),
            is_memory_exhausted: Rc::default(),
            memory_bytes: limits.memory_bytes,
        });
        let flag = Rc::clone(&state.is_memory_exhausted);
        let heap = Heap::new(limits.memory_bytes, flag).ok_or_else(|| state.memory_failure())?;
        let runtime = Runtime::new_with_alloc(heap.clone()).map_err(|_| state.memory_failure())?;
        runtime.set_max_stack_size(limits.stack_bytes);
        let watch = Rc::clone(&state);
        runtime.set_interrupt_handler(Some(Box::new(move || watch.is_interrupted())));
        let context =
            Context::custom::<Intrinsics>(&runtime).map_err(|_| state.memory_failure())?;
        let console = Rc::new(RefCell::new(Console::new(limits)));
        let keeper = Keeper::default();
        Ok(Self { furniture: None, keeper, context, heap, limits, state, console })
    }

    /// A runtime with what a function finds besides the language: console, timers, libraries.
    pub(super) fn furnished(limits: Limits, libraries: &Libraries) -> Result<Self, Failure> {
        let mut vm = Self::bare(limits)?;
        let furniture = vm.with(|ctx| {
            console::install(ctx, &vm.keeper, &vm.console)
                .and_then(|()| libraries.install(ctx, &vm.keeper))
                .map_err(|error| Stop::from(error).into_failure(ctx, &vm.state))
        });
        vm.furniture = Some(furniture?);
        if vm.heap.take_picture() { Ok(vm) } else { Err(vm.state.memory_failure()) }
    }

    /// Undoes everything that calls did, for the next call.
    pub fn reset(&mut self) {
        self.state.deadline.set(None);
        self.state.has_timed_out.set(false);
        *self.console.borrow_mut() = Console::new(self.limits);
        #[expect(unsafe_code, reason = "the heap cannot know who still points into it")]
        // SAFETY: `&mut self` proves that no code runs in the context. No handle from a call
        // outlives `run`; furniture and keeper were made before the picture was taken, and the
        // keeper's references have kept every native function alive since.
        unsafe {
            self.heap.restore();
        }
    }

    pub(super) fn with<R>(&self, work: impl FnOnce(&Ctx<'_>) -> R) -> R {
        self.context.with(|ctx| work(&ctx))
    }

    /// Runs a program. What it leaves behind stays until [`Vm::reset`].
    pub fn run(&self, program: &Program, parameters: Vec<u8>, timeout: Duration) -> Outcome {
        self.state.timeout.set(timeout);
        self.state.deadline.set(Instant::now().checked_add(timeout));
        let result = self.with(|ctx| {
            self.call(ctx, program, parameters).map_err(|stop| stop.into_failure(ctx, &self.state))
        });
        let (console, console_dropped) = self.console.borrow_mut().take();
        Outcome { result, console, console_dropped }
    }

    fn call(&self, ctx: &Ctx<'_>, program: &Program, parameters: Vec<u8>) -> Result<Vec<u8>, Stop> {
        let parameters = ctx.json_parse(parameters)?;
        let libraries = self.internals(ctx)?.get::<_, Value<'_>>("libraries")?;
        let function = match program.load(ctx)? {
            Entry::Function(function) => function,
            Entry::Module { promise, namespace } => {
                self.settle(ctx, &promise)?;
                Program::exported(&namespace)?
            }
        };
        let returned: Value<'_> = function.call((parameters, libraries))?;
        let value = self.awaited(ctx, returned)?;
        output::to_json(value, self.limits.output_bytes, &self.state)
    }

    /// What `await` would make of a value.
    fn awaited<'js>(&self, ctx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>, Stop> {
        if let Some(promise) = value.as_promise() {
            return self.settle(ctx, promise);
        }
        let is_thenable = match value.as_object() {
            Some(object) => object.get::<_, Value<'js>>("then")?.is_function(),
            None => false,
        };
        if !is_thenable {
            return Ok(value);
        }
        let (promise, resolve, _) = ctx.promise()?;
        resolve.call::<_, ()>((value,))?;
        self.settle(ctx, &promise)
    }

    /// Runs jobs and timers until the promise is settled, nothing is left to do, or the limit.
    fn settle<'js>(&self, ctx: &Ctx<'js>, promise: &Promise<'js>) -> Result<Value<'js>, Stop> {
        while promise.state() == PromiseState::Pending {
            if self.state.is_interrupted() {
                return Err(Stop::Failure(self.state.timeout_failure()));
            }
            if !ctx.execute_pending_job() && !self.run_timer(ctx)? {
                // A job that ran out of memory is gone without settling anything.
                if self.state.is_memory_exhausted() {
                    return Err(Stop::Failure(self.state.memory_failure()));
                }
                return Err(Stop::result("the promise that it returned never settles"));
            }
        }
        promise.result().unwrap_or(Err(rquickjs::Error::WouldBlock)).map_err(Stop::from)
    }

    /// Waits for the next timer and runs it; `false` when there is none.
    fn run_timer(&self, ctx: &Ctx<'_>) -> Result<bool, Stop> {
        let Some(timers) = self.internals(ctx)?.get::<_, Option<Object<'_>>>("timers")? else {
            return Ok(false);
        };
        let Some(wait_ms) = timers.get::<_, Function<'_>>("wait")?.call::<_, Option<f64>>(())?
        else {
            return Ok(false);
        };
        let wait = Duration::from_secs_f64((wait_ms / 1_000.0).clamp(0.0, 86_400.0));
        let left = self.state.deadline.get().map(|at| at.saturating_duration_since(Instant::now()));
        thread::sleep(left.map_or(wait, |left| wait.min(left)));
        if !self.state.is_interrupted() {
            timers.get::<_, Function<'_>>("fire")?.call::<_, ()>(())?;
        }
        Ok(true)
    }

    fn internals<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>, Stop> {
        let furniture = self.furniture.as_ref().expect("a runtime that runs code was furnished");
        Ok(furniture.internals(ctx)?)
    }
}
