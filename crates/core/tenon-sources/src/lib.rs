#![doc = include_str!("../README.md")]

mod cache;
mod caller;
mod check;
mod error;
mod flights;
mod settings;

use std::sync::Arc;

use serde_json::{Map, Value};
use tenon_connector::catalog::Catalog;
use tenon_connector::connector::Connector;
use tenon_connector::data_source::{self, List, Options, Page, Query};
use tenon_connector::manifest::data_sources::Select;
use tenon_connector::pages::Position;
use tenon_contract::egress::Egress;
use tenon_contract::quota::Quotas;
use tenon_contract::vault::{Access, Purpose};
use tenon_credentials::access::{Account, CredentialAccess, Ready};
use tenon_domain::Clock;

use self::cache::{Cache, Key};
use self::caller::Caller;
pub use self::check::check_inputs;
pub use self::error::Error;
use self::flights::Flights;
pub use self::settings::{CacheSettings, Settings};

/// What [`Sources`] is made of.
pub struct SourcesParts {
    /// Credentials that are ready to use.
    pub access: CredentialAccess,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// The providers' rate limits.
    pub quotas: Arc<dyn Quotas>,
    /// The connectors.
    pub catalog: Arc<Catalog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub settings: Settings,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The list's key.
    pub source: &'a str,
    /// What was chosen before, by the key of its list. What the list does not depend on is left
    /// alone.
    pub chosen: &'a Map<String, Value>,
    /// What was typed.
    pub search: Option<&'a str>,
    /// [`Found::next_cursor`] of the page before; none for the first.
    pub cursor: Option<&'a str>,
}

/// One page of options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// `{label, value, subtitle?}`, `{title, items}`, or fields of a form.
    pub records: Vec<Value>,
    /// For the next page; none after the last one.
    pub next_cursor: Option<String>,
}

/// Gives options of providers. A clone is the same one.
#[derive(Clone)]
pub struct Sources(Arc<Inner>);

struct Inner {
    parts: SourcesParts,
    cache: Cache,
    flights: Flights<Key, Result<Arc<Page>, Error>>,
}

/// A list that a provider has, and the account to ask with.
struct Listing<'a> {
    connector: &'a Arc<Connector>,
    select: &'a Select,
    source: &'a str,
    account: Account<'a>,
    access: &'a Access,
}

impl Sources {
    /// With an empty cache.
    #[must_use]
    pub fn new(parts: SourcesParts) -> Self {
        let cache = Cache::new(parts.settings.cache.clone());
        Self(Arc::new(Inner { parts, cache, flights: Flights::default() }))
    }

    /// One page of a list. A caller that goes away leaves its call to others that wait for the same.
    ///
    /// # Errors
    /// [`Error`]. Nothing is tried again but a call whose token had to be renewed.
    pub async fn options(&self, account: Account<'_>, ask: Ask<'_>) -> Result<Found, Error> {
        let integration = account.integration;
        let (name, manifest) = (&integration.connector, integration.manifest.as_ref());
        let connector = self.0.parts.catalog.find(account.project, name, manifest);
        let connector = connector.ok_or_else(|| Error::NoConnector { connector: name.clone() })?;
        match data_source::list(&connector, ask.source) {
            None => Err(Error::UnknownSource),
            Some(List::Fixed(options)) => {
                let options = Options::fixed(options);
                let options = ask.search.map_or(options.clone(), |text| options.find(text));
                Ok(Found { records: options.into_records(), next_cursor: None })
            }
            Some(List::Provider(select)) => {
                let access = Access {
                    project: account.project,
                    purpose: Purpose::Connect,
                    run: None,
                    step: None,
                    reference: Some(format!("data source {}", ask.source)),
                    grant: None,
                };
                let source = ask.source;
                let of =
                    Listing { connector: &connector, select, source, account, access: &access };
                self.0.read(&of, ask).await
            }
        }
    }
}

impl Inner {
    /// A page; where the provider does not search, as many as it takes to find enough.
    async fn read(&self, of: &Listing<'_>, ask: Ask<'_>) -> Result<Found, Error> {
        let settings = &self.parts.settings;
        let chosen = data_source::chosen(of.select, ask.chosen)?;
        let mut position = ask.cursor.map(Position::parse).transpose()?;
        let ready = self.parts.access.ready(of.account, of.access).await?;
        let ready = Arc::new(ready);
        let typed = ask.search.map(str::trim).filter(|text| !text.is_empty());
        let (asked, wanted) = match of.select.search {
            Some(_) => (typed, None),
            None => (None, typed),
        };
        let mut found = Options::default();
        for _ in 0..settings.find_pages_max.max(1) {
            let query = Query {
                chosen: chosen.clone(),
                search: asked.map(str::to_owned),
                position: position.take(),
            };
            let page = self.page(of, &ready, query).await?;
            position = page.next.clone();
            let Some(text) = wanted else {
                found.append(page.options.clone());
                break;
            };
            found.append(page.options.find(text));
            if position.is_none() || found.len() >= settings.find_enough {
                break;
            }
        }
        found.truncate(settings.options_max);
        let next_cursor = position.map(|position| position.to_text());
        Ok(Found { records: found.into_records(), next_cursor })
    }

    /// A page from the cache, else from the provider. Those who want the same one meanwhile get it
    /// too.
    async fn page(
        &self,
        of: &Listing<'_>,
        ready: &Arc<Ready>,
        query: Query,
    ) -> Result<Arc<Page>, Error> {
        let key = Key {
            credential: of.account.credential.id,
            version: ready.version(),
            source: of.source.to_owned(),
            chosen: Value::Object(query.chosen.clone()).to_string(),
            search: query.search.clone(),
            position: query.position.clone(),
        };
        if let Some(page) = self.cache.get(&key, of.connector, self.parts.clock.now()) {
            return Ok(page);
        }
        let flight = self.flights.join(key.clone(), async {
            let caller = Caller::new(&self.parts, of.account, of.access, ready.clone());
            let page = caller.page(of.connector, of.select, query).await?;
            let page = Arc::new(page);
            let seconds = of.select.cache_seconds;
            let now = self.parts.clock.now();
            self.cache.keep(key, of.connector, &page, (now, seconds));
            Ok(page)
        });
        flight.await
    }
}
