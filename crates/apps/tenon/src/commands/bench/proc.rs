//! CPU and memory of a process tree, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Clock ticks a second of `/proc/<pid>/stat` (`USER_HZ`, 100 on every Linux that we run on).
const TICKS_PER_SECOND: f64 = 100.0;

/// A process and all its descendants.
#[derive(Debug, Clone, Copy)]
pub struct Tree(pub u32);

struct Stat {
    name: String,
    parent: u32,
    ticks: u64,
}

impl Tree {
    /// CPU time used so far by the processes that live, and by their reaped children.
    pub fn cpu(self) -> Duration {
        let stats = all();
        let ticks: u64 = self.members(&stats).iter().map(|pid| stats[pid].ticks).sum();
        Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
    }

    /// CPU time of the processes with this name.
    pub fn cpu_of(self, name: &str) -> Duration {
        let stats = all();
        let ticks: u64 = self
            .members(&stats)
            .iter()
            .filter(|pid| stats[pid].name == name)
            .map(|pid| stats[pid].ticks)
            .sum();
        Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Resident memory of the tree without PostgreSQL, in bytes.
    pub fn rss_without_postgres(self) -> u64 {
        let stats = all();
        self.members(&stats)
            .iter()
            .filter(|pid| stats[pid].name != "postgres")
            .map(|pid| rss(*pid))
            .sum()
    }

    fn members(self, stats: &HashMap<u32, Stat>) -> Vec<u32> {
        let mut members = vec![self.0];
        let mut at = 0;
        while at < members.len() {
            let parent = members[at];
            members.extend(
                stats.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid),
            );
            at += 1;
        }
        members.retain(|pid| stats.contains_key(pid));
        members
    }
}

/// CPU time of the calling thread so far: the first number of `/proc/<pid>/schedstat`, nanoseconds.
pub fn cpu_of_this_thread() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_ascii_whitespace().next().and_then(|number| number.parse().ok());
    Ok(Duration::from_nanos(nanos.context("/proc/thread-self/schedstat holds no number")?))
}

fn all() -> HashMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| Some((pid, stat(pid)?)))
        .collect()
}

/// Fields 2 (comm), 4 (ppid), 14 to 17 (utime, stime, cutime, cstime) of proc_pid_stat(5).
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Stat { name, parent, ticks })
}

/// `VmRSS` of proc_pid_status(5), in bytes.
fn rss(pid: u32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1_024)
}
