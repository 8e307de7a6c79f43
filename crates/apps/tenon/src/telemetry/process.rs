//! What the operating system knows of this process, under the names that Prometheus gives it. It is
//! read when it is asked for, from `/proc`; where there is none, it is left out.

use std::fmt::Write as _;
use std::fs;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use tenon_telemetry::{About, Kind, Unit};

const fn about(name: &'static str, help: &'static str, kind: Kind) -> About {
    About { name, help, kind, unit: Unit::Count, roles: &[], labels: &[] }
}

const CPU: About = about(
    "process_cpu_seconds_total",
    "CPU time of this process, its function processes not included.",
    Kind::Counter,
);
const RESIDENT: About =
    about("process_resident_memory_bytes", "Memory of this process in RAM.", Kind::Gauge);
const OPEN_FDS: About = about("process_open_fds", "Open file descriptors.", Kind::Gauge);
const MAX_FDS: About =
    about("process_max_fds", "File descriptors that this process may open.", Kind::Gauge);
const THREADS: About = about("process_threads", "Threads of this process.", Kind::Gauge);
const STARTED: About = about(
    "process_start_time_seconds",
    "When this process began, in seconds since 1970.",
    Kind::Gauge,
);

/// What is read here, for the reference.
#[cfg(test)]
pub(super) const ALL: [About; 6] = [CPU, RESIDENT, OPEN_FDS, MAX_FDS, THREADS, STARTED];

static STARTED_AT: LazyLock<f64> = LazyLock::new(|| {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
});

/// Notes when the process began.
pub(super) fn start() {
    LazyLock::force(&STARTED_AT);
}

/// Adds the figures to a text in the format of Prometheus.
pub(super) fn append(text: &mut String) {
    let mut add = |about: &About, value: Option<f64>| {
        let Some(value) = value else { return };
        let About { name, help, kind, .. } = about;
        // Writing to a text cannot fail.
        let _ =
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}\n{name} {value}\n", kind.name());
    };
    let stat = fs::read_to_string("/proc/self/stat").ok();
    let fields: Vec<&str> = stat
        .as_deref()
        .and_then(|stat| stat.rsplit_once(") "))
        .map(|(_, rest)| rest.split_ascii_whitespace().collect())
        .unwrap_or_default();
    // Fields 14, 15, 20 and 24 of proc_pid_stat(5); the list begins with the third.
    let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<f64>().ok());
    let ticks = clock_ticks_per_second() as f64;
    add(&CPU, field(14).zip(field(15)).map(|(user, system)| (user + system) / ticks));
    add(&RESIDENT, field(24).map(|pages| pages * page_size() as f64));
    add(&OPEN_FDS, fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64));
    add(&MAX_FDS, getrlimit(Resource::Nofile).current.map(|limit| limit as f64));
    add(&THREADS, field(20));
    add(&STARTED, Some(*STARTED_AT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_figures_are_there_and_make_sense() {
        let mut text = String::new();
        append(&mut text);
        let value = |about: &About| {
            let line = text.lines().find(|line| line.starts_with(&format!("{} ", about.name)));
            let line = line.unwrap_or_else(|| panic!("{} is not in {text}", about.name));
            line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number")
        };
        assert!(ALL.iter().all(|about| value(about) >= 0.0));
        assert!(value(&RESIDENT) > 1e6 && value(&THREADS) >= 1.0);
        assert!(value(&OPEN_FDS) <= value(&MAX_FDS));
    }
}
