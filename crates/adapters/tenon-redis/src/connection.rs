//! The connection to a Redis server or cluster: shared, lazy, with a deadline on each call.
//!
//! It reconnects by itself. It does not repeat a call whose outcome is unknown.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{
    Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo as _, Pipeline,
    RedisError, RedisFuture, Script, ServerErrorKind, TlsCertificates, ToRedisArgs, Value,
};

use crate::metrics;
use crate::sentinel::{SentinelAddress, SentinelLink};

/// When a call is given up, whatever it waits for.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// When an answer is given up. Less than [`CALL_TIMEOUT`], so that the connection itself sees
/// that the server is silent and connects again.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// When connecting is given up.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// One server, or an address that always leads to the primary.
    Standalone(String),
    /// Some nodes of a cluster, from which the others are found.
    Cluster(Vec<String>),
    /// Sentinels, from which the primary is found.
    Sentinel(SentinelAddress),
}

/// Text that names no Redis server.
#[derive(Debug, thiserror::Error)]
#[error(
    "the Redis address cannot be used: write `redis://host:port`, several with commas, or \
     `redis+sentinel://host,host,host/service`; `rediss` for TLS"
)]
pub struct InvalidEndpoint(#[source] RedisError);

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    /// One URL is a server; several, separated by commas, are nodes of a cluster.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(read) = SentinelAddress::parse(text.trim()) {
            return read.map(Self::Sentinel).map_err(InvalidEndpoint);
        }
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
    subscribers: Subscribers,
}

#[derive(Clone)]
enum Link {
    Standalone(Server),
    Cluster(ClusterConnection),
}

/// One server at a time.
#[derive(Clone)]
enum Server {
    Fixed(ConnectionManager),
    Watched(SentinelLink),
}

/// Servers that take a subscriber.
#[derive(Clone)]
enum Subscribers {
    /// One client a server; any of them will do.
    Fixed(Arc<[Client]>),
    /// The primary of the moment.
    Watched(SentinelLink),
}

impl Redis {
    /// Prepares a connection; the first call makes it, so Redis may be away now. To be called
    /// inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] when an address cannot be used.
    pub fn open(endpoint: &Endpoint) -> Result<Self, InvalidEndpoint> {
        Self::open_with(endpoint, None)
    }

    /// The same; servers that are spoken to over TLS prove themselves by `authority`, certificates
    /// in PEM, where it is given, else by those that the system trusts.
    ///
    /// # Errors
    ///
    /// As [`Redis::open`], or when the certificates cannot be read.
    pub fn open_with(
        endpoint: &Endpoint,
        authority: Option<Vec<u8>>,
    ) -> Result<Self, InvalidEndpoint> {
        let tls = authority.map(|root| TlsCertificates { client_tls: None, root_cert: Some(root) });
        Self::connect(endpoint, tls.as_ref()).map_err(InvalidEndpoint)
    }

    fn connect(endpoint: &Endpoint, tls: Option<&TlsCertificates>) -> Result<Self, RedisError> {
        Ok(match endpoint {
            Endpoint::Standalone(url) => {
                let client = client(url, tls)?;
                Self {
                    link: Self::open_standalone(client.clone())?,
                    subscribers: Subscribers::Fixed([client].into()),
                }
            }
            Endpoint::Cluster(urls) => {
                let clients: Result<Vec<_>, _> = urls.iter().map(|url| client(url, tls)).collect();
                Self {
                    link: Self::open_cluster(urls, tls)?,
                    subscribers: Subscribers::Fixed(clients?.into()),
                }
            }
            Endpoint::Sentinel(address) => {
                let link = SentinelLink::open(address, tls)?;
                Self {
                    link: Link::Standalone(Server::Watched(link.clone())),
                    subscribers: Subscribers::Watched(link),
                }
            }
        })
    }

