//! Requests that the manifest spells out, one after the other.

use serde_json::{Map, Value};

use super::{ExchangeError, Outcome, Place, failure, token_answer};
use crate::answer::Reading;
use crate::assertion;
use crate::authorize::check_secure;
use crate::call::Call;
use crate::context::{Layers, Root};
use crate::manifest::auth::{AppInstallation, TokenResponse};
use crate::manifest::request::{RequestSpec, RequestStep};
use crate::proxy;
use crate::request::template::failed;
use crate::request::{self, BuildLimits};

/// Where it is in the sequence.
pub(super) struct Steps<'a> {
    wanted: Wanted<'a>,
    index: usize,
    response: &'a TokenResponse,
    last: Option<Reading>,
}

enum Wanted<'a> {
    Steps(&'a [RequestStep]),
    One(&'a RequestSpec),
}

impl<'a> Steps<'a> {
    pub(super) fn new(steps: &'a [RequestStep], response: &'a TokenResponse) -> Self {
        Self { wanted: Wanted::Steps(steps), index: 0, response, last: None }
    }

    /// The token of an app's installation.
    pub(super) fn installation(
        at: &mut Place<'a>,
        app: &'a AppInstallation,
    ) -> Result<Self, ExchangeError> {
        let signed = assertion::jwt(&app.jwt, &at.scope(), at.ctx.now())?;
        at.assertion = signed.into();
        let wanted = Wanted::One(&app.request);
        Ok(Self { wanted, index: 0, response: &app.response, last: None })
    }

    /// The next request; `None` after the last.
    pub(super) fn next(&mut self, at: &mut Place<'a>) -> Result<Option<Call>, ExchangeError> {
        match self.wanted {
            Wanted::One(spec) => (self.index == 0).then(|| build(at, spec)).transpose(),
            Wanted::Steps(steps) => {
                while let Some(step) = steps.get(self.index) {
                    let holds = step.when.as_ref().map_or(Ok(true), |it| it.eval(&at.scope()));
                    if holds.map_err(|error| failed(&error, "the condition of a request"))? {
                        return build(at, &step.request).map(Some);
                    }
                    self.index += 1;
                }
                Ok(None)
            }
        }
    }

    /// Takes the answer of the request that was built last.
    pub(super) fn take(
        &mut self,
        at: &mut Place<'a>,
        answer: Reading,
    ) -> Result<(), ExchangeError> {
        failure::check(at, self.response, &answer)?;
        if let Wanted::Steps(steps) = self.wanted
            && let Some(step) = steps.get(self.index)
        {
            let saved = {
                let scope = at.scope();
                let scope = Layers::new(&scope).with(Root::Response, answer.value());
                token_answer::evaluated(&step.save, &scope)?
            };
            at.saved[step.id.as_str()] = Value::Object(saved);
        }
        self.index += 1;
        self.last = Some(answer);
        Ok(())
    }

    /// Reads the last answer.
    pub(super) fn finish(&self, at: &Place<'a>) -> Result<Outcome, ExchangeError> {
        match &self.last {
            Some(answer) => token_answer::read(at, self.response, answer),
            None => Ok(Outcome { token: None, fields: Map::clone(&at.found) }),
        }
    }
}

/// A request of an exchange: relative to the base URL where the account has one.
fn build(at: &Place<'_>, spec: &RequestSpec) -> Result<Call, ExchangeError> {
    let base = proxy::base_url(at.connector, &at.ctx).ok();
    let call = request::build(spec, base.as_ref(), &at.scope(), &BuildLimits::default())?;
    check_secure(at.connector, &call.url)?;
    Ok(call)
}
