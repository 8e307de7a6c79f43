//! One page of a data source: from what was chosen and typed to a request, from its answer to the
//! options that people see. It sends nothing, keeps nothing, and reads one page at a time.
//!
//! Where the provider cannot search, [`Page::find`] looks through the options of a page; who asks
//! for more pages is the caller.

mod form;
mod records;

use serde_json::{Map, Value};
use url::Url;

use crate::answer::{Reading, Verdict, classify};
use crate::call::{Answer, Call};
use crate::connector::Connector;
use crate::context::{Context, Layers, Root};
use crate::manifest::actions::Action;
use crate::manifest::data_sources::{Select, SourceKind};
use crate::manifest::proxy::{ErrorKind, ErrorRule};
use crate::manifest::request::{Pagination, RequestSpec};
use crate::pages::{PageError, PageLimits, Pager, Position, PositionError, is_inside, put};
use crate::proxy;
use crate::request::template::{eval, text_of};
use crate::request::{self, BuildError, BuildLimits};

pub use records::{Options, Page};

/// The longest value that a chosen option may have, in bytes.
const CHOSEN_BYTES_MAX: usize = 4_096;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The values of the lists that it depends on, by their keys.
    pub chosen: Map<String, Value>,
    /// What was typed; only where the provider searches.
    pub search: Option<String>,
    /// The page; the first when left out.
    pub position: Option<Position>,
}

/// Why there are no options, by what the caller can do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// What it depends on was not chosen, or cannot be used.
    #[error("{reason}")]
    Chosen {
        /// For people.
        reason: String,
    },
    /// The page is none of this list.
    #[error(transparent)]
    Position(#[from] PositionError),
    /// The call cannot be built: it would be the same again.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The provider answered an error.
    #[error("the provider answered {status}{}", said(verdict))]
    Answer {
        /// The status.
        status: u16,
        /// What it means.
        verdict: Verdict,
    },
    /// The answer does not hold what the manifest says.
    #[error(transparent)]
    Page(#[from] PageError),
}

fn said(verdict: &Verdict) -> String {
    verdict.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
}

/// A list to read from.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// The provider has it.
    Provider(&'a Select),
    /// It never changes.
    Fixed(&'a [crate::manifest::fields::FieldOption]),
}

/// The list of a key. `None`: there is none, or it is put together from others, which are asked
/// one by one.
#[must_use]
pub fn list<'a>(connector: &'a Connector, key: &str) -> Option<List<'a>> {
    match &connector.data_source(key)?.kind {
        SourceKind::Select(select) => Some(List::Provider(select)),
        SourceKind::Static(list) => Some(List::Fixed(&list.options)),
        SourceKind::FieldMapper(_) | SourceKind::Combo(_) | SourceKind::DynamicCombo(_) => None,
    }
}

/// Takes what a list depends on out of what a caller gave. The rest is left alone.
///
/// # Errors
/// [`SourceError::Chosen`].
pub fn chosen(
    select: &Select,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, SourceError> {
    let mut chosen = Map::new();
    for key in &select.depends_on {
        let value = match given.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => {
                return Err(refused(format!("`{key}` is one value, not several")));
            }
        };
        if value.trim().is_empty() {
            return Err(refused(format!("choose `{key}` first")));
        }
        if value.len() > CHOSEN_BYTES_MAX {
            return Err(refused(format!("`{key}` is longer than {CHOSEN_BYTES_MAX} bytes")));
        }
        chosen.insert(key.clone(), value.into());
    }
    Ok(chosen)
}

fn refused(reason: String) -> SourceError {
    SourceError::Chosen { reason }
}

/// Reads one page of a list that the provider has.
pub struct PageRun<'a> {
    connector: &'a Connector,
    select: &'a Select,
    ctx: Context<'a>,
    chosen: Value,
    search: Option<Value>,
    /// What the templates of an action see.
    input: Value,
    spec: Spec<'a>,
    pager: Option<Pager<'a>>,
    limits: BuildLimits,
}

/// What of the list, or of its action, says how it is asked for.
struct Spec<'a> {
    request: &'a RequestSpec,
    pagination: Option<&'a Pagination>,
    errors: Vec<ErrorRule>,
}

impl<'a> Spec<'a> {
    fn of(connector: &'a Connector, select: &'a Select) -> Result<Self, BuildError> {
        if let Some(request) = &select.request {
            let pagination = select.pagination.as_ref();
            return Ok(Self { request, pagination, errors: select.errors.clone() });
        }
        let action = action_of(connector, select)
            .ok_or_else(|| BuildError::new("request_template", "the list has no request"))?;
        let errors = select.errors.iter().chain(&action.errors).cloned().collect();
        Ok(Self { request: &action.request, pagination: action.pagination.as_ref(), errors })
    }
}

