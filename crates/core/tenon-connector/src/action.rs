//! An action as a state machine: its input checked, requests before the main one, pages, and the
//! result. It sends nothing; calls come without a credential, so that the driver can put a
//! renewed one into the same call.

use serde_json::{Map, Value};
use tenon_expr::Scope;
use url::Url;

use crate::answer::{Reading, Verdict, classify};
use crate::call::{Answer, Call};
use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::inject::set_values;
use crate::manifest::actions::{Action, Effect};
use crate::manifest::proxy::{ErrorKind, Idempotency};
use crate::manifest::request::RequestSpec;
use crate::pages::{PageError, PageLimits, Pager, is_inside};
use crate::proxy;
use crate::request::headers::{parse_name, parse_value};
use crate::request::template::{eval, failed};
use crate::request::{self, BuildError, BuildLimits};

/// The most faults of an input that are listed.
const FAULTS_MAX: usize = 20;

/// How an action is run.
#[derive(Debug, Clone, Default)]
pub struct ActionOptions<'a> {
    /// The same for every attempt; sent where the provider knows how to use it.
    pub idempotency_key: Option<&'a str>,
    /// Bounds of one call.
    pub build: BuildLimits,
    /// Bounds of all pages.
    pub pages: PageLimits,
}

/// What comes next.
pub enum Step {
    /// This goes out, with the credential put into a copy of it.
    Send(Call),
    /// The output.
    Done(Value),
}

/// A fault of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFault {
    /// JSON pointer to the value; empty for the input itself.
    pub pointer: String,
    /// For people.
    pub message: String,
}

/// Why there is no output, by what the caller can do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ActionError {
    /// The input does not fit the action's schema.
    #[error("the input does not fit: {}", listed(faults))]
    Input {
        /// What does not, 20 at most.
        faults: Vec<InputFault>,
    },
    /// A call cannot be built: it would be the same again.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The provider answered an error. [`ActionRun::next`] gives the same call again.
    #[error("the provider answered {status}{}", said(verdict))]
    Answer {
        /// The status.
        status: u16,
        /// What it means.
        verdict: Verdict,
        /// `status`, `headers` and `body`.
        response: Box<Value>,
    },
    /// The pages cannot be read to their end.
    #[error(transparent)]
    Pages(#[from] PageError),
    /// The result cannot be made of the answer.
    #[error("{message}")]
    Result {
        /// For people.
        message: String,
    },
}

fn listed(faults: &[InputFault]) -> String {
    let one = |fault: &InputFault| match fault.pointer.as_str() {
        "" => fault.message.clone(),
        pointer => format!("`{pointer}`: {}", fault.message),
    };
    faults.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn said(verdict: &Verdict) -> String {
    verdict.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
}

/// A run of an action.
pub struct ActionRun<'a> {
    connector: &'a Connector,
    action: &'a Action,
    ctx: Context<'a>,
    options: ActionOptions<'a>,
    input: Value,
    saved: Value,
    /// The request of `before` that is next; the main one after the last.
    index: usize,
    pager: Option<Pager<'a>>,
    /// The call that is out, until its answer is taken.
    pending: Option<Call>,
    output: Option<Value>,
}

/// Checks an input against the action's schema.
///
/// # Errors
/// [`ActionError::Input`].
pub fn check_input(
    connector: &Connector,
    action: &Action,
    input: &Value,
) -> Result<(), ActionError> {
    let Some(validator) = connector.input_validator(&action.id) else { return Ok(()) };
    let fault = |error: jsonschema::ValidationError<'_>| InputFault {
        pointer: error.instance_path().to_string(),
        // The masked form names no value of the input.
        message: error.masked().to_string(),
    };
    let faults: Vec<InputFault> =
        validator.iter_errors(input).take(FAULTS_MAX).map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(ActionError::Input { faults }) }
}

impl<'a> ActionRun<'a> {
    /// Starts; nothing goes out yet. Null counts as an empty input.
    ///
    /// # Errors
    /// [`ActionError::Input`].
    pub fn start(
        connector: &'a Connector,
        action: &'a Action,
        input: Value,
        ctx: &Context<'a>,
        options: ActionOptions<'a>,
    ) -> Result<Self, ActionError> {
        let input = if input.is_null() { Value::Object(Map::new()) } else { input };
        check_input(connector, action, &input)?;
        let pager = action.pagination.as_ref().map(|it| Pager::new(it, options.pages.clone()));
        Ok(Self {
            connector,
            action,
            ctx: ctx.clone(),
            options,
            input,
            saved: Value::Object(Map::new()),
            index: 0,
            pager,
            pending: None,
            output: None,
        })
    }

    /// What comes next. Asked again before an answer was taken, it gives the same call.
    ///
    /// # Errors
    /// When the call cannot be built.
    #[expect(clippy::should_implement_trait, reason = "it can fail and is no sequence of items")]
    pub fn next(&mut self) -> Result<Step, ActionError> {
        if let Some(output) = &self.output {
            return Ok(Step::Done(output.clone()));
        }
        if let Some(call) = &self.pending {
            return Ok(Step::Send(call.clone()));
        }
        self.skip()?;
        let call = match self.action.before.get(self.index) {
            Some(step) => self.build(&step.request)?,
            None => self.main()?,
        };
        self.pending = Some(call.clone());
        Ok(Step::Send(call))
    }