    fn open_standalone(client: Client) -> Result<Link, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(200));
        let manager = ConnectionManager::new_lazy_with_config(client, config)?;
        Ok(Link::Standalone(Server::Fixed(manager)))
    }

    fn open_cluster(urls: &[String], tls: Option<&TlsCertificates>) -> Result<Link, RedisError> {
        let config = ClusterConfig::new()
            .set_connection_timeout(CONNECT_TIMEOUT)
            .set_response_timeout(RESPONSE_TIMEOUT);
        let mut builder = ClusterClient::builder(urls.iter().map(String::as_str));
        if let Some(tls) = tls
            && urls.iter().any(|url| url.starts_with("rediss"))
        {
            builder = builder.certs(tls.clone());
        }
        Ok(Link::Cluster(builder.build()?.get_pending_async_connection_with_config(config)))
    }

    /// A client to subscribe with. Whoever was disconnected asks with the next `turn`.
    pub(crate) async fn subscriber(&self, turn: usize) -> Result<Client, RedisError> {
        match &self.subscribers {
            Subscribers::Fixed(clients) => Ok(clients[turn % clients.len()].clone()),
            Subscribers::Watched(link) => link.primary().await,
        }
    }

    /// The ids that the primaries have given themselves when they started, in an order that is
    /// always the same.
    pub(crate) async fn run_ids(&self) -> Result<String, CallError> {
        let info = redis::cmd("INFO").arg("server").take();
        let answer: Value = within_deadline("command", async {
            match self.link.clone() {
                Link::Standalone(mut link) => info.query_async(&mut link).await,
                Link::Cluster(mut link) => {
                    let primaries = MultipleNodeRoutingInfo::AllMasters;
                    link.route_command(info, RoutingInfo::MultiNode((primaries, None))).await
                }
            }
        })
        .await?;
        let mut ids = Vec::new();
        collect_run_ids(&answer, &mut ids)?;
        ids.sort_unstable();
        Ok(ids.join(" "))
    }

    /// Runs a command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CallError> {
        self.run("command", command).await
    }

    async fn run<T: FromRedisValue>(
        &self,
        kind: &'static str,
        command: &Cmd,
    ) -> Result<T, CallError> {
        within_deadline(kind, async {
            match self.link.clone() {
                Link::Standalone(mut link) => command.query_async(&mut link).await,
                Link::Cluster(mut link) => command.query_async(&mut link).await,
            }
        })
        .await
    }

    /// Runs a script with the arguments written so far, by its hash; loads it first where the
    /// server has forgotten it.
    pub(crate) async fn call<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Cmd,
    ) -> Result<T, CallError> {
        match self.run("script", call).await {
            Err(CallError::Redis(error)) if is_unloaded(&error) => {}
            answer => return answer,
        }
        let load = script.prepare_invoke();
        within_deadline("script", async {
            match self.link.clone() {
                Link::Standalone(mut link) => load.load_async(&mut link).await,
                Link::Cluster(mut link) => load.load_async(&mut link).await,
            }
        })
        .await?;
        self.run("script", call).await
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
        within_deadline("script", async {
            match self.link.clone() {
                Link::Standalone(mut link) => call.invoke_async(&mut link).await,
                Link::Cluster(mut link) => call.invoke_async(&mut link).await,
            }
        })
        .await
    }
}

fn client(url: &str, tls: Option<&TlsCertificates>) -> Result<Client, RedisError> {
    let info = url.into_connection_info()?;
    match tls {
        Some(tls) if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) => {
            Client::build_with_tls(info, tls.clone())
        }
        _ => Client::open(info),
    }
}

/// Finds the ids in the answers of one server or of many.
fn collect_run_ids(answer: &Value, found: &mut Vec<String>) -> Result<(), CallError> {
    match answer {
        Value::Map(pairs) => pairs.iter().try_for_each(|(_, text)| collect_run_ids(text, found)),
        Value::Array(texts) => texts.iter().try_for_each(|text| collect_run_ids(text, found)),
        text => {
            let text: String = redis::from_redis_value_ref(text)?;
            let id = text.lines().find_map(|line| line.strip_prefix("run_id:"));
            found.extend(id.map(|id| id.trim().to_owned()));
            Ok(())
        }
    }
}

impl ConnectionLike for Server {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Fixed(link) => link.req_packed_command(cmd),
            Self::Watched(link) => link.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Fixed(link) => link.req_packed_commands(cmd, offset, count),
            Self::Watched(link) => link.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Fixed(link) => link.get_db(),
            Self::Watched(link) => link.get_db(),
        }
    }
}

fn is_unloaded(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

async fn within_deadline<T>(
    kind: &'static str,
    call: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, CallError> {
    let started = Instant::now();
    let outcome = match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(CallError::Redis),
        Err(_) => Err(CallError::Timeout),
    };
    metrics::called(kind, &outcome, started.elapsed());
    outcome
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
    fn sentinels_are_told_by_the_scheme() {
        let endpoint: Endpoint = "redis+sentinel://a:1,b:2/orders".parse().expect("it is valid");
        assert!(matches!(endpoint, Endpoint::Sentinel(_)));
    }

    #[test]
    fn text_that_is_no_url_is_refused() {
        assert!("redis+sentinel://a:1".parse::<Endpoint>().is_err());
        assert!("redis//nowhere".parse::<Endpoint>().is_err());
        assert!("redis://127.0.0.1:6379,".parse::<Endpoint>().is_err());
    }
}
