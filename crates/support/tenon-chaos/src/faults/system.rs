//! The machine: disks, clocks, limits.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::Rng;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Done, Trial};
use crate::spawner;

/// How long what was starved has to come to itself.
const RECOVERY: Duration = Duration::from_secs(1);
/// How long Redis may take to be written to again.
const WRITABLE_MAX: Duration = Duration::from_secs(10);
/// Beyond what a process has open or mapped.
const FILES_MORE: u64 = 4;
const MEMORY_MORE: u64 = 4 * 1024 * 1024;

impl Trial<'_> {
    /// No file can grow, as on a full disk: a limit on the size of files, which needs no disk.
    pub(super) async fn fill_disk(&mut self) -> anyhow::Result<Done> {
        if self.rng.random_bool(0.5) {
            let pid = self.stage.redis.primary().pid().context("redis does not run")?;
            limit(pid, Resource::Fsize, Some(1))?;
            self.hold().await;
            limit(pid, Resource::Fsize, None)?;
            self.await_writable_redis().await?;
            return Ok(Done::so("Redis"));
        }
        for pid in self.stage.postgres.pids() {
            // A backend may have ended meanwhile.
            drop(limit(pid, Resource::Fsize, Some(1)));
        }
        self.hold().await;
        for pid in self.stage.postgres.pids() {
            drop(limit(pid, Resource::Fsize, None));
        }
        tokio::time::sleep(RECOVERY).await;
        if !self.stage.postgres.answers().await {
            self.stage.postgres.kill()?;
            self.stage.postgres.start_again().await?;
        }
        Ok(Done::so("PostgreSQL"))
    }

    /// Redis refuses writes until it has flushed its log again; one that does not is started anew,
    /// as its owner would.
    async fn await_writable_redis(&mut self) -> anyhow::Result<()> {
        let give_up = Instant::now() + WRITABLE_MAX;
        while Instant::now() < give_up {
            tokio::time::sleep(RECOVERY).await;
            // A write that changes nothing.
            if self.stage.redis.primary().command(&["DEL", "tenon-chaos-probe"]).is_ok() {
                return Ok(());
            }
        }
        self.stage.redis.primary().kill()?;
        self.stage.redis.primary().start_again().await
    }

    pub(super) async fn break_fsync(&mut self) -> anyhow::Result<Done> {
        let is_slow = self.rng.random_bool(0.5);
        let breaks_redis = !self.stage.parts.is_durable || self.rng.random_bool(0.5);
        let pids = match breaks_redis {
            true => vec![self.stage.redis.primary().pid().context("redis does not run")?],
            false => self.stage.postgres.pids(),
        };
        let how = if is_slow { "delay_enter=1000000" } else { "error=EIO" };
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
        command.arg("-e").arg(format!("inject=fsync,fdatasync:{how}"));
        for pid in pids {
            command.args(["-p", &pid.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tracer = spawner::spawn(command)?;
        self.hold().await;
        let could_attach = tracer.try_wait()?.is_none();
        // Asked to, it lets go of what it holds; killed, it does as well.
        rustix::process::kill_process(Pid::from_child(&tracer), rustix::process::Signal::INT)?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        end(&mut tracer)?;
        if breaks_redis {
            self.await_writable_redis().await?;
        }
        if !self.stage.postgres.answers().await {
            self.stage.postgres.kill()?;
            self.stage.postgres.start_again().await?;
        }
        let whose = if breaks_redis { "Redis" } else { "PostgreSQL" };
        let what = format!("{whose}: {how}");
        Ok(if could_attach { Done::so(what) } else { Done::left_out("strace cannot attach") })
    }

    pub(super) async fn starve(&mut self) -> anyhow::Result<Done> {
        let role = ["worker", "gateway"][self.rng.random_range(0..2)];
        let place = self.any(role);
        let name = self.stage.processes[place].name().to_owned();
        let pid = self.stage.processes[place].pid().context("it does not run")?;
        let what = match self.rng.random_range(0..3) {
            0 => {
                let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
                limit(pid, Resource::Nofile, Some(open + FILES_MORE))?;
                self.hold().await;
                drop(limit(pid, Resource::Nofile, None));
                format!("{name} cannot open more files")
            }
            1 => {
                let status = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
                let pages: u64 = status.split(' ').next().context("no size")?.parse()?;
                let page = rustix::param::page_size() as u64;
                limit(pid, Resource::As, Some(pages * page + MEMORY_MORE))?;
                self.hold().await;
                drop(limit(pid, Resource::As, None));
                format!("{name} gets no more memory")
            }
            _ => {
                let mut loops = Vec::new();
                for _ in 0..4 {
                    let mut command = Command::new("sh");
                    command.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
                    loops.push(spawner::spawn(command)?);
                }
                self.hold().await;
                for busy in &mut loops {
                    end(busy)?;
                }
                "four busy loops".to_owned()
            }
        };
        tokio::time::sleep(RECOVERY).await;
        Ok(Done::so(what))
    }
}

fn end(child: &mut Child) -> anyhow::Result<()> {
    // It may have ended by itself.
    drop(child.kill());
    child.wait().context("cannot wait for a child")?;
    Ok(())
}

/// Lowers a limit of a process, or takes it away as far as is allowed.
fn limit(pid: u32, resource: Resource, to: Option<u64>) -> anyhow::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process has number 0")?;
    let maximum = rustix::process::getrlimit(resource).maximum;
    prlimit(Some(pid), resource, Rlimit { current: to.or(maximum), maximum })?;
    Ok(())
}
