//! Redis forgets, stalls, fills up, fails over.

use std::fs::File;
use std::time::Duration;

use anyhow::Context;
use rand::Rng;
use rustix::process::Signal;
use tenon_fault_proxy::Upstream;

use super::{Done, Trial};
use crate::stage::Topology;

/// How long a Redis that forgot has before the next fault may come. Less than it takes to fill it
/// again, at times: faults may meet.
const REFILL: Duration = Duration::from_millis(1_200);
/// How far a stale replica is behind.
const BEHIND: Duration = Duration::from_millis(150);
/// The longest wait for a fail-over that servers do themselves.
const FAIL_OVER_MAX: Duration = Duration::from_secs(15);

impl Trial<'_> {
    pub(super) async fn flush_redis(&mut self) -> anyhow::Result<Done> {
        self.stage.redis.on_primaries(&["FLUSHALL"])?;
        self.stage.redis.on_primaries(&["SCRIPT", "FLUSH"])?;
        tokio::time::sleep(REFILL).await;
        Ok(Done::so("all keys and scripts"))
    }

    pub(super) async fn empty_redis(&mut self) -> anyhow::Result<Done> {
        let redis = self.stage.redis.primary();
        redis.kill()?;
        redis.forget_files()?;
        let away = Duration::from_millis(self.rng.random_range(50..800));
        tokio::time::sleep(away).await;
        self.stage.redis.primary().start_again().await?;
        tokio::time::sleep(REFILL).await;
        Ok(Done::so(format!("away for {away:?}")))
    }

    /// A loss of power: the last writes were not on the disk.
    pub(super) async fn cut_redis_log(&mut self) -> anyhow::Result<Done> {
        let redis = self.stage.redis.primary();
        redis.kill()?;
        let path = redis.append_only_file()?;
        let file = File::options().write(true).open(&path)?;
        let length = file.metadata()?.len();
        let cut = self.rng.random_range(0..=length.min(64 * 1024));
        file.set_len(length - cut)?;
        self.stage.redis.primary().start_again().await?;
        tokio::time::sleep(REFILL).await;
        Ok(Done::so(format!("{cut} of {length} bytes")))
    }

    pub(super) async fn fail_over(&mut self) -> anyhow::Result<Done> {
        match self.stage.redis.topology() {
            Topology::Standalone => self.fail_over_by_hand().await,
            Topology::Cluster | Topology::Sentinel => self.fail_over_by_servers().await,
        }
    }

    /// What an operator, or a load balancer, does with two servers.
    async fn fail_over_by_hand(&mut self) -> anyhow::Result<Done> {
        let mut replica = self.stage.redis.start_replica().await?;
        replica.signal(Signal::STOP)?;
        tokio::time::sleep(BEHIND).await;
        self.stage.redis.primary().kill()?;
        replica.signal(Signal::CONT)?;
        replica.promote()?;
        std::mem::swap(self.stage.redis.primary(), &mut replica);
        self.lead_to_primary(|_| true);
        tokio::time::sleep(REFILL).await;
        Ok(Done::so(format!("to a replica {BEHIND:?} behind")))
    }

    /// Links of the processes that are meant lead to the primary of now.
    pub(super) fn lead_to_primary(&mut self, is_meant: impl Fn(&str) -> bool) {
        let address = self.stage.redis.primary().address();
        for process in self.stage.processes.iter().filter(|process| is_meant(process.role())) {
            if let Some(link) = &process.redis {
                link.redirect(Upstream::Tcp(address));
            }
        }
    }

    /// The servers find out by themselves, and what was dead comes back as a replica.
    async fn fail_over_by_servers(&mut self) -> anyhow::Result<Done> {
        let before = self.stage.redis.primaries()?;
        let victim = before[self.rng.random_range(0..before.len())];
        let count = before.len();
        self.stage.redis.nodes[victim].kill()?;
        let give_up = tokio::time::Instant::now() + FAIL_OVER_MAX;
        while self.stage.redis.primaries().map_or(0, |now| now.len()) < count {
            if tokio::time::Instant::now() > give_up {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.stage.redis.nodes[victim].start_again().await?;
        if self.stage.redis.topology() == Topology::Cluster {
            self.stage.redis.until_whole().await?;
        }
        tokio::time::sleep(REFILL).await;
        Ok(Done::so(format!("node {victim} of {count} primaries died")))
    }

    pub(super) async fn split_brain(&mut self) -> anyhow::Result<Done> {
        let mut replica = self.stage.redis.start_replica().await?;
        replica.promote()?;
        std::mem::swap(self.stage.redis.primary(), &mut replica);
        let mut old = replica;
        self.lead_to_primary(|role| role != "gateway");
        self.hold().await;
        old.kill()?;
        self.lead_to_primary(|role| role == "gateway");
        tokio::time::sleep(REFILL).await;
        Ok(Done::so("the gateway pushed to the old primary"))
    }

    pub(super) async fn fill_redis(&mut self) -> anyhow::Result<Done> {
        let redis = self.stage.redis.primary();
        redis.command(&["CONFIG", "SET", "maxmemory", "1mb"])?;
        self.hold().await;
        self.stage.redis.primary().command(&["CONFIG", "SET", "maxmemory", "0"])?;
        tokio::time::sleep(REFILL).await;
        Ok(Done::so("maxmemory 1mb"))
    }

    pub(super) async fn stall_redis(&mut self) -> anyhow::Result<Done> {
        let ms: u64 = self.rng.random_range(500..2_500);
        let pauses = self.rng.random_bool(0.5);
        let redis = self.stage.redis.primary();
        if pauses {
            redis.command(&["CLIENT", "PAUSE", &ms.to_string(), "ALL"])?;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            return Ok(Done::so(format!("clients wait {ms} ms")));
        }
        let pid = redis.pid().context("redis does not run")?;
        // As DEBUG SLEEP or a long script does, for which this caller would have to wait.
        redis.signal(Signal::STOP)?;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.stage.redis.primary().signal(Signal::CONT)?;
        Ok(Done::so(format!("{pid} stands still for {ms} ms")))
    }

    pub(super) async fn drop_keys(&mut self) -> anyhow::Result<Done> {
        let mut dropped = Vec::new();
        for _ in 0..3 {
            let places = self.stage.redis.primaries()?;
            let place = places[self.rng.random_range(0..places.len())];
            let node = &self.stage.redis.nodes[place];
            let key = node.command(&["RANDOMKEY"])?;
            if !key.is_empty() {
                node.command(&["DEL", &key])?;
                dropped.push(key);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(REFILL).await;
        Ok(Done::so(dropped.join(" ")))
    }
}
