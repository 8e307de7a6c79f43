//! The numbers that stand for states in the tables. Never reused, never renumbered.

use bytes::Bytes;
use tenon_domain::{ConfigurationId, CredentialId};
use tenon_exec::ports::blobs::BlobRef;
use tenon_exec::ports::history::{Payload, RunStatus, StepStatus, TriggerKind};
use tenon_exec::ports::queue::{Lane, LaneRule, Priority};
use tenon_exec::ports::store::{Installation, Iteration, JobOrder, RunMode};
use uuid::Uuid;

/// `job.trigger`, `run.trigger`.
#[must_use]
pub const fn trigger(kind: TriggerKind) -> i16 {
    match kind {
        TriggerKind::AppEvent => 0,
        TriggerKind::Request => 1,
        TriggerKind::Schedule => 2,
        TriggerKind::Test => 3,
        TriggerKind::Replay => 4,
        TriggerKind::IntegrationEnabled => 5,
        TriggerKind::Webhook => 6,
    }
}

/// The reverse of [`trigger`].
#[must_use]
pub const fn trigger_of(code: i16) -> TriggerKind {
    match code {
        1 => TriggerKind::Request,
        2 => TriggerKind::Schedule,
        3 => TriggerKind::Test,
        4 => TriggerKind::Replay,
        5 => TriggerKind::IntegrationEnabled,
        6 => TriggerKind::Webhook,
        _ => TriggerKind::AppEvent,
    }
}

/// `job.mode`, `run.mode`.
#[must_use]
pub const fn mode(mode: RunMode) -> i16 {
    match mode {
        RunMode::Live => 0,
        RunMode::Test => 1,
    }
}

/// The reverse of [`mode`].
#[must_use]
pub const fn mode_of(code: i16) -> RunMode {
    if code == 1 { RunMode::Test } else { RunMode::Live }
}

/// `run.status`.
#[must_use]
pub const fn run_status(status: RunStatus) -> i16 {
    match status {
        RunStatus::Queued => 0,
        RunStatus::Running => 1,
        RunStatus::Waiting => 2,
        RunStatus::Succeeded => 3,
        RunStatus::Failed => 4,
        RunStatus::Cancelled => 5,
        RunStatus::Parked => 6,
    }
}

/// The reverse of [`run_status`].
#[must_use]
pub const fn run_status_of(code: i16) -> RunStatus {
    match code {
        0 => RunStatus::Queued,
        1 => RunStatus::Running,
        2 => RunStatus::Waiting,
        3 => RunStatus::Succeeded,
        5 => RunStatus::Cancelled,
        6 => RunStatus::Parked,
        _ => RunStatus::Failed,
    }
}

/// `step_result.status`.
#[must_use]
pub const fn step_status(status: StepStatus) -> i16 {
    match status {
        StepStatus::Succeeded => 0,
        StepStatus::Failed => 1,
        StepStatus::Retrying => 2,
        StepStatus::Waiting => 3,
    }
}

/// The reverse of [`step_status`].
#[must_use]
pub const fn step_status_of(code: i16) -> StepStatus {
    match code {
        0 => StepStatus::Succeeded,
        2 => StepStatus::Retrying,
        3 => StepStatus::Waiting,
        _ => StepStatus::Failed,
    }
}

/// `step_result.iteration`: four bytes a level, big-endian.
#[must_use]
pub fn iteration(iteration: &Iteration) -> Vec<u8> {
    iteration.iter().flat_map(|index| index.to_be_bytes()).collect()
}

/// The reverse of [`iteration`].
#[must_use]
pub fn iteration_of(bytes: &[u8]) -> Iteration {
    bytes
        .chunks_exact(4)
        .map(|part| u32::from_be_bytes([part[0], part[1], part[2], part[3]]))
        .collect()
}

/// Where a value is: inline bytes in one column, or a packed reference in another.
#[must_use]
pub fn payload(payload: Option<&Payload>) -> (Option<&[u8]>, Option<Vec<u8>>) {
    match payload {
        None => (None, None),
        Some(Payload::Inline(bytes)) => (Some(bytes), None),
        Some(Payload::Blob(blob)) => (None, Some(blob_bytes(*blob))),
    }
}

/// The reverse of [`payload`].
#[must_use]
pub fn payload_of(inline: Option<Vec<u8>>, blob: Option<Vec<u8>>) -> Option<Payload> {
    match (inline, blob) {
        (Some(bytes), _) => Some(Payload::Inline(Bytes::from(bytes))),
        (None, Some(blob)) => blob_of(&blob).map(Payload::Blob),
        (None, None) => None,
    }
}

/// What a run was accepted with, from its columns; `None` unless all are there.
#[must_use]
pub fn installation_of(
    credential: Option<Uuid>,
    configuration: Option<Uuid>,
    inline: Option<Vec<u8>>,
    blob: Option<Vec<u8>>,
) -> Option<Installation> {
    Some(Installation {
        credential: CredentialId::from_uuid(credential?),
        configuration: ConfigurationId::from_uuid(configuration?),
        values: payload_of(inline, blob)?,
    })
}

/// The columns of a job's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderColumns {
    /// 0 high, 1 normal, 2 low.
    pub priority: i16,
    /// The lane, 16 bytes.
    pub lane: Option<Vec<u8>>,
    /// Jobs of the lane at a time; 0 for one after the other.
    pub lane_max: Option<i16>,
}

/// `priority`, `lane` and `lane_max`.
#[must_use]
pub fn order(order: JobOrder) -> OrderColumns {
    OrderColumns {
        priority: match order.priority {
            Priority::High => 0,
            Priority::Normal => 1,
            Priority::Low => 2,
        },
        lane: order.lane.map(|lane| lane.key.to_vec()),
        lane_max: order.lane.map(|lane| match lane.rule {
            LaneRule::InOrder => 0,
            LaneRule::AtMost(most) => i16::try_from(most.max(1)).unwrap_or(i16::MAX),
        }),
    }
}

/// The reverse of [`order`].
#[must_use]
pub fn order_of(priority: i16, lane: Option<Vec<u8>>, lane_max: Option<i16>) -> JobOrder {
    let key = lane.and_then(|lane| <[u8; 16]>::try_from(lane.as_slice()).ok());
    let rule = match lane_max.and_then(|most| u16::try_from(most).ok()) {
        None | Some(0) => LaneRule::InOrder,
        Some(most) => LaneRule::AtMost(most),
    };
    JobOrder {
        priority: match priority {
            0 => Priority::High,
            2 => Priority::Low,
            _ => Priority::Normal,
        },
        lane: key.map(|key| Lane { key, rule }),
    }
}

/// Segment, offset, length and checksum: 16 + 8 + 8 + 4 bytes.
fn blob_bytes(blob: BlobRef) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(36);
    bytes.extend_from_slice(blob.segment.as_bytes());
    bytes.extend_from_slice(&blob.offset.to_be_bytes());
    bytes.extend_from_slice(&blob.len.to_be_bytes());
    bytes.extend_from_slice(&blob.crc32.to_be_bytes());
    bytes
}

fn blob_of(bytes: &[u8]) -> Option<BlobRef> {
    let bytes: &[u8; 36] = bytes.try_into().ok()?;
    let (segment, rest) = bytes.split_first_chunk::<16>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<8>()?;
    let (crc32, _) = rest.split_first_chunk::<4>()?;
    Some(BlobRef {
        segment: Uuid::from_bytes(*segment),
        offset: u64::from_be_bytes(*offset),
        len: u64::from_be_bytes(*len),
        crc32: u32::from_be_bytes(*crc32),
    })
}
