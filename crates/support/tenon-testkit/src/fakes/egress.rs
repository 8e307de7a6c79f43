//! A way out that leads nowhere: a function of the test answers.

use async_trait::async_trait;
use parking_lot::Mutex;
use tenon_contract::egress::{Egress, Error, OutboundRequest, OutboundResponse};

type Answer = dyn Fn(&OutboundRequest) -> Result<OutboundResponse, Error> + Send + Sync;

/// Answers with what a function of the test makes of the request.
pub struct ScriptedEgress {
    answer: Box<Answer>,
    seen: Mutex<Vec<OutboundRequest>>,
}

impl ScriptedEgress {
    /// Answers every request with `answer`.
    pub fn new(
        answer: impl Fn(&OutboundRequest) -> Result<OutboundResponse, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Box::new(answer), seen: Mutex::default() }
    }

    /// The requests so far, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<OutboundRequest> {
        self.seen.lock().clone()
    }
}

#[async_trait]
impl Egress for ScriptedEgress {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, Error> {
        self.seen.lock().push(request.clone());
        (self.answer)(&request)
    }
}
