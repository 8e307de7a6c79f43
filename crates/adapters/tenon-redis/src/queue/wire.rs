//! How jobs, leases and sources are written into scripts' arguments and read from their answers.
//!
//! Ids go as their 16 bytes and fences as 8, which takes a third of the memory of text.

use std::collections::HashMap;

use redis::Cmd;
use tenon_domain::{QueueName, RunId};
use tenon_exec::ports::membership::MemberId;
use tenon_exec::ports::queue::{
    Beat, ClaimedJob, DueMs, Holdup, Lane, LaneRule, Lease, Priority, Push, Shard, Source, Terms,
    Whereabouts,
};
use tenon_exec::ports::store::JobOrder;
use uuid::Uuid;

use crate::scripts::BATCH_MAX;

const RECOVERED: u8 = 1;
const REAPED: u8 = 2;
const HIGH: u8 = 16;
const LOW: u8 = 32;

const ID_BYTES: usize = 16;

/// Jobs for one call of the push script: of one shard, in groups of one queue and kind.
#[derive(Default)]
pub(super) struct PushBatch<'a> {
    groups: Vec<PushGroup<'a>>,
    last_of_queue: HashMap<&'a QueueName, usize>,
    jobs: usize,
}

struct PushGroup<'a> {
    queue: &'a QueueName,
    kind: PushKind,
    jobs: Vec<&'a Push>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PushKind {
    /// May start now and has no lane; with these flags.
    Plain(u8),
    Special,
}

impl<'a> PushBatch<'a> {
    /// Cuts jobs into calls: for each shard those that are to be made one after the other.
    pub(super) fn cut(
        jobs: &'a [(QueueName, Push)],
        shard_of: impl Fn(&QueueName) -> Shard,
    ) -> HashMap<Shard, Vec<Self>> {
        let mut shards: HashMap<Shard, Vec<Self>> = HashMap::new();
        for (queue, job) in jobs {
            let batches = shards.entry(shard_of(queue)).or_default();
            match batches.last_mut().filter(|batch| batch.jobs < BATCH_MAX) {
                Some(batch) => batch.add(queue, job),
                None => {
                    let mut batch = Self::default();
                    batch.add(queue, job);
                    batches.push(batch);
                }
            }
        }
        shards
    }

    fn add(&mut self, queue: &'a QueueName, job: &'a Push) {
        self.jobs += 1;
        let kind = kind_of(job);
        if let Some(last) = self.last_of_queue.get(queue) {
            let group = &mut self.groups[*last];
            if group.kind == kind {
                return group.jobs.push(job);
            }
        }
        self.last_of_queue.insert(queue, self.groups.len());
        self.groups.push(PushGroup { queue, kind, jobs: vec![job] });
    }

    pub(super) fn write(&self, call: &mut Cmd) {
        for group in &self.groups {
            call.arg(group.queue.as_str());
            match group.kind {
                PushKind::Plain(flags) => {
                    call.arg(1).arg(flags).arg(group.jobs.len());
                    for job in &group.jobs {
                        call.arg(job.run.uuid().as_bytes().as_slice());
                    }
                }
                PushKind::Special => {
                    call.arg(2).arg(0).arg(group.jobs.len());
                    for job in &group.jobs {
                        write_special(job, call);
                    }
                }
            }
        }
    }
}

fn kind_of(job: &Push) -> PushKind {
    if job.due.is_none() && job.lane.is_none() {
        PushKind::Plain(flags_of(job))
    } else {
        PushKind::Special
    }
}

fn flags_of(job: &Push) -> u8 {
    flags_of_priority(job.priority) + if job.is_recovered { RECOVERED } else { 0 }
}

fn flags_of_priority(priority: Priority) -> u8 {
    match priority {
        Priority::High => HIGH,
        Priority::Normal => 0,
        Priority::Low => LOW,
    }
}

fn write_special(job: &Push, call: &mut Cmd) {
    let mut entry = [0; ID_BYTES + 1];
    entry[..ID_BYTES].copy_from_slice(job.run.uuid().as_bytes());
    entry[ID_BYTES] = flags_of(job);
    call.arg(entry.as_slice()).arg(job.due.map_or(0, |due| due.0));
    match job.lane {
        Some(lane) => call.arg(lane_bytes(&lane).as_slice()),
        None => call.arg(""),
    };
}

/// The key, then how many may be out: 0 stands for one at a time, in order.
fn lane_bytes(lane: &Lane) -> [u8; 18] {
    let at_most = match lane.rule {
        LaneRule::InOrder => 0,
        LaneRule::AtMost(count) => count.max(1),
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&lane.key);
    bytes[16..].copy_from_slice(&at_most.to_be_bytes());
    bytes
}

