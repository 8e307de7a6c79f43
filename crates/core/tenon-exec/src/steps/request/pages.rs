//! All pages of a list: the same call again with the next page's token, until there is none.

use std::borrow::Cow;

use async_trait::async_trait;
use serde_json::{Value, json};
use tenon_connector::request::template::{eval, failed};
use tenon_domain::workflow::steps::request::Pagination;
use tenon_expr::{EvalError, Reference, Scope, resolve_path};

use super::super::{Failure, Outcome};
use super::answer::Answer;
use super::exchange::Exchange;
use super::{RequestLimits, permanent};

/// What has been read.
#[derive(Default)]
struct Gathered {
    items: Vec<Value>,
    /// Pages read whole.
    pages: u32,
    bytes: usize,
    /// The call of the first page, for history.
    input: Option<Value>,
    /// Status and headers of the last page.
    last: Option<(u16, Value)>,
}

/// What follows a page.
enum Next {
    Page(Value),
    /// No more, or no more wanted.
    End {
        has_more: bool,
    },
}

/// A scope that also knows `self`.
struct WithSelf<'a> {
    outer: &'a (dyn Scope + Sync),
    own: Value,
}

impl Scope for WithSelf<'_> {
    fn get(&self, reference: &Reference) -> Result<Option<Cow<'_, Value>>, EvalError> {
        if reference.root == "self" {
            return Ok(resolve_path(&self.own, &reference.path).map(Cow::Borrowed));
        }
        self.outer.get(reference)
    }
}

/// Who makes the call of a page.
#[async_trait]
pub(in crate::steps) trait Fetch: Send {
    /// Makes one call. The scope knows `self`; `page` counts from 1.
    async fn page(&mut self, scope: &(dyn Scope + Sync), page: u32) -> Result<Exchange, Failure>;
}

/// How far reading goes.
pub(in crate::steps) struct Reach<'a> {
    pub(in crate::steps) limits: &'a RequestLimits,
    /// A test run reads one page only.
    pub(in crate::steps) is_test: bool,
}

/// Reads all pages. What was read before a failure is in the failure's output.
pub(in crate::steps) async fn run(
    pagination: &Pagination,
    scope: &(dyn Scope + Sync),
    reach: &Reach<'_>,
    fetch: &mut dyn Fetch,
) -> Result<Outcome, Failure> {
    let mut gathered = Gathered::default();
    let mut token = Value::Null;
    loop {
        let page = gathered.pages + 1;
        let own = WithSelf { outer: scope, own: json!({ "pageToken": token }) };
        let exchange = match fetch.page(&own, page).await {
            Ok(exchange) => exchange,
            Err(failure) => return Err(gathered.into_failure(failure)),
        };
        gathered.input.get_or_insert(exchange.input);
        let taken = gathered.take(pagination, scope, reach, exchange.answer);
        match taken.and_then(|next| unlike(next, &token)) {
            Ok(Next::Page(next)) => token = next,
            Ok(Next::End { has_more }) => return Ok(gathered.into_outcome(has_more)),
            Err(failure) => return Err(gathered.into_failure(failure)),
        }
    }
}

/// A token that does not change would fetch the same page until the limit.
fn unlike(next: Next, token: &Value) -> Result<Next, Failure> {
    match next {
        Next::Page(next) if next == *token => Err(permanent(
            "request_pagination",
            "the next page has the token of this one; end the pages with `stop_when`",
        )),
        next => Ok(next),
    }
}

impl Gathered {
    /// Takes the items of a page and finds what follows it.
    fn take(
        &mut self,
        pagination: &Pagination,
        scope: &(dyn Scope + Sync),
        reach: &Reach<'_>,
        answer: Answer,
    ) -> Result<Next, Failure> {
        let page = self.pages + 1;
        self.bytes = self.bytes.saturating_add(answer.bytes);
        if self.bytes > reach.limits.pages_bytes_max {
            let limit = reach.limits.pages_bytes_max;
            let message = format!("the pages together are larger than {limit} bytes");
            return Err(permanent("request_too_large", message));
        }
        self.last = Some((answer.status, answer.headers.clone()));
        let own = WithSelf {
            outer: scope,
            own: json!({ "response": answer.into_value(), "page": page }),
        };
        match eval(&pagination.items, &own, "the items of the page")? {
            Value::Array(items) => self.items.extend(items),
            // Some services leave the list out of a page that has nothing.
            Value::Null => {}
            other => {
                let message =
                    format!("the items of page {page} are {}, not an array", kind(&other));
                return Err(permanent("request_pagination", message));
            }
        }
        self.pages = page;
        let token = eval(&pagination.page_token, &own, "the token of the next page")?;
        let has_more = !token.is_null() && token.as_str() != Some("");
        if !has_more {
            return Ok(Next::End { has_more });
        }
        if let Some(condition) = &pagination.stop_when {
            let is_last = condition
                .eval(&own)
                .map_err(|error| failed(&error, "the stop condition of the pages"))?;
            if is_last {
                return Ok(Next::End { has_more: false });
            }
        }
        let pages_max = pagination.pages_max.min(reach.limits.pages_max);
        if reach.is_test || page >= pages_max {
            return Ok(Next::End { has_more });
        }
        Ok(Next::Page(token))
    }

    fn response(items: Vec<Value>, last: Option<(u16, Value)>) -> Value {
        let (status, headers) = last.unwrap_or((0, Value::Null));
        json!({ "statusCode": status, "headers": headers, "body": items })
    }

    fn into_outcome(self, has_more: bool) -> Outcome {
        let output = json!({
            "response": Self::response(self.items, self.last),
            "pages": self.pages,
            "hasMore": has_more,
        });
        Outcome { input: self.input, output, ..Outcome::default() }
    }

    /// Keeps what was read: `response.body` holds the items so far, and `failedPage` the answer
    /// that ended it.
    fn into_failure(self, mut failure: Failure) -> Failure {
        let failed_answer = failure
            .output
            .take()
            .and_then(|mut output| output.get_mut("response").map(Value::take));
        let page = self.pages + 1;
        failure.message = format!("page {page}: {}", failure.message);
        failure.output = Some(Box::new(json!({
            "response": Self::response(self.items, self.last),
            "pages": self.pages,
            "hasMore": true,
            "failedPage": { "page": page, "response": failed_answer },
        })));
        if failure.input.is_none() {
            failure.input = self.input.map(Box::new);
        }
        failure
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
