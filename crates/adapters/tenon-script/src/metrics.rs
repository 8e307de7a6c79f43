//! What this adapter says of itself.

use std::time::Duration;

use tenon_exec::ports::script::{FunctionError, FunctionErrorKind};
use tenon_telemetry::{Counter, Declared, Gauge, Histogram, Label};

/// Who has function processes: workers run code in them, the API has it parsed.
const ROLES: &[&str] = &["api", "worker"];

/// Every metric of this crate.
pub static ALL: &[&dyn Declared] = &[&CALLS, &WAIT, &PROCESSES];

/// Calls of functions.
static CALLS: Counter = Counter::new(
    "tenon_function_calls_total",
    "Runs of functions by outcome; unavailable is a fault of ours and uses up no attempt.",
)
.roles(ROLES)
.by(&[Label {
    name: "outcome",
    values: &["done", "syntax", "thrown", "timeout", "memory", "result", "unavailable"],
}]);

/// How long calls waited for a process.
static WAIT: Histogram = Histogram::of_seconds(
    "tenon_function_wait_seconds",
    "How long runs of functions waited for a process, its start included.",
)
.roles(ROLES);

/// Processes.
static PROCESSES: Gauge =
    Gauge::new("tenon_function_processes", "Function processes, by what they do.")
        .roles(ROLES)
        .by(&[Label { name: "state", values: &["busy", "idle"] }]);

/// Counts a run that is over.
pub(crate) fn called<T>(outcome: &Result<T, FunctionError>) {
    let outcome = match outcome {
        Ok(_) => "done",
        Err(error) => match error.kind {
            FunctionErrorKind::Syntax => "syntax",
            FunctionErrorKind::Thrown => "thrown",
            FunctionErrorKind::Timeout => "timeout",
            FunctionErrorKind::Memory => "memory",
            FunctionErrorKind::Result => "result",
            FunctionErrorKind::Unavailable => "unavailable",
        },
    };
    CALLS.add_of(&[outcome], 1);
}

/// Takes how long a run waited for a process.
pub(crate) fn waited(time: Duration) {
    WAIT.took(time);
}

/// Says how many processes do what.
pub(crate) fn processes(busy: usize, idle: usize) {
    PROCESSES.set_of(&["busy"], busy as f64);
    PROCESSES.set_of(&["idle"], idle as f64);
}
