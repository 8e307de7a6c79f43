//! Clients and providers that ask for too much, or behave badly.

use std::time::Duration;

use rand::Rng;
use tokio::task::JoinSet;

use super::{Done, Trial};
use crate::load::{Access, Ask, EVENT_STEPS, Trigger};
use crate::misbehaviour::Misbehaviour;

/// Requests that meet a provider in each of its bad ways.
const REQUESTS_EACH: usize = 3;
/// How long it stays so.
const EACH: Duration = Duration::from_millis(600);
/// How often a request of a herd is tried.
const TRIES: usize = 40;
/// Before it is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Projects that are made at the same time.
const MADE_AT_ONCE: usize = 8;
const QUEUE_WORKFLOW: &str = include_str!("../workflows/event.yaml");

impl Trial<'_> {
    pub(super) async fn misbehave(&mut self) -> anyhow::Result<Done> {
        let salt: u64 = self.rng.random();
        let mut requests = JoinSet::new();
        for (way, misbehaviour) in Misbehaviour::ALL.into_iter().enumerate() {
            self.stage.effects.behave(misbehaviour);
            for number in 0..REQUESTS_EACH {
                let ask = Ask {
                    id: format!("provider-{salt:x}-{way}-{number}"),
                    trigger: Trigger::Event("chaos-provider"),
                    lane: None,
                    padding: 0,
                    expects: "any",
                    steps: &[],
                };
                self.send(&mut requests, self.stage.access.clone(), ask);
            }
            tokio::time::sleep(EACH).await;
        }
        self.stage.effects.behave(Misbehaviour::None);
        requests.join_all().await;
        Ok(Done::so("in eight ways"))
    }

    pub(super) async fn herd(&mut self) -> anyhow::Result<Done> {
        let salt: u64 = self.rng.random();
        let mut requests = JoinSet::new();
        for number in 0..self.scale.herd {
            let ask = event(format!("herd-{salt:x}-{number}"));
            self.send(&mut requests, self.stage.access.clone(), ask);
        }
        let accepted = requests.join_all().await.into_iter().filter(|done| *done).count();
        Ok(Done::so(format!("{accepted} of {} accepted", self.scale.herd)))
    }

    /// As many projects as asked for, and a request for each at the same moment.
    pub(super) async fn open_queues(&mut self) -> anyhow::Result<Done> {
        let salt: u64 = self.rng.random();
        let mut made = Vec::with_capacity(self.scale.queues);
        let mut making = JoinSet::new();
        for number in 0..self.scale.queues {
            if making.len() >= MADE_AT_ONCE {
                made.extend(making.join_next().await.transpose()?);
            }
            let (access, key) = (self.stage.access.clone(), self.stage.installation_key.clone());
            let text = QUEUE_WORKFLOW
                .replace("EFFECTS", &format!("http://{}", self.stage.effects.address));
            making.spawn(async move {
                let name = format!("queue-{salt:x}-{number}");
                let access = access.make_project(&name, &key).await?;
                access.apply("event.yaml", &text).await?;
                anyhow::Ok((name, access))
            });
        }
        made.extend(making.join_all().await);
        let mut requests = JoinSet::new();
        for made in made {
            let (name, access) = made?;
            self.send(&mut requests, access, event(name));
        }
        let accepted = requests.join_all().await.into_iter().filter(|done| *done).count();
        Ok(Done::so(format!("{accepted} of {} queues got work", self.scale.queues)))
    }

    fn send(&self, requests: &mut JoinSet<bool>, access: Access, ask: Ask) {
        let history = self.stage.history.clone();
        requests.spawn(async move {
            for _ in 0..TRIES {
                if access.try_once("herd", &ask, &history).await {
                    return true;
                }
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            false
        });
    }
}

fn event(id: String) -> Ask {
    let trigger = Trigger::Event("chaos");
    Ask { id, trigger, lane: None, padding: 0, expects: "well", steps: &EVENT_STEPS }
}
