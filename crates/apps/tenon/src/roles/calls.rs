//! The log of proxy calls: from the proxy's records to the execution database, to which a proxy
//! may append and nothing else.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tenon_exec::calls::call_log;
use tenon_exec::ports::calls::{ProxyCall, ProxyCallId};
use tenon_pg_execution::CallAppender;
use tenon_proxy::{CallLog, CallRecord, NoCallLog};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::monitoring::Pools;
use super::{Parts, Store};

/// Hands records to the writer.
struct Kept(tenon_exec::calls::CallLog);

impl CallLog for Kept {
    fn record(&self, record: CallRecord) {
        self.0.record(call_of(record, Timestamp::now()));
    }
}

/// The log, where calls are to be kept and this process may append them. It is written until
/// `ended` fires, which is after the last call.
///
/// # Errors
/// When the URL of the execution database does not parse.
pub(super) fn open(
    parts: &Parts,
    pools: &Pools,
    tasks: &TaskTracker,
    ended: &CancellationToken,
) -> anyhow::Result<Arc<dyn CallLog>> {
    if !parts.settings.proxy.log.enabled || !parts.roles.may_open(Store::CallLog) {
        return Ok(Arc::new(NoCallLog));
    }
    let Some(url) = parts.execution_url.as_deref() else {
        tracing::warn!(
            "proxy calls are not kept: set postgres.execution_url for the role `proxy`, too, or \
             switch the log off with proxy.log.enabled = false"
        );
        return Ok(Arc::new(NoCallLog));
    };
    let appender = CallAppender::connect(url)?;
    pools.add("call_log", appender.pool());
    let (log, writer) = call_log(Arc::new(appender), parts.settings.call_log());
    tasks.spawn(writer.run(ended.clone()));
    Ok(Arc::new(Kept(log)))
}

fn call_of(record: CallRecord, ended_at: Timestamp) -> ProxyCall {
    let duration = SignedDuration::try_from(record.duration).unwrap_or(SignedDuration::MAX);
    ProxyCall {
        id: ProxyCallId::new(),
        project: record.project,
        user: record.user,
        integration: record.integration,
        credential: record.credential,
        method: record.method,
        host: record.host,
        // The proxy knows it without the slash that the account's base URL ends with.
        path: format!("/{}", record.path.trim_start_matches('/')),
        status: record.status,
        problem: record.problem.map(str::to_owned),
        started_at: ended_at.checked_sub(duration).unwrap_or(Timestamp::UNIX_EPOCH),
        duration: record.duration,
        request_bytes: record.request_bytes,
        response_bytes: record.response_bytes,
        is_complete: record.is_complete,
        attempts: record.attempts,
    }
}
