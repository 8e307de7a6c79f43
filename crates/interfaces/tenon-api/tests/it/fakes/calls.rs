//! The log of proxy calls.

use std::time::Duration;

use async_trait::async_trait;
use tenon_domain::{CredentialId, EndUserId, IntegrationId, ProjectId};
use tenon_exec::ports::calls::{
    ProxyCall, ProxyCallFilter, ProxyCallId, ProxyCallPage, ProxyCallReader,
};
use tenon_exec::ports::history;

use super::{World, at, project, uuid};

/// A call that went well; the numbered one asked the provider as often.
pub fn call(number: u32) -> ProxyCall {
    ProxyCall {
        id: ProxyCallId::from_uuid(uuid(9, number)),
        project: project(),
        user: Some(EndUserId::new("user-17")),
        integration: Some(IntegrationId::from_uuid(uuid(7, 1))),
        credential: Some(CredentialId::from_uuid(uuid(8, 1))),
        method: "POST".to_owned(),
        host: "api.example.com".to_owned(),
        path: "/v1/things".to_owned(),
        status: 200,
        problem: None,
        started_at: at(i64::from(number)),
        duration: Duration::from_millis(250),
        request_bytes: 11,
        response_bytes: 22,
        is_complete: true,
        attempts: number,
    }
}

impl World {
    pub fn add_call(&self, call: ProxyCall) {
        self.state.lock().calls.push(call);
    }
}

#[async_trait]
impl ProxyCallReader for World {
    async fn calls(
        &self,
        of: ProjectId,
        filter: &ProxyCallFilter,
        cursor: Option<ProxyCallId>,
        limit: usize,
    ) -> Result<ProxyCallPage, history::Error> {
        self.history()?;
        assert!((1..=200).contains(&limit), "the port takes 1 to 200");
        let state = self.state.lock();
        let fits = |call: &&ProxyCall| {
            of == project()
                && cursor.is_none_or(|cursor| call.id < cursor)
                && (filter.user.is_none() || filter.user == call.user)
                && (filter.integration.is_none() || filter.integration == call.integration)
                && filter.status_class.is_none_or(|class| call.status / 100 == class)
                && filter.since.is_none_or(|since| call.started_at >= since)
        };
        let mut calls: Vec<ProxyCall> =
            state.calls.iter().rev().filter(fits).take(limit + 1).cloned().collect();
        let has_more = calls.len() > limit;
        calls.truncate(limit);
        let next = calls.last().filter(|_| has_more).map(|call| call.id);
        Ok(ProxyCallPage { calls, next })
    }
}