    /// How many pages were read, and whether the provider has more; `None` without pagination.
    #[must_use]
    pub fn pages(&self) -> Option<(u32, bool)> {
        self.pager.as_ref().map(|pager| (pager.number(), pager.has_more()))
    }

    /// Passes over requests whose condition does not hold.
    fn skip(&mut self) -> Result<(), ActionError> {
        while let Some(step) = self.action.before.get(self.index) {
            let holds = match &step.when {
                None => true,
                Some(when) => when
                    .eval(&self.scope())
                    .map_err(|error| failed(&error, "the condition of a request"))?,
            };
            if holds {
                break;
            }
            self.index += 1;
        }
        Ok(())
    }

    fn scope(&self) -> Layers<'_> {
        Layers::new(&self.ctx).with(Root::Input, &self.input).with(Root::Steps, &self.saved)
    }

    fn build(&self, spec: &RequestSpec) -> Result<Call, BuildError> {
        self.build_with(spec, &self.scope())
    }

    fn build_with(
        &self,
        spec: &RequestSpec,
        scope: &(dyn Scope + Sync),
    ) -> Result<Call, BuildError> {
        let base = proxy::base_url(self.connector, &self.ctx)?;
        let call = request::build(spec, Some(&base), scope, &self.options.build)?;
        proxy::check_host(self.connector, &self.ctx, &base, &call.url)?;
        Ok(call)
    }

    fn main(&self) -> Result<Call, BuildError> {
        let page = self.pager.as_ref().map(Pager::page).unwrap_or_default();
        let scope = self.scope().with(Root::Page, &page);
        let mut call = self.build_with(&self.action.request, &scope)?;
        if let Some(pager) = &self.pager {
            pager.prepare(&mut call)?;
            let allowed = proxy::allowed_hosts(self.connector, &self.ctx)?;
            is_inside(&call.url, &allowed)?;
        }
        self.add_key(&mut call)?;
        Ok(call)
    }

    /// Names the call where the provider can use that.
    fn add_key(&self, call: &mut Call) -> Result<(), BuildError> {
        let Some(key) = self.options.idempotency_key else { return Ok(()) };
        if self.action.effect == Effect::Read {
            return Ok(());
        }
        match &self.connector.manifest().proxy.idempotency {
            Some(Idempotency::Header(name)) => {
                let parsed = parse_name(name)?;
                if !call.headers.contains_key(&parsed) {
                    call.headers.insert(parsed, parse_value(name, key)?);
                }
                Ok(())
            }
            Some(Idempotency::Body(name)) if !call.body.is_empty() => {
                let member = vec![(name.clone(), Value::from(key))];
                set_values(&mut call.body, &mut call.headers, member)
            }
            Some(Idempotency::Body(_)) | None => Ok(()),
        }
    }

    /// Takes the answer of the call that is out.
    ///
    /// # Errors
    /// What the answer means where it is an error; the call is then still out.
    pub fn receive(&mut self, answer: &Answer) -> Result<(), ActionError> {
        let reading = Reading::of(answer);
        let verdict = classify(self.connector, &self.action.errors, &reading, &self.ctx);
        if verdict.kind != ErrorKind::Ok {
            let status = answer.status.as_u16();
            let response = Box::new(reading.value().clone());
            return Err(ActionError::Answer { status, verdict, response });
        }
        let Some(call) = self.pending.take() else {
            return Err(ActionError::Result { message: "no answer was waited for".to_owned() });
        };
        self.ctx.advance();
        if let Some(step) = self.action.before.get(self.index) {
            let scope = self.scope().with(Root::Response, reading.value());
            let mut saved = Map::new();
            for (name, source) in &step.save {
                let what = format!("the value `{name}` of the answer");
                saved.insert(name.clone(), eval(source, &scope, &what).map_err(result_error)?);
            }
            self.saved[step.id.as_str()] = Value::Object(saved);
            self.index += 1;
            return Ok(());
        }
        self.take_main(reading, answer.body.len(), &call.url)
    }

    fn take_main(&mut self, answer: Reading, bytes: usize, at: &Url) -> Result<(), ActionError> {
        if let Some(mut pager) = self.pager.take() {
            let taken = pager.take(&answer, bytes, at, &self.scope());
            let is_done = pager.is_done();
            self.pager = Some(pager);
            taken?;
            if !is_done {
                return Ok(());
            }
        }
        let items = self.pager.as_mut().map(|pager| Value::Array(pager.take_items()));
        let output = match (&self.action.result, items) {
            (Some(source), items) => {
                let items = items.unwrap_or_default();
                let scope =
                    self.scope().with(Root::Response, answer.value()).with(Root::Items, &items);
                eval(source, &scope, "the result").map_err(result_error)?
            }
            (None, Some(items)) => items,
            (None, None) => answer.into_body(),
        };
        self.output = Some(output);
        Ok(())
    }
}

fn result_error(error: BuildError) -> ActionError {
    ActionError::Result { message: error.message }
}

#[cfg(test)]
mod tests;
