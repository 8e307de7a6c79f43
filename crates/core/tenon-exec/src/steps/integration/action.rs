//! The action step: input in, the connector's requests one after the other, result out.

use serde_json::{Value, json};
use tenon_connector::action::{ActionOptions, ActionRun, Step};
use tenon_connector::manifest::proxy::ErrorKind;
use tenon_connector::pages::PageLimits;
use tenon_connector::request::BuildLimits;
use tenon_domain::workflow::steps::action::ActionStep;
use tenon_domain::workflow::steps::request::ResponseFormat;
use tenon_expr::Scope;

use super::super::{Failure, FailureClass};
use super::caller::{Caller, failed_answer, timeout};
use super::{IntegrationCall, account, failure, wanted_account};
use crate::ports::store::RunMode;

/// Runs an action; `record` gets what history shows of it.
pub(super) async fn run(
    step: &ActionStep,
    scope: &(dyn Scope + Sync),
    call: &IntegrationCall<'_>,
    record: &mut Value,
) -> Result<Value, Failure> {
    let input = step.input.eval(scope).map_err(|error| Failure::template("input", &error))?;
    record["input"] = input.clone();
    let wanted = wanted_account(step.account.as_ref(), scope)?;
    let found = account::find(call, &step.connector, wanted.as_deref()).await?;
    record["account"] = Value::String(found.account().credential.id.to_string());
    let mut caller = Caller::open(call, &found, timeout(None, call.limits.timeout)).await?;
    drive(step, input, call, &mut caller).await
}

/// Makes the action's requests until it has its result.
async fn drive(
    step: &ActionStep,
    input: Value,
    call: &IntegrationCall<'_>,
    caller: &mut Caller<'_>,
) -> Result<Value, Failure> {
    let connector = caller.ready().connector().clone();
    let Some(action) = connector.action(&step.action) else {
        let message = format!("`{}` has no action `{}`", step.connector, step.action);
        return Err(Failure::new("unknown_action", message, FailureClass::Permanent));
    };
    let failed = |error| failure::of_action(&step.connector, &step.action, &error);
    // Values of the account, as the requests' templates see them. A renewed token replaces the
    // one that is put into calls, not these.
    let account = caller.ready().clone();
    let context = account.context(call.clock.now());
    let mut run =
        ActionRun::start(&connector, action, input, &context, options(call)).map_err(failed)?;
    loop {
        let request = match run.next().map_err(failed)? {
            Step::Done(result) => return Ok(output(result, run.pages())),
            Step::Send(request) => request,
        };
        let answered = caller.send(&request, &action.errors).await?;
        if answered.verdict.kind != ErrorKind::Ok {
            let format = ResponseFormat::Auto;
            return Err(failed_answer(caller, answered, &request.url, format).await);
        }
        run.receive(&answered.answer).map_err(failed)?;
    }
}

fn options<'a>(call: &IntegrationCall<'a>) -> ActionOptions<'a> {
    let limits = call.limits;
    let is_test = call.job.mode == RunMode::Test;
    ActionOptions {
        idempotency_key: Some(call.idempotency_key),
        build: BuildLimits {
            url_bytes_max: limits.url_bytes_max,
            body_bytes_max: limits.request_bytes_max,
        },
        pages: PageLimits {
            pages_max: if is_test { 1 } else { limits.pages_max },
            bytes_max: limits.pages_bytes_max,
            ..PageLimits::default()
        },
    }
}

/// What later steps see. Pages are counted where the action reads a list.
fn output(result: Value, pages: Option<(u32, bool)>) -> Value {
    match pages {
        None => json!({ "result": result }),
        Some((pages, has_more)) => {
            json!({ "result": result, "pages": pages, "hasMore": has_more })
        }
    }
}
