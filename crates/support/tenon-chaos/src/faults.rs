//! What is broken, and how: the fault matrix as code. Each fault is injected, held and healed by
//! one call; what it broke runs again when the call returns.

mod crashes;
mod demand;
mod links;
mod postgres;
mod processes;
mod redis;
mod system;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::json;

use crate::history::{Function, Phase};
use crate::stage::{Stage, Topology};

/// A row of the fault matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fault {
    /// Its number in the matrix.
    number: u8,
    /// What is done.
    title: &'static str,
    /// How often it is drawn for a plan, against the others; 0 only where it is asked for.
    weight: u32,
}

/// All that can be done, in the order of the matrix.
const ALL: [Fault; 30] = [
    Fault::new(1, "kill -9 of a worker", 8),
    Fault::new(2, "SIGSTOP of a worker, SIGCONT", 4),
    Fault::new(3, "kill -9 of the gateway between commit and push", 2),
    Fault::new(4, "kill -9 of the gateway before the commit", 2),
    Fault::new(5, "FLUSHALL", 6),
    Fault::new(6, "Redis restarts empty", 4),
    Fault::new(7, "Redis loses the end of its log", 4),
    Fault::new(8, "fail-over to a stale replica", 3),
    Fault::new(9, "split brain: the gateway stays with the old primary", 2),
    Fault::new(10, "slow, jittery links to Redis that reset and lose answers", 4),
    Fault::new(11, "black holes: Redis, PostgreSQL, one way", 4),
    Fault::new(12, "Redis out of memory", 3),
    Fault::new(13, "Redis stalls", 3),
    Fault::new(14, "keys of ours vanish from Redis", 4),
    Fault::new(15, "PostgreSQL stops at once, and starts", 4),
    Fault::new(16, "backends end, tables locked, read-only", 4),
    Fault::new(17, "no file can grow: Redis, PostgreSQL", 2),
    Fault::new(18, "fsync fails or is slow", 2),
    Fault::new(20, "a clock an hour off", 2),
    Fault::new(21, "no descriptors, no memory, no processor", 3),
    Fault::new(22, "controllers killed, stopped, none", 3),
    Fault::new(23, "many queues at once", 0),
    Fault::new(24, "kill -9 of a worker around a flush", 2),
    Fault::new(30, "a provider misbehaves in every way", 2),
    Fault::new(31, "rolling restart of a role", 3),
    Fault::new(32, "a job that kills its worker", 0),
    Fault::new(33, "a herd of requests, due in one second", 2),
    Fault::new(34, "kill -9 of everything", 1),
    Fault::new(35, "kill -9 of PostgreSQL", 2),
    Fault::new(36, "a worker cut off from Redis and PostgreSQL", 3),
];

impl Fault {
    const fn new(number: u8, title: &'static str, weight: u32) -> Self {
        Self { number, title, weight }
    }