fn action_of<'a>(connector: &'a Connector, select: &Select) -> Option<&'a Action> {
    connector.action(select.action.as_deref()?)
}

impl<'a> PageRun<'a> {
    /// Starts; nothing goes out yet.
    ///
    /// # Errors
    /// When what it depends on is missing, or an input has no value.
    pub fn start(
        connector: &'a Connector,
        select: &'a Select,
        query: Query,
        ctx: &Context<'a>,
        limits: BuildLimits,
    ) -> Result<Self, SourceError> {
        let spec = Spec::of(connector, select)?;
        // One page a run: the bounds of all pages are the caller's.
        let pages =
            PageLimits { pages_max: u32::MAX, items_max: usize::MAX, bytes_max: usize::MAX };
        let pager = match (spec.pagination, query.position) {
            (Some(pagination), Some(position)) => Some(Pager::resume(pagination, pages, position)),
            (Some(pagination), None) => Some(Pager::new(pagination, pages)),
            (None, Some(_)) => return Err(PositionError.into()),
            (None, None) => None,
        };
        let mut run = Self {
            connector,
            select,
            ctx: ctx.clone(),
            chosen: Value::Object(chosen(select, &query.chosen)?),
            search: query.search.filter(|_| select.search.is_some()).map(Value::from),
            input: Value::Null,
            spec,
            pager,
            limits,
        };
        let mut input = Map::new();
        for (name, source) in &select.input {
            let value = eval(source, &run.scope(), &format!("the input `{name}`"))?;
            if !value.is_null() {
                input.insert(name.clone(), value);
            }
        }
        run.input = Value::Object(input);
        Ok(run)
    }

    fn scope(&self) -> Layers<'_> {
        Layers::new(&self.ctx)
            .with(Root::Chosen, &self.chosen)
            .with(Root::Search, self.search.as_ref().unwrap_or(&Value::Null))
            .with(Root::Input, &self.input)
    }

    /// The call, without the credential. It is the same each time.
    ///
    /// # Errors
    /// When it cannot be built, or the page is none of this list.
    pub fn call(&self) -> Result<Call, SourceError> {
        let page = self.pager.as_ref().map(Pager::page).unwrap_or_default();
        let scope = self.scope().with(Root::Page, &page);
        let base = proxy::base_url(self.connector, &self.ctx)?;
        let mut call = request::build(self.spec.request, Some(&base), &scope, &self.limits)?;
        proxy::check_host(self.connector, &self.ctx, &base, &call.url)?;
        if let (Some(search), Some(text)) = (&self.select.search, &self.search) {
            let value = match &search.value {
                Some(source) => eval(source, &scope, "`search`")?,
                None => text.clone(),
            };
            put(&mut call, &search.place, value)?;
        }
        if let Some(pager) = &self.pager {
            if let Some(position) = pager.position() {
                position.check_below(&call.url)?;
            }
            pager.prepare(&mut call)?;
            let allowed = proxy::allowed_hosts(self.connector, &self.ctx)?;
            is_inside(&call.url, &allowed)?;
        }
        Ok(call)
    }

    /// What an answer means.
    #[must_use]
    pub fn judge(&self, answer: &Answer) -> Verdict {
        self.verdict(&Reading::of(answer))
    }

    fn verdict(&self, reading: &Reading) -> Verdict {
        classify(self.connector, &self.spec.errors, reading, &self.ctx)
    }

    /// Takes the answer of the call to `at`.
    ///
    /// # Errors
    /// What the answer means where it is an error, or that it is not as the manifest says.
    pub fn receive(mut self, answer: &Answer, at: &Url) -> Result<Page, SourceError> {
        let reading = Reading::of(answer);
        let verdict = self.verdict(&reading);
        if verdict.kind != ErrorKind::Ok {
            return Err(SourceError::Answer { status: answer.status.as_u16(), verdict });
        }
        let (items, next) = match self.pager.take() {
            Some(mut pager) => {
                let taken = pager.take(&reading, answer.body.len(), at, &self.scope());
                taken?;
                (pager.take_items(), pager.position())
            }
            None => (self.items(&reading)?, None),
        };
        let options = records::read(self.select, &items, &self.scope())?;
        Ok(Page { options, next })
    }

    fn items(&self, reading: &Reading) -> Result<Vec<Value>, SourceError> {
        let Some(source) = &self.select.items else { return Ok(Vec::new()) };
        let scope = self.scope().with(Root::Response, reading.value());
        match eval(source, &scope, "the items")? {
            Value::Array(items) => Ok(items),
            Value::Null => Ok(Vec::new()),
            _ => {
                let message = "the items are no list".to_owned();
                Err(PageError::Answer { page: 1, message }.into())
            }
        }
    }
}

/// A value as the text of an option.
fn text(value: Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => String::new(),
        other => text_of(other).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
