//! Processes of the product die, stall, are replaced.

use std::time::Duration;

use rand::Rng;
use rustix::process::Signal;

use super::{Done, Trial};
use crate::load::{Ask, Trigger};
use crate::sockets;

/// Longer than a lease and a look for lapsed ones, so that others take over meanwhile.
const STALL: Duration = Duration::from_millis(5_500);
/// How often a job kills its worker before it is parked (`execution.crashes_max`).
const CRASHES_MAX: usize = 5;
/// How long a job that was taken over may take to begin again.
const POISON_PATIENCE: Duration = Duration::from_secs(30);

impl Trial<'_> {
    pub(super) async fn kill_worker(&mut self) -> anyhow::Result<Done> {
        let place = self.any("worker");
        self.stage.processes[place].kill()?;
        let what = format!("{} is dead", self.stage.processes[place].name());
        let pause = self.rng.random_range(100..1_500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.stage.restart(place).await?;
        Ok(Done::so(what))
    }

    pub(super) async fn stop_worker(&mut self) -> anyhow::Result<Done> {
        let place = self.any("worker");
        self.stage.processes[place].signal(Signal::STOP)?;
        tokio::time::sleep(STALL).await;
        self.stage.processes[place].signal(Signal::CONT)?;
        // The one that was given up finds out that it was.
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        Ok(Done::so(format!("{} stood still", self.stage.processes[place].name())))
    }

    pub(super) async fn kill_all(&mut self) -> anyhow::Result<Done> {
        for process in &mut self.stage.processes {
            process.kill()?;
        }
        for process in &mut self.stage.processes {
            process.start()?;
        }
        for place in 0..self.stage.processes.len() {
            self.stage.await_ready(place).await?;
        }
        Ok(Done::so("everything was dead"))
    }

    pub(super) async fn stop_controllers(&mut self) -> anyhow::Result<Done> {
        let places = self.stage.of_role("controller");
        let one = self.any("controller");
        match self.rng.random_range(0..3) {
            0 => {
                self.stage.processes[one].kill()?;
                self.stage.restart(one).await?;
                Ok(Done::so("one is killed"))
            }
            1 => {
                self.stage.processes[one].signal(Signal::STOP)?;
                self.hold().await;
                self.stage.processes[one].signal(Signal::CONT)?;
                Ok(Done::so("one stands still, then there are two"))
            }
            _ => {
                for &place in &places {
                    self.stage.processes[place].kill()?;
                }
                self.hold().await;
                for &place in &places {
                    self.stage.restart(place).await?;
                }
                Ok(Done::so("none for a while"))
            }
        }
    }

    /// Replaces the processes of a role one by one, as a deployment does.
    pub(super) async fn roll(&mut self) -> anyhow::Result<Done> {
        let roles = ["worker", "gateway", "controller", "api"];
        let role = roles[self.rng.random_range(0..roles.len())];
        let other = self.stage.parts.other_program.clone();
        for place in self.stage.of_role(role) {
            self.stage.processes[place].stop().await?;
            if other.is_some() {
                let process = &mut self.stage.processes[place];
                process.next_program =
                    if process.next_program.is_some() { None } else { other.clone() };
            }
            self.stage.restart(place).await?;
        }
        Ok(Done::so(format!("every {role} in turn")))
    }

    /// One process believes that it is an hour later, or earlier.
    pub(super) async fn move_clock(&mut self) -> anyhow::Result<Done> {
        let role = if self.rng.random_bool(0.5) { "controller" } else { "gateway" };
        let offset = if self.rng.random_bool(0.5) { "+1h" } else { "-1h" };
        let place = self.any(role);
        self.stage.processes[place].stop().await?;
        let front = ["faketime", "-f", offset];
        self.stage.processes[place].start_with(&front, &[("DONT_FAKE_MONOTONIC", "1")])?;
        self.stage.await_ready(place).await?;
        self.hold().await;
        self.stage.processes[place].kill()?;
        self.stage.restart(place).await?;
        Ok(Done::so(format!("{role} {offset}")))
    }

    /// A job that kills whoever runs it, until it is parked.
    pub(super) async fn poison(&mut self) -> anyhow::Result<Done> {
        let mut callers = self.stage.effects.poisoned();
        let number: u64 = self.rng.random();
        let ask = Ask {
            id: format!("poison-{number:x}"),
            trigger: Trigger::Event("chaos-poison"),
            lane: None,
            padding: 0,
            expects: "any",
            steps: &[],
        };
        let (access, history) = (self.stage.access.clone(), self.stage.history.clone());
        if !access.try_once("poisoner", &ask, &history).await {
            return Ok(Done::left_out("it was not accepted"));
        }
        let mut kills = 0;
        while kills < CRASHES_MAX {
            let called = tokio::time::timeout(POISON_PATIENCE, callers.recv()).await;
            let Ok(Some(caller)) = called else { break };
            let pids = self.stage.processes.iter().filter_map(|process| process.pid());
            let Some(pid) = sockets::owner(caller, pids) else { continue };
            let place = self.stage.processes.iter().position(|p| p.pid() == Some(pid));
            let Some(place) = place else { continue };
            self.stage.processes[place].kill()?;
            self.stage.restart(place).await?;
            kills += 1;
        }
        Ok(Done::so(format!("it killed {kills} workers")))
    }
}