    /// All faults, in the order of the matrix.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        &ALL
    }

    /// Its name, such as `F1`.
    #[must_use]
    pub fn id(self) -> String {
        match self.number {
            34 => "F1a".to_owned(),
            35 => "F15k".to_owned(),
            36 => "F11w".to_owned(),
            number => format!("F{number}"),
        }
    }

    /// What is done.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// How often it is drawn, against the others.
    #[must_use]
    pub const fn weight(self) -> u32 {
        self.weight
    }

    /// Whether Redis holds nothing afterwards.
    #[must_use]
    pub const fn loses_all(self) -> bool {
        matches!(self.number, 5 | 6)
    }

    /// Whether a worker dies or stalls, so that others take over what it had in its hands.
    #[must_use]
    pub const fn takes_workers(self) -> bool {
        matches!(self.number, 1 | 2 | 24 | 31 | 32 | 34 | 36)
    }

    /// Why it cannot be done here; `None` where it can.
    #[must_use]
    pub fn unavailable(self, stage: &Stage) -> Option<String> {
        let topology = stage.redis.topology();
        let is_alone = topology == Topology::Standalone;
        match self.number {
            3 | 4 | 24 if !stage.parts.has_kill_points => {
                Some("kill points are in debug builds only".to_owned())
            }
            6 | 7 | 9 | 12 | 13 | 17 if !is_alone => {
                Some(format!("it is done to one server, not to a {topology}"))
            }
            10 if topology == Topology::Sentinel => {
                Some("clients of Sentinel connect to the servers themselves".to_owned())
            }
            36 if !is_alone => Some("processes share their links to such servers".to_owned()),
            18 if !is_installed("strace") => Some("strace is not installed".to_owned()),
            20 if !is_installed("faketime") => Some("faketime is not installed".to_owned()),
            _ => None,
        }
    }

    /// Injects it, holds it, and heals. Says so in the record.
    ///
    /// # Errors
    /// When something does not start again.
    pub async fn suffer(
        self,
        stage: &mut Stage,
        rng: &mut StdRng,
        scale: &Scale,
    ) -> anyhow::Result<()> {
        let (history, id) = (stage.history.clone(), self.id());
        let begun = json!({ "loses_all": self.loses_all(), "takes_workers": self.takes_workers() });
        history.push("nemesis", Phase::Invoke, Function::Fault, &id, begun);
        let mut trial = Trial { stage, rng, scale };
        let done = match self.number {
            1 => trial.kill_worker().await,
            2 => trial.stop_worker().await,
            3 => trial.kill_gateway_at("accept.committed").await,
            4 => trial.kill_gateway_at(crashes::BEFORE_COMMIT).await,
            5 => trial.flush_redis().await,
            6 => trial.empty_redis().await,
            7 => trial.cut_redis_log().await,
            8 => trial.fail_over().await,
            9 => trial.split_brain().await,
            10 => trial.poor_links().await,
            11 => trial.black_hole().await,
            12 => trial.fill_redis().await,
            13 => trial.stall_redis().await,
            14 => trial.drop_keys().await,
            15 => trial.restart_postgres().await,
            16 => trial.disturb_postgres().await,
            17 => trial.fill_disk().await,
            18 => trial.break_fsync().await,
            20 => trial.move_clock().await,
            21 => trial.starve().await,
            22 => trial.stop_controllers().await,
            23 => trial.open_queues().await,
            24 => trial.kill_worker_at_flush().await,
            30 => trial.misbehave().await,
            31 => trial.roll().await,
            32 => trial.poison().await,
            33 => trial.herd().await,
            34 => trial.kill_all().await,
            35 => trial.kill_postgres().await,
            36 => trial.cut_off_worker().await,
            number => anyhow::bail!("fault {number} has no code"),
        }?;
        let revived = stage.revive().await?;
        let phase = if done.is_done { Phase::Ok } else { Phase::Fail };
        let val = json!({ "what": done.what, "revived": revived });
        history.push("nemesis", phase, Function::Fault, &id, val);
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.title)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = ALL.into_iter().find(|fault| fault.id().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| {
            let ids: Vec<String> = ALL.iter().map(|fault| fault.id()).collect();
            format!("there is no fault `{text}`; there are {}", ids.join(", "))
        })
    }
}

/// How long and how much.
#[derive(Debug, Clone)]
pub struct Scale {
    /// How long a fault that lasts is held.
    pub hold: Duration,
    /// Requests of a herd.
    pub herd: usize,
    /// Projects whose queues appear at once.
    pub queues: usize,
}

/// What was done, for the record.
struct Done {
    what: String,
    /// Whether it took place.
    is_done: bool,
}

impl Done {
    fn so(what: impl Into<String>) -> Self {
        Self { what: what.into(), is_done: true }
    }

    fn left_out(why: impl Into<String>) -> Self {
        Self { what: why.into(), is_done: false }
    }
}

/// A fault under way.
struct Trial<'a> {
    stage: &'a mut Stage,
    rng: &'a mut StdRng,
    scale: &'a Scale,
}

impl Trial<'_> {
    async fn hold(&self) {
        tokio::time::sleep(self.scale.hold).await;
    }

    /// One of the processes with a role.
    fn any(&mut self, role: &str) -> usize {
        use rand::seq::IndexedRandom;
        let places = self.stage.of_role(role);
        *places.choose(self.rng).expect("an installation has every role")
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
