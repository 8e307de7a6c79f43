//! The record, sorted by subject.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::history::{Function, Op, Phase};

/// Between two ticks of the schedule of `workflows/tick.yaml`.
pub(super) const TICK_SECONDS: i64 = 2;

/// A call of a step.
pub(super) struct Call<'a> {
    pub step: &'a str,
    pub key: &'a str,
    pub at_ms: u64,
    /// When and how it ended: `Ok` answered as done, `Fail` answered as failed, `Info` the caller
    /// went away.
    pub end: Option<(u64, Phase)>,
    /// Whether the end of its step had been seen in the database when it came.
    pub is_after_end: bool,
}

impl Call<'_> {
    pub(super) fn is_done(&self) -> bool {
        self.end.is_some_and(|(_, phase)| phase == Phase::Ok)
    }

    pub(super) fn is_refused(&self) -> bool {
        self.end.is_some_and(|(_, phase)| phase == Phase::Fail)
    }
}

/// A fault that took place, or should have.
pub(super) struct Fault<'a> {
    pub id: &'a str,
    pub at_ms: u64,
    /// When what it broke ran again.
    pub until_ms: u64,
    pub is_done: bool,
    pub loses_all: bool,
    pub takes_workers: bool,
}

/// A try of a request.
pub(super) struct Try<'a> {
    pub client: &'a str,
    pub from_ms: u64,
    pub until_ms: u64,
    pub is_accepted: bool,
}

/// What a client asked for.
pub(super) struct Asked<'a> {
    pub expects_well: bool,
    pub steps: Vec<&'a str>,
    pub first_ms: u64,
}

/// What the database held at the end.
#[derive(Default)]
pub(super) struct Last<'a> {
    pub open: HashSet<&'a str>,
    /// Status and digest by run.
    pub ended: HashMap<&'a str, (i64, &'a str)>,
    /// Steps and attempts.
    pub results: Vec<(&'a str, i64)>,
    /// Steps that ended.
    pub finished: HashSet<&'a str>,
}

#[derive(Default)]
pub(super) struct Seen<'a> {
    pub calls: Vec<Call<'a>>,
    pub faults: Vec<Fault<'a>>,
    pub tries: Vec<Try<'a>>,
    pub requests: HashMap<&'a str, Asked<'a>>,
    /// Accepted runs and the requests they are for.
    pub run_of: BTreeMap<&'a str, &'a str>,
    /// Runs by request: accepted, or seen at work.
    pub runs_of: BTreeMap<&'a str, BTreeSet<&'a str>>,
    pub accepted_ns: HashMap<&'a str, u64>,
    pub found_ns: HashMap<&'a str, u64>,
    /// Reads of the database: when they began and ended.
    pub reads: Vec<(u64, u64)>,
    pub ended: Vec<(&'a str, (i64, &'a str))>,
    /// When, and which.
    pub generations: Vec<(u64, u64)>,
    /// By lane: the first call of each step, in the order in which they came, by the number of its
    /// request.
    pub lanes: BTreeMap<&'a str, Vec<u64>>,
    /// Ticks that had a run, in Unix seconds.
    pub ticks: BTreeSet<i64>,
    pub last: Option<Last<'a>>,
}

/// What is needed while reading only.
#[derive(Default)]
struct Pending<'a> {
    calls: HashMap<u64, usize>,
    asked: HashMap<&'a str, Vec<u64>>,
    finished: HashSet<&'a str>,
    called: HashSet<&'a str>,
    read: u64,
}

impl<'a> Seen<'a> {
    pub(super) fn read(ops: &'a [Op]) -> Self {
        let (mut seen, mut pending) = (Self::default(), Pending::default());
        for op in ops {
            match op.function {
                Function::Accept => seen.accept(op, &mut pending),
                Function::Effect => seen.effect(op, &mut pending),
                Function::Fault => seen.fault(op),
                Function::Read if op.phase == Phase::Invoke => pending.read = op.mono_ns,
                Function::Read => seen.reads.push((pending.read, op.mono_ns)),
                Function::Result => drop(pending.finished.insert(&op.id)),
                Function::Open => seen.found(op),
                Function::End => {
                    seen.found(op);
                    seen.ended.push((&op.id, end_of(&op.val)));
                }
                Function::Generation => {
                    seen.generations.extend(op.fence.map(|fence| (op.at_ms(), fence)));
                }
                Function::Last => seen.last = Some(Last::read(&op.val)),
            }
        }
        seen
    }

