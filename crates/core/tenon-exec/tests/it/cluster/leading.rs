//! What the leader decides, and what the queues hear of it.

use std::sync::Arc;
use std::time::Duration;

use tenon_domain::{ProjectId, QueueName, RunId};
use tenon_exec::cluster::autoscale;
use tenon_exec::cluster::dedication;
use tenon_exec::cluster::following::FollowingSettings;
use tenon_exec::cluster::leading::LeadingSettings;
use tenon_exec::cluster::operations::Operations;
use tenon_exec::ports::operations::QueueOperations;
use tenon_exec::ports::queue::{Ask, Generation, JobQueue, Push, QueueState, Source};
use tenon_exec::ports::routing::{RouteChange, RouteMode, RoutingStore};

use super::{World, seconds};

fn settings() -> LeadingSettings {
    LeadingSettings {
        dedication: dedication::Rules { ready_min: 10, ..dedication::Rules::default() },
        autoscale: autoscale::Rules { jobs_per_worker: 10, ..autoscale::Rules::default() },
        ..LeadingSettings::default()
    }
}

fn queue() -> QueueName {
    QueueName::of_project(ProjectId::new())
}

impl World {
    async fn push(&self, queue: &QueueName, count: usize) {
        let jobs: Vec<(QueueName, Push)> =
            (0..count).map(|_| (queue.clone(), Push::now(RunId::new()))).collect();
        self.queue.push(&jobs).await.expect("in memory");
    }

    async fn claim(&self, source: &Source) -> usize {
        let ttl = Duration::from_secs(60);
        let ask = Ask { max: 500, max_of_queue: 500, ttl, except: Vec::new() };
        self.queue.claim(source, &ask).await.expect("in memory").jobs.len()
    }

    async fn state(&self, queue: &QueueName) -> QueueState {
        let shard = self.queue.shard_of(queue);
        let states = self.queue.overview(shard, 0).await.expect("in memory");
        states.into_iter().find(|state| state.queue == *queue).expect("it holds something")
    }

    fn operations(&self) -> Operations {
        Operations {
            queue: self.queue.clone(),
            routing: self.routing.clone(),
            membership: self.membership.clone(),
            coordination: self.coordination.clone(),
            clock: self.clock.clone(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_gets_workers_of_its_own_and_gives_them_back() {
    let world = World::new().await;
    let workers: Vec<_> = (0..4).map(|_| world.follow(FollowingSettings::default())).collect();
    let _leader = world.stand(world.leading(settings()));
    let (flood, other) = (queue(), queue());
    world.push(&flood, 40).await;
    world.push(&other, 2).await;
    seconds(3).await;
    assert!(!world.state(&flood).await.is_dedicated, "not at the first look");
    seconds(10).await;
    assert!(world.state(&flood).await.is_dedicated);
    assert!(!world.state(&other).await.is_dedicated);
    let source = Source::Dedicated(flood.clone());
    let own = workers.iter().filter(|worker| worker.duty().own.contains(&source)).count();
    let never = workers.iter().filter(|worker| worker.duty().never.contains(&source)).count();
    assert_eq!((own, never), (1, 3));
    // What comes through the shared source is the other queue's alone.
    for shard in 0..super::SHARDS {
        let claimed = world.claim(&Source::Shared(tenon_exec::ports::queue::Shard(shard))).await;
        let expected = if world.queue.shard_of(&other).0 == shard { 2 } else { 0 };
        assert_eq!(claimed, expected);
    }
    assert_eq!(world.claim(&source).await, 40);
    seconds(30).await;
    assert!(world.state(&flood).await.is_dedicated, "not before the cooldown");
    seconds(60).await;
    assert!(!world.state(&flood).await.is_dedicated);
    assert!(world.routing.routes().await.expect("in memory").is_empty());
    assert!(workers.iter().all(|worker| worker.duty().never.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn an_operators_change_is_acted_on_at_once_and_outlives_the_queues_memory() {
    let world = World::new().await;
    let _leader = world.stand(world.leading(LeadingSettings::default()));
    let queue = queue();
    world.push(&queue, 5).await;
    seconds(5).await;
    let operations = world.operations();
    let pause = RouteChange { is_paused: Some(true), ..RouteChange::default() };
    let report = operations.change(&queue, &pause).await.expect("in memory");
    assert_eq!((report.depth.ready, report.route.is_paused), (5, true));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let source = Source::Shared(world.queue.shard_of(&queue));
    assert_eq!(world.claim(&source).await, 0);
    // A queue service that was emptied is told again.
    world.queue.forget();
    world.queue.install_generation(Generation(2)).await.expect("in memory");
    seconds(2).await;
    world.push(&queue, 5).await;
    assert_eq!(world.claim(&source).await, 0);
    let resume = RouteChange {
        is_paused: Some(false),
        mode: Some(RouteMode::Dedicated),
        ..RouteChange::default()
    };
    operations.change(&queue, &resume).await.expect("in memory");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.claim(&source).await, 0);
    assert_eq!(world.claim(&Source::Dedicated(queue)).await, 5);
}

#[tokio::test(start_paused = true)]
async fn more_work_asks_for_more_workers_and_less_for_fewer() {
    let world = World::new().await;
    let _workers: Vec<_> = (0..2).map(|_| world.follow(FollowingSettings::default())).collect();
    let _leader = world.stand(world.leading(settings()));
    seconds(5).await;
    assert_eq!(world.view().await.workers_desired, 2);
    let queue = queue();
    world.push(&queue, 160).await;
    seconds(60).await;
    assert_eq!(world.view().await.workers_desired, 16);
    let sources = [Source::Dedicated(queue.clone()), Source::Shared(world.queue.shard_of(&queue))];
    for source in &sources {
        world.claim(source).await;
    }
    seconds(120 + 16 * 61).await;
    assert_eq!(world.view().await.workers_desired, 1);
}

#[tokio::test(start_paused = true)]
async fn the_view_has_the_workers_that_beat_and_no_others() {
    let world = World::new().await;
    let _leader = world.stand(world.leading(settings()));
    let (stays, dies, stops) = (
        world.follow(FollowingSettings::default()),
        world.follow(FollowingSettings::default()),
        world.follow(FollowingSettings::default()),
    );
    seconds(5).await;
    assert_eq!(world.view().await.members.len(), 3);
    dies.task.abort();
    stops.stop.cancel();
    seconds(2).await;
    let members = world.view().await.members;
    assert!(members.iter().all(|member| member.id != stops.me), "who stops is left out");
    seconds(5).await;
    let members: Vec<_> = world.view().await.members.iter().map(|member| member.id).collect();
    assert_eq!(members, [stays.me]);
    assert_eq!(stays.duty().own.len(), usize::from(super::SHARDS));
}

#[tokio::test(start_paused = true)]
async fn what_is_away_does_not_end_the_leaders_work() {
    let world = World::new().await;
    let _worker = world.follow(FollowingSettings::default());
    let leader = world.stand(world.leading(settings()));
    seconds(5).await;
    world.routing.set_away(true);
    let before = world.view().await.number;
    seconds(20).await;
    let view = world.view().await;
    assert!(view.number >= before + 15, "it publishes still");
    assert_eq!(view.members.len(), 1);
    world.routing.set_away(false);
    let operations = Arc::new(world.operations());
    let change = RouteChange { mode: Some(RouteMode::Dedicated), ..RouteChange::default() };
    operations.change(&queue(), &change).await.expect("in memory");
    seconds(2).await;
    assert_eq!(world.view().await.dedicated.len(), 1);
    assert!(leader.leads().is_some());
}
