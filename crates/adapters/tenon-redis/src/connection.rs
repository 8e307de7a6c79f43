//! The connection to a Redis server or cluster: shared, lazy, with a deadline on each call.
//!
//! It reconnects by itself. It does not repeat a call whose outcome is unknown.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, FromRedisValue, RedisError, Script, ToRedisArgs};

/// When a call is given up, whatever it waits for.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// When an answer is given up. Less than [`CALL_TIMEOUT`], so that the connection itself sees
/// that the server is silent and connects again.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// When connecting is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// One server, or an address that always leads to the primary.
    Standalone(String),
    /// Some nodes of a cluster, from which the others are found.
    Cluster(Vec<String>),
}

/// Text that names no Redis server.
#[derive(Debug, thiserror::Error)]
#[error("the Redis address cannot be used: write `redis://host:port`, or several with commas")]
pub struct InvalidEndpoint(#[source] RedisError);

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    /// One URL is a server; several, separated by commas, are nodes of a cluster.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let urls: Vec<_> = text.split(',').map(|url| url.trim().to_owned()).collect();
        for url in &urls {
            Client::open(url.as_str()).map_err(InvalidEndpoint)?;
        }
        Ok(match <[String; 1]>::try_from(urls) {
            Ok([url]) => Self::Standalone(url),
            Err(urls) => Self::Cluster(urls),
        })
    }
}

impl Endpoint {
    /// Servers that take a subscriber, in the order to try them.
    fn urls(&self) -> &[String] {
        match self {
            Self::Standalone(url) => std::slice::from_ref(url),
            Self::Cluster(urls) => urls,
        }
    }
}

/// A call failed; its outcome is unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer in time.
    #[error("redis did not answer within {CALL_TIMEOUT:?}")]
    Timeout,
    /// The server refused, or the connection broke.
    #[error("redis refused or the connection broke")]
    Redis(#[from] RedisError),
    /// The answer is not what the script promises.
    #[error("redis gave an answer of an unexpected shape")]
    Shape(#[from] redis::ParsingError),
}

/// A connection that is shared by its clones.
#[derive(Clone)]
pub struct Redis {
    link: Link,
    /// One client a server that takes subscribers.
    subscribers: Arc<[Client]>,
}

#[derive(Clone)]
enum Link {
    Standalone(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Prepares a connection; the first call makes it, so Redis may be away now. To be called
    /// inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] when an address cannot be used.
    pub fn open(endpoint: &Endpoint) -> Result<Self, InvalidEndpoint> {
        let clients: Result<Vec<_>, _> =
            endpoint.urls().iter().map(|url| Client::open(url.as_str())).collect();
        let link = match endpoint {
            Endpoint::Standalone(url) => Self::open_standalone(url),
            Endpoint::Cluster(urls) => Self::open_cluster(urls),
        };
        Ok(Self {
            link: link.map_err(InvalidEndpoint)?,
            subscribers: clients.map_err(InvalidEndpoint)?.into(),
        })
    }

    fn open_standalone(url: &str) -> Result<Link, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(200));
        let client = Client::open(url)?;
        ConnectionManager::new_lazy_with_config(client, config).map(Link::Standalone)
    }

    fn open_cluster(urls: &[String]) -> Result<Link, RedisError> {
        let config = ClusterConfig::new()
            .set_connection_timeout(CONNECT_TIMEOUT)
            .set_response_timeout(RESPONSE_TIMEOUT);
        let client = ClusterClient::builder(urls.iter().map(String::as_str)).build()?;
        Ok(Link::Cluster(client.get_pending_async_connection_with_config(config)))
    }

    /// Clients to subscribe with; any of them will do.
    pub(crate) fn subscribers(&self) -> &[Client] {
        &self.subscribers
    }

    /// Runs a command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CallError> {
        within_deadline(async {
            match self.link.clone() {
                Link::Standalone(mut link) => command.query_async(&mut link).await,
                Link::Cluster(mut link) => command.query_async(&mut link).await,
            }
        })
        .await
    }

    /// Runs a script, by its hash; loads it first where the server has forgotten it.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: impl ToRedisArgs,
        args: impl ToRedisArgs,
    ) -> Result<T, CallError> {
        let mut call = script.prepare_invoke();
        call.key(keys).arg(args);
        within_deadline(async {
            match self.link.clone() {
                Link::Standalone(mut link) => call.invoke_async(&mut link).await,
                Link::Cluster(mut link) => call.invoke_async(&mut link).await,
            }
        })
        .await
    }
}

async fn within_deadline<T>(
    call: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(CallError::Redis),
        Err(_) => Err(CallError::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_is_a_server_and_several_are_a_cluster() {
        let parse = |text: &str| text.parse::<Endpoint>().expect("the text is valid");
        let url = "redis://127.0.0.1:6379".to_owned();
        assert_eq!(parse(&url), Endpoint::Standalone(url.clone()));
        let two = parse("redis://127.0.0.1:6379, redis://127.0.0.1:6380");
        assert_eq!(two, Endpoint::Cluster(vec![url, "redis://127.0.0.1:6380".to_owned()]));
    }

    #[test]
    fn text_that_is_no_url_is_refused() {
        assert!("redis//nowhere".parse::<Endpoint>().is_err());
        assert!("redis://127.0.0.1:6379,".parse::<Endpoint>().is_err());
    }
}
