//! Pagination as a state machine: where the next page's place goes into a call, and what an
//! answer says about it. A [`Position`] carries the place of a page to another time.

mod position;

use http::header::{self, HeaderMap};
use serde_json::{Value, json};
use tenon_expr::Scope;
use url::Url;

use crate::answer::Reading;
use crate::call::Call;
use crate::context::{Layers, Root};
use crate::inject::{set_query, set_values};
use crate::manifest::request::{NextPage, Pagination, Place};
use crate::request::BuildError;
use crate::request::headers::{parse_name, parse_value};
use crate::request::template::{eval, failed, text_of};

pub use position::{Position, PositionError};

/// Bounds of a pagination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLimits {
    /// The most pages.
    pub pages_max: u32,
    /// The most items of all pages; the page that goes beyond is the last.
    pub items_max: usize,
    /// The bodies of all pages together, in bytes.
    pub bytes_max: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self { pages_max: 1_000, items_max: 100_000, bytes_max: 64 << 20 }
    }
}

/// Why the pages cannot be read to their end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// An answer is not as the manifest says.
    #[error("page {page}: {message}")]
    Answer {
        /// Which page, from 1.
        page: u32,
        /// For people.
        message: String,
    },
    /// Too much in all.
    #[error("the pages together are larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The next call cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Reads pages.
pub struct Pager<'a> {
    pagination: &'a Pagination,
    limits: PageLimits,
    items: Vec<Value>,
    /// The page that is asked for, from 1.
    number: u32,
    offset: u64,
    cursor: Value,
    /// The whole URL of the next page, where the provider gives it.
    url: Option<Url>,
    bytes: usize,
    has_more: bool,
    is_done: bool,
}

impl<'a> Pager<'a> {
    /// At the first page.
    #[must_use]
    pub fn new(pagination: &'a Pagination, limits: PageLimits) -> Self {
        Self {
            pagination,
            limits,
            items: Vec::new(),
            number: 1,
            offset: 0,
            cursor: Value::Null,
            url: None,
            bytes: 0,
            has_more: false,
            is_done: false,
        }
    }

    /// At a page that an earlier pager went on to.
    #[must_use]
    pub fn resume(pagination: &'a Pagination, limits: PageLimits, position: Position) -> Self {
        let Position { number, offset, cursor, url } = position;
        Self { number, offset, cursor, url, ..Self::new(pagination, limits) }
    }

