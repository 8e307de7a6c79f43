//! Requests around the life of an account: whose it is, whether it still works, and its end.
//! Calls come without a credential; the driver puts it in.

use serde_json::{Map, Value};

use crate::answer::{Reading, Verdict, classify};
use crate::call::{Answer, Call};
use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::manifest::lifecycle::Identity as IdentitySpec;
use crate::manifest::proxy::ErrorKind;
use crate::manifest::request::RequestSpec;
use crate::proxy;
use crate::request::template::{eval, eval_text, failed};
use crate::request::{self, BuildError, BuildLimits};

/// The longest id or name of an account, in characters.
const NAME_CHARS_MAX: usize = 500;

/// Whose account it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Its id at the provider.
    pub id: String,
    /// For people.
    pub name: String,
    /// To keep as fields of the account: no secrets.
    pub fields: Map<String, Value>,
}

/// What comes next.
pub enum Step {
    /// This goes out, with the credential put in.
    Send(Call),
    /// Whose account it is.
    Done(Identity),
}

/// Why it is not known whose account it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IdentityError {
    /// A call cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The provider answered an error. [`IdentityRun::next`] gives the same call again.
    #[error("the provider answered {status}")]
    Answer {
        /// The status.
        status: u16,
        /// What it means.
        verdict: Verdict,
    },
    /// The answers do not say it.
    #[error("the provider's answer does not say {what}")]
    Missing {
        /// What is not there, for people.
        what: String,
    },
}

/// Finds out whose account it is.
pub struct IdentityRun<'a> {
    connector: &'a Connector,
    spec: &'a IdentitySpec,
    ctx: Context<'a>,
    saved: Value,
    last: Value,
    index: usize,
    pending: Option<Call>,
}

impl<'a> IdentityRun<'a> {
    /// Starts; `None` where the connector has no way to know.
    #[must_use]
    pub fn start(connector: &'a Connector, ctx: &Context<'a>) -> Option<Self> {
        let spec = connector.manifest().lifecycle.identity.as_ref()?;
        Some(Self {
            connector,
            spec,
            ctx: ctx.clone(),
            saved: Value::Object(Map::new()),
            last: Value::Null,
            index: 0,
            pending: None,
        })
    }

    /// What comes next. Asked again before an answer was taken, it gives the same call.
    ///
    /// # Errors
    /// When a call cannot be built, or the answers do not hold an id and a name.
    #[expect(clippy::should_implement_trait, reason = "it can fail and is no sequence of items")]
    pub fn next(&mut self) -> Result<Step, IdentityError> {
        if let Some(call) = &self.pending {
            return Ok(Step::Send(call.clone()));
        }
        while let Some(step) = self.spec.steps.get(self.index) {
            let holds = match &step.when {
                None => true,
                Some(when) => when
                    .eval(&self.scope())
                    .map_err(|error| failed(&error, "the condition of a request"))?,
            };
            if holds {
                let call = build(self.connector, &self.ctx, &self.scope(), &step.request)?;
                self.pending = Some(call.clone());
                return Ok(Step::Send(call));
            }
            self.index += 1;
        }
        self.identity().map(Step::Done)
    }

    /// Takes the answer of the call that is out.
    ///
    /// # Errors
    /// What the answer means where it is an error; the call is then still out.
    pub fn receive(&mut self, answer: &Answer) -> Result<(), IdentityError> {
        let reading = Reading::of(answer);
        let verdict = classify(self.connector, &[], &reading, &self.ctx);
        if verdict.kind != ErrorKind::Ok {
            return Err(IdentityError::Answer { status: answer.status.as_u16(), verdict });
        }
        self.pending = None;
        self.ctx.advance();
        let Some(step) = self.spec.steps.get(self.index) else { return Ok(()) };
        self.last = reading.value().clone();
        let mut saved = Map::new();
        for (name, source) in &step.save {
            let what = format!("the value `{name}` of the answer");
            saved.insert(name.clone(), eval(source, &self.scope(), &what).map_err(missing)?);
        }
        self.saved[step.id.as_str()] = Value::Object(saved);
        self.index += 1;
        Ok(())
    }

    /// Sees what was saved, and the last answer.
    fn scope(&self) -> Layers<'_> {
        Layers::new(&self.ctx).with(Root::Steps, &self.saved).with(Root::Response, &self.last)
    }

    fn identity(&self) -> Result<Identity, IdentityError> {
        let text = |source, what: &str| {
            let text = eval_text(source, &self.scope(), what).map_err(missing)?;
            let text: String =
                text.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
            if text.is_empty() {
                return Err(IdentityError::Missing { what: what.to_owned() });
            }
            Ok(text)
        };
        let id = text(&self.spec.id, "the account's id")?;
        // An account without a name is called by its id.
        let name = match text(&self.spec.name, "the account's name") {
            Ok(name) => name,
            Err(IdentityError::Missing { .. }) => id.clone(),
            Err(error) => return Err(error),
        };
        let mut fields = Map::new();
        for (name, source) in &self.spec.save {
            let value = eval(source, &self.scope(), &format!("`{name}`")).map_err(missing)?;
            if !value.is_null() {
                fields.insert(name.clone(), value);
            }
        }
        Ok(Identity { id, name, fields })
    }
}

/// What does not fit is the answer, not the template.
fn missing(error: BuildError) -> IdentityError {
    IdentityError::Missing { what: error.message }
}

fn build(
    connector: &Connector,
    ctx: &Context<'_>,
    scope: &(dyn tenon_expr::Scope + Sync),
    spec: &RequestSpec,
) -> Result<Call, BuildError> {
    let base = proxy::base_url(connector, ctx)?;
    let call = request::build(spec, Some(&base), scope, &BuildLimits::default())?;
    proxy::check_host(connector, ctx, &base, &call.url)?;
    Ok(call)
}

/// The call that shows whether the account still works; `None` where the connector has none.
/// What the answer means says [`crate::answer::classify`].
///
/// # Errors
/// When it cannot be built.
pub fn health(connector: &Connector, ctx: &Context<'_>) -> Result<Option<Call>, BuildError> {
    let lifecycle = &connector.manifest().lifecycle;
    let first = || lifecycle.identity.as_ref()?.steps.first().map(|step| &step.request);
    match lifecycle.health.as_ref().or_else(first) {
        Some(spec) => build(connector, ctx, ctx, spec).map(Some),
        None => Ok(None),
    }
}

/// The calls before an account is forgotten. It is forgotten whatever becomes of them.
///
/// # Errors
/// When one cannot be built.
pub fn revoke(connector: &Connector, ctx: &Context<'_>) -> Result<Vec<Call>, BuildError> {
    let specs = &connector.manifest().lifecycle.revoke;
    specs.iter().map(|spec| build_anywhere(connector, ctx, spec)).collect()
}

/// Revocation endpoints are often beside the API's host: one that the manifest itself spells out
/// is fine too.
fn build_anywhere(
    connector: &Connector,
    ctx: &Context<'_>,
    spec: &RequestSpec,
) -> Result<Call, BuildError> {
    let base = proxy::base_url(connector, ctx)?;
    let call = request::build(spec, Some(&base), ctx, &BuildLimits::default())?;
    let raw = spec.url.raw().as_str().unwrap_or_default();
    let authority = raw.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let is_spelled_out = authority.is_some_and(|it| !it.is_empty() && !it.contains("{{"));
    if !is_spelled_out {
        proxy::check_host(connector, ctx, &base, &call.url)?;
    }
    Ok(call)
}

#[cfg(test)]
mod tests;