pub(super) fn write_lease(lease: &Lease, call: &mut Cmd) {
    call.arg(lease_bytes(lease).as_slice());
}

fn lease_bytes(lease: &Lease) -> [u8; ID_BYTES + 8] {
    let mut bytes = [0; ID_BYTES + 8];
    bytes[..ID_BYTES].copy_from_slice(lease.run.uuid().as_bytes());
    bytes[ID_BYTES..].copy_from_slice(&lease.fence.0.to_be_bytes());
    bytes
}

/// A lease, then what is known of the job's order: nothing, or its priority and maybe its lane.
fn beat_bytes(beat: &Beat) -> Vec<u8> {
    let mut bytes = lease_bytes(&beat.lease).to_vec();
    if let Some(JobOrder { priority, lane }) = beat.order {
        bytes.push(flags_of_priority(priority));
        bytes.extend(lane.iter().flat_map(lane_bytes));
    }
    bytes
}

/// Leases by queue, as the beat script takes them.
pub(super) fn write_beats_by_queue(beats: &[Beat], call: &mut Cmd) {
    let mut queues: Vec<(&QueueName, Vec<&Beat>)> = Vec::new();
    let mut places: HashMap<&QueueName, usize> = HashMap::new();
    for beat in beats {
        let place = *places.entry(&beat.queue).or_insert(queues.len());
        if place == queues.len() {
            queues.push((&beat.queue, Vec::new()));
        }
        queues[place].1.push(beat);
    }
    for (queue, beats) in queues {
        call.arg(queue.as_str()).arg(beats.len());
        for beat in beats {
            call.arg(beat_bytes(beat).as_slice());
        }
    }
}

/// Empty for the usual terms.
pub(super) fn terms_text(terms: &Terms) -> String {
    if *terms == Terms::default() {
        return String::new();
    }
    let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {} {}",
        terms.weight.clamp(1, 1_000),
        or_dash(terms.running_max.map(|max| max.to_string())),
        or_dash(terms.starts_per_second.map(|rate| usable_rate(rate).to_string())),
        u8::from(terms.is_dedicated) + 2 * u8::from(terms.is_paused),
    )
}

/// A rate that scripts can reckon with: none at all, or one in eleven days to a million a second.
fn usable_rate(rate: f64) -> f64 {
    if rate > 0.0 { rate.clamp(1e-6, 1e6) } else { 0.0 }
}

/// A run id of 16 bytes; nothing else is ever stored, so anything else is passed over.
pub(super) fn run_id(bytes: &[u8]) -> Option<RunId> {
    Uuid::from_slice(bytes).ok().map(RunId::from_uuid)
}

/// The run of an entry: the first 16 bytes.
pub(super) fn run_of_entry(entry: &[u8]) -> Option<RunId> {
    run_id(entry.get(..ID_BYTES)?)
}

/// An entry: the id, then flags if any is set.
pub(super) fn claimed_job(queue: &QueueName, entry: &[u8]) -> Option<ClaimedJob> {
    let flags = entry.get(ID_BYTES).copied().unwrap_or(0);
    Some(ClaimedJob {
        run: run_of_entry(entry)?,
        queue: queue.clone(),
        is_recovered: flags & RECOVERED != 0,
        is_reaped: flags & REAPED != 0,
    })
}

/// Ids in a row.
pub(super) fn run_ids(bytes: &[u8]) -> Vec<RunId> {
    bytes.chunks_exact(ID_BYTES).filter_map(run_id).collect()
}

/// What the locate script answers after its first 0.
pub(super) type Located = (u8, i64, i64, Vec<u8>, i64, Vec<u8>, u8);

/// Where a job is, as the script says it.
pub(super) fn whereabouts(located: Located) -> Whereabouts {
    let (place, number, ms, member, rule, ids, holdup) = located;
    let number = u64::try_from(number).ok();
    match place {
        1 => Whereabouts::Ready {
            before: number,
            holdup: match holdup {
                1 => Some(Holdup::Paused),
                2 => Some(Holdup::RunningMax(u32::try_from(ms).unwrap_or(u32::MAX))),
                3 => Some(Holdup::Rate(DueMs(ms))),
                4 => Some(Holdup::UnknownLanes),
                _ => None,
            },
        },
        2 => Whereabouts::Delayed { due: DueMs(ms) },
        3 => Whereabouts::Held {
            rule: match u16::try_from(rule) {
                Ok(count) if count > 0 => LaneRule::AtMost(count),
                _ => LaneRule::InOrder,
            },
            before: number.unwrap_or(0),
            ahead: run_ids(&ids),
        },
        4 => Whereabouts::Running {
            member: Uuid::from_slice(&member).ok().map(MemberId),
            until: DueMs(ms),
        },
        _ => Whereabouts::Unknown,
    }
}