    /// The page that is asked for next; `None` after the last one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        (!self.is_done).then(|| Position {
            number: self.number,
            offset: self.offset,
            cursor: self.cursor.clone(),
            url: self.url.clone(),
        })
    }

    /// What templates see as `page`.
    #[must_use]
    pub fn page(&self) -> Value {
        json!({ "number": self.number, "offset": self.offset, "cursor": self.cursor })
    }

    /// Whether there is no further page to ask for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Whether the provider has more than was read.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The page that is asked for, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The items so far, to keep; the pager goes on without them.
    #[must_use]
    pub fn take_items(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.items)
    }

    /// Puts the place of the page into a call. The URL of a next page replaces the call's: the
    /// caller checks its host.
    ///
    /// # Errors
    /// When a value does not fit its place.
    pub fn prepare(&self, call: &mut Call) -> Result<(), BuildError> {
        if let Some(url) = &self.url {
            call.url = url.clone();
            return Ok(());
        }
        if let Some(size) = &self.pagination.size {
            put(call, &size.place, size.items.into())?;
        }
        match &self.pagination.next {
            NextPage::Cursor { place, .. } if !self.cursor.is_null() => {
                put(call, place, self.cursor.clone())
            }
            NextPage::Offset { place } => put(call, place, self.offset.into()),
            NextPage::Page { place, first } => {
                put(call, place, u64::from(*first).saturating_add((self.number - 1).into()).into())
            }
            NextPage::Cursor { .. } | NextPage::Url { .. } | NextPage::LinkHeader {} => Ok(()),
        }
    }

    /// Takes the answer of the page. `at` is the URL that was called; `scope` is what templates
    /// see beside `response` and `page`.
    ///
    /// # Errors
    /// When the answer does not hold what the manifest says, or it is too much.
    pub fn take(
        &mut self,
        answer: &Reading,
        bytes: usize,
        at: &Url,
        scope: &(dyn Scope + Sync),
    ) -> Result<(), PageError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.bytes_max {
            return Err(PageError::TooLarge { bytes_max: self.limits.bytes_max });
        }
        let page = self.page();
        let scope = Layers::new(scope).with(Root::Response, answer.value()).with(Root::Page, &page);
        let items = match eval(&self.pagination.items, &scope, "the items")? {
            Value::Array(items) => items,
            // Some providers leave the list out of a page that has nothing.
            Value::Null => Vec::new(),
            _ => return Err(self.wrong("the items are no list")),
        };
        let count = items.len();
        self.items.extend(items);
        let next = self.next(answer.headers(), count, at, &scope)?;
        if next == Next::End {
            self.is_done = true;
            self.has_more = false;
            return Ok(());
        }
        if let Some(condition) = &self.pagination.stop_when
            && condition.eval(&scope).map_err(|error| failed(&error, "`stop_when`"))?
        {
            self.is_done = true;
            self.has_more = false;
            return Ok(());
        }
        self.has_more = true;
        let is_full =
            self.number >= self.limits.pages_max || self.items.len() >= self.limits.items_max;
        if is_full {
            self.is_done = true;
            return Ok(());
        }
        self.go(next, count)
    }

    fn go(&mut self, next: Next, count: usize) -> Result<(), PageError> {
        match next {
            Next::Cursor(cursor) => {
                if cursor == self.cursor {
                    return Err(self.wrong("the next page has the cursor of this one"));
                }
                self.cursor = cursor;
            }
            Next::Url(url) => {
                if self.url.as_ref() == Some(&url) {
                    return Err(self.wrong("the next page has the URL of this one"));
                }
                self.url = Some(url);
            }
            Next::Counted => {
                let step = self.pagination.size.as_ref().map_or(0, |size| u64::from(size.items));
                let step = step.max(u64::try_from(count).unwrap_or(u64::MAX));
                self.offset = self.offset.saturating_add(step);
            }
            Next::End => {}
        }
        self.number = self.number.saturating_add(1);
        Ok(())
    }

    /// What follows this page.
    fn next(
        &self,
        headers: &HeaderMap,
        count: usize,
        at: &Url,
        scope: &Layers<'_>,
    ) -> Result<Next, PageError> {
        match &self.pagination.next {
            NextPage::Cursor { cursor, .. } => {
                let cursor = eval(cursor, scope, "the cursor")?;
                let is_end = match &cursor {
                    Value::Null | Value::Bool(false) => true,
                    Value::String(text) => text.is_empty(),
                    Value::Array(_) | Value::Object(_) => {
                        return Err(self.wrong("the cursor is no text or number"));
                    }
                    Value::Bool(true) | Value::Number(_) => false,
                };
                Ok(if is_end { Next::End } else { Next::Cursor(cursor) })
            }
            NextPage::Url { url } => match eval(url, scope, "the next page's URL")? {
                Value::String(text) if !text.is_empty() => self.url(at, &text),
                Value::Null | Value::String(_) | Value::Bool(false) => Ok(Next::End),
                _ => Err(self.wrong("the next page's URL is no text")),
            },
            NextPage::LinkHeader {} => match link_next(headers) {
                Some(text) => self.url(at, &text),
                None => Ok(Next::End),
            },
            NextPage::Offset { .. } | NextPage::Page { .. } => {
                let size = self.pagination.size.as_ref();
                let is_short = size.is_some_and(|size| {
                    usize::try_from(size.items).is_ok_and(|items| count < items)
                });
                Ok(if count == 0 || is_short { Next::End } else { Next::Counted })
            }
        }
    }

    fn url(&self, at: &Url, text: &str) -> Result<Next, PageError> {
        let url = at.join(text).map_err(|_| self.wrong("the next page's URL is not valid"))?;
        if !matches!(url.scheme(), "http" | "https")
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(self.wrong("the next page's URL is not valid"));
        }
        // The page would be fetched again and again.
        Ok(if url == *at { Next::End } else { Next::Url(url) })
    }

    fn wrong(&self, message: &str) -> PageError {
        PageError::Answer { page: self.number, message: message.to_owned() }
    }
}

#[derive(PartialEq)]
enum Next {
    Cursor(Value),
    Url(Url),
    Counted,
    End,
}

/// Puts a value into its place in a call.
pub(crate) fn put(call: &mut Call, place: &Place, value: Value) -> Result<(), BuildError> {
    match place {
        Place::Query(name) => {
            set_query(&mut call.url, std::slice::from_ref(name), &[(name.clone(), text_of(value))]);
            Ok(())
        }
        Place::Header(name) => {
            let parsed = parse_name(name)?;
            call.headers.insert(parsed, parse_value(name, &text_of(value))?);
            Ok(())
        }
        Place::Body(path) => {
            set_values(&mut call.body, &mut call.headers, vec![(path.clone(), value)])
        }
    }
}

/// The target of `rel="next"` in the `Link` headers (RFC 8288).
fn link_next(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::LINK);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(links).find_map(|(target, rel)| {
        let is_next = rel.split_ascii_whitespace().any(|it| it.eq_ignore_ascii_case("next"));
        is_next.then_some(target)
    })
}

/// Targets and relations of one header.
fn links(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else { break };
        let (params, next) = split_params(after);
        if let Some(rel) = rel_of(params) {
            found.push((target.trim().to_owned(), rel));
        }
        rest = next;
    }
    found
}

/// The parameters of a link, and what comes after its comma.
fn split_params(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn rel_of(params: &str) -> Option<String> {
    params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        let is_rel = name.trim().eq_ignore_ascii_case("rel");
        is_rel.then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Checks the URL of a next page against the hosts of the account.
pub(crate) fn is_inside(url: &Url, allowed: &crate::proxy::AllowedHosts) -> Result<(), BuildError> {
    if allowed.contains(url) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    let message = format!("the next page is at `{host}`, where calls of this account may not go");
    Err(BuildError::new("request_url", message))
}

#[cfg(test)]
mod tests;