    fn found(&mut self, op: &'a Op) {
        self.found_ns.entry(&op.id).or_insert(op.mono_ns);
    }

    fn accept(&mut self, op: &'a Op, pending: &mut Pending<'a>) {
        let asked = pending.asked.entry(&op.id).or_default();
        if op.phase == Phase::Invoke {
            asked.push(op.at_ms());
            self.requests.entry(&op.id).or_insert_with(|| Asked {
                expects_well: op.val["expects"] != "any",
                steps: texts(&op.val["steps"]),
                first_ms: op.at_ms(),
            });
            return;
        }
        let from_ms = asked.pop().unwrap_or_default();
        let is_accepted = op.phase == Phase::Ok;
        let (client, until_ms) = (&*op.process, op.at_ms());
        self.tries.push(Try { client, from_ms, until_ms, is_accepted });
        for run in texts(&op.val["runs"]) {
            self.run_of.insert(run, &op.id);
            self.runs_of.entry(&op.id).or_default().insert(run);
            self.accepted_ns.entry(run).or_insert(op.mono_ns);
        }
    }

    fn effect(&mut self, op: &'a Op, pending: &mut Pending<'a>) {
        let number = op.val["call"].as_u64().unwrap_or(u64::MAX);
        if op.phase != Phase::Invoke {
            if let Some(place) = pending.calls.get(&number) {
                self.calls[*place].end = Some((op.at_ms(), op.phase));
            }
            return;
        }
        let step = &*op.id;
        let key = op.val["key"].as_str().unwrap_or_default();
        let is_after_end = pending.finished.contains(step);
        pending.calls.insert(number, self.calls.len());
        self.calls.push(Call { step, key, at_ms: op.at_ms(), end: None, is_after_end });
        let (Some(request), Some((run, _))) = (op.val["request"].as_str(), step.split_once('/'))
        else {
            return;
        };
        self.runs_of.entry(request).or_default().insert(run);
        if pending.called.insert(step)
            && let Some((lane, number)) = request.strip_prefix("order-").and_then(lane_of)
        {
            self.lanes.entry(lane).or_default().push(number);
        }
        let tick = request.strip_prefix("tick ").and_then(seconds_of);
        self.ticks.extend(tick);
    }

    fn fault(&mut self, op: &'a Op) {
        if op.phase == Phase::Invoke {
            self.faults.push(Fault {
                id: &op.id,
                at_ms: op.at_ms(),
                until_ms: u64::MAX,
                is_done: false,
                loses_all: op.val["loses_all"] == true,
                takes_workers: op.val["takes_workers"] == true,
            });
        } else if let Some(fault) = self.faults.last_mut() {
            fault.until_ms = op.at_ms();
            fault.is_done = op.phase == Phase::Ok;
        }
    }
}

impl<'a> Last<'a> {
    fn read(val: &'a serde_json::Value) -> Self {
        let ended = val["ended"].as_object().into_iter().flatten();
        let mut last = Self {
            open: texts(&val["open"]).into_iter().collect(),
            ended: ended.map(|(run, end)| (&**run, end_of(end))).collect(),
            ..Self::default()
        };
        for result in val["results"].as_array().into_iter().flatten() {
            let step = result[0].as_str().unwrap_or_default();
            last.results.push((step, result[1].as_i64().unwrap_or_default()));
            if result[2] == true {
                last.finished.insert(step);
            }
        }
        last
    }
}

fn texts(value: &serde_json::Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
}

fn end_of(value: &serde_json::Value) -> (i64, &str) {
    let digest = value["digest"].as_str().unwrap_or_default();
    (value["status"].as_i64().unwrap_or_default(), digest)
}

/// Lane and number of `0-17`.
fn lane_of(text: &str) -> Option<(&str, u64)> {
    let (lane, number) = text.split_once('-')?;
    Some((lane, number.parse().ok()?))
}

/// Unix seconds of `2026-01-31T12:00:00Z`.
fn seconds_of(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}