/// `s` and the shard, or `d` and the queue.
pub(super) fn source_bytes(source: &Source) -> Vec<u8> {
    match source {
        Source::Shared(shard) => format!("s{}", shard.0).into_bytes(),
        Source::Dedicated(queue) => format!("d{queue}").into_bytes(),
    }
}

/// What [`source_bytes`] wrote, or a script.
pub(super) fn source(bytes: &[u8]) -> Option<Source> {
    let text = std::str::from_utf8(bytes).ok()?;
    match text.split_at_checked(1)? {
        ("s", shard) => Some(Source::Shared(Shard(shard.parse().ok()?))),
        ("d", queue) => Some(Source::Dedicated(QueueName::new(queue))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenon_exec::ports::queue::Fence;

    #[test]
    fn jobs_of_a_queue_keep_their_order_and_shards_are_told_apart() {
        let (one, two) = (QueueName::new("one"), QueueName::new("two"));
        let plain = Push::now(RunId::new());
        let late = Push { due: Some(DueMs(7)), ..Push::now(RunId::new()) };
        let jobs: Vec<_> =
            [(&one, plain), (&two, plain), (&one, plain), (&one, late), (&one, plain)]
                .map(|(queue, job)| (queue.clone(), job))
                .into();
        let in_one = PushBatch::cut(&jobs, |_| Shard(0));
        let groups: Vec<_> = in_one[&Shard(0)][0]
            .groups
            .iter()
            .map(|group| (group.queue, group.jobs.len()))
            .collect();
        assert_eq!(groups, [(&one, 2), (&two, 1), (&one, 1), (&one, 1)]);
        let apart = PushBatch::cut(&jobs, |queue| Shard(u16::from(*queue == two)));
        assert_eq!(apart[&Shard(1)][0].jobs, 1);
    }

    #[test]
    fn more_jobs_than_a_call_takes_are_cut() {
        let jobs: Vec<_> =
            (0..=BATCH_MAX).map(|_| (QueueName::new("q"), Push::now(RunId::new()))).collect();
        let batches = &PushBatch::cut(&jobs, |_| Shard(0))[&Shard(0)];
        assert_eq!(batches.iter().map(|batch| batch.jobs).collect::<Vec<_>>(), [BATCH_MAX, 1]);
    }

    #[test]
    fn a_beat_tells_what_is_known_of_the_job() {
        let lease = Lease { run: RunId::new(), fence: Fence(7) };
        let queue = QueueName::new("q");
        let of = |order| beat_bytes(&Beat { queue: queue.clone(), lease, order });
        assert_eq!(of(None), lease_bytes(&lease));
        assert_eq!(of(Some(JobOrder::default()))[24..], [0]);
        let lane = Lane { key: [9; 16], rule: LaneRule::AtMost(3) };
        let all = of(Some(JobOrder { priority: Priority::Low, lane: Some(lane) }));
        assert_eq!((all[24], &all[25..41], &all[41..]), (LOW, &[9; 16][..], &[0, 3][..]));
    }

    #[test]
    fn an_entry_is_read_with_and_without_flags() {
        let (run, queue) = (RunId::new(), QueueName::new("q"));
        let mut entry = run.uuid().as_bytes().to_vec();
        let read = claimed_job(&queue, &entry).expect("the entry is whole");
        assert!(read.run == run && !read.is_recovered && !read.is_reaped);
        entry.push(RECOVERED + REAPED + HIGH);
        let read = claimed_job(&queue, &entry).expect("the entry is whole");
        assert!(read.run == run && read.is_recovered && read.is_reaped);
        assert_eq!(claimed_job(&queue, &entry[..15]), None);
    }

    #[test]
    fn terms_are_text_that_scripts_can_reckon_with() {
        assert_eq!(terms_text(&Terms::default()), "");
        let terms = Terms { running_max: Some(3), is_paused: true, ..Terms::default() };
        assert_eq!(terms_text(&terms), "10 3 - 2");
        for (rate, text) in [(f64::NAN, "0"), (-1.0, "0"), (f64::INFINITY, "1000000"), (2.5, "2.5")]
        {
            let terms = Terms { starts_per_second: Some(rate), ..Terms::default() };
            assert_eq!(terms_text(&terms), format!("10 - {text} 0"));
        }
    }

    #[test]
    fn a_source_is_read_as_it_was_written() {
        for written in [Source::Shared(Shard(12)), Source::Dedicated(QueueName::new("s1"))] {
            assert_eq!(source(&source_bytes(&written)), Some(written));
        }
        assert_eq!(source(b"x1"), None);
        assert_eq!(source(b""), None);
    }
}
