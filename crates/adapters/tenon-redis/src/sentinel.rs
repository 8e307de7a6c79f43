//! A primary that is found by asking Sentinels, and found again when it is another one.
//!
//! The connection is given up as soon as a call shows that its server is gone, silent or no longer
//! a primary, and when the Sentinels name another server: an old primary that cannot see the
//! others would go on answering. The next call asks the Sentinels anew. A call whose outcome is
//! unknown is not repeated.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo as _, Pipeline, RedisError, RedisFuture, ServerErrorKind, TlsCertificates,
    Value,
};

use crate::connection::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT};

/// How often the Sentinels are asked whether the primary is the one that is connected.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// When one Sentinel is given up and the next is asked.
const SENTINEL_TIMEOUT: Duration = Duration::from_millis(500);

/// Where Sentinels are, and what they call the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelAddress {
    /// URLs of the Sentinels, with the user and password of the servers.
    sentinels: Vec<String>,
    service: String,
    database: i64,
}

impl SentinelAddress {
    /// Reads `redis+sentinel://[user:password@]host:port,host:port/service[/database]`;
    /// `rediss+sentinel://` for TLS. `None` when the text is something else.
    ///
    /// # Errors
    /// When it begins so and cannot be used.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, RedisError>> {
        let (scheme, rest) = text.split_once("+sentinel://")?;
        Some(Self::parse_rest(scheme, rest))
    }

    fn parse_rest(scheme: &str, rest: &str) -> Result<Self, RedisError> {
        let invalid = |what: &'static str| RedisError::from((ErrorKind::InvalidClientConfig, what));
        if !matches!(scheme, "redis" | "rediss") {
            return Err(invalid("write redis+sentinel:// or rediss+sentinel://"));
        }
        let (place, path) =
            rest.split_once('/').ok_or_else(|| invalid("the name of the service is missing"))?;
        let (user, hosts) = match place.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), place),
        };
        let (service, database) = path.split_once('/').unwrap_or((path, "0"));
        if service.is_empty() {
            return Err(invalid("the name of the service is missing"));
        }
        let database = database.parse().map_err(|_| invalid("the database is no number"))?;
        let mut sentinels = Vec::new();
        for host in hosts.split(',') {
            // The usual port of a Sentinel, not of a server.
            let has_port =
                host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let port = if has_port { "" } else { ":26379" };
            let url = format!("{scheme}://{user}{host}{port}");
            url.as_str().into_connection_info()?;
            sentinels.push(url);
        }
        Ok(Self { sentinels, service: service.to_owned(), database })
    }
}

/// A connection to whichever server is the primary; shared by its clones.
#[derive(Clone)]
pub(crate) struct SentinelLink(Arc<Shared>);

struct Shared {
    sentinels: Vec<Sentinel>,
    service: String,
    /// User, password and database of the servers.
    template: ConnectionInfo,
    tls: Option<TlsCertificates>,
    current: Mutex<Option<Current>>,
    /// Held by the one call that connects; the others wait for it.
    connecting: tokio::sync::Mutex<()>,
}

struct Sentinel {
    client: Client,
    /// The same without a password: Sentinels often have none.
    open_client: Client,
}

#[derive(Clone)]
struct Current {
    address: (String, u16),
    connection: MultiplexedConnection,
    /// Tells this connection from later ones.
    serial: u64,
}

impl SentinelLink {
    /// Prepares a connection; the first call makes it. To be called inside a Tokio runtime.
    ///
    /// # Errors
    /// When an address or a certificate cannot be used.
    pub(crate) fn open(
        address: &SentinelAddress,
        tls: Option<&TlsCertificates>,
    ) -> Result<Self, RedisError> {
        let mut sentinels = Vec::new();
        for url in &address.sentinels {
            let info = url.as_str().into_connection_info()?;
            let open = ConnectionInfo::clone(&info)
                .set_redis_settings(redis::RedisConnectionInfo::default());
            sentinels
                .push(Sentinel { client: client(info, tls)?, open_client: client(open, tls)? });
        }
        let first = address.sentinels.first().map(String::as_str).unwrap_or_default();
        let template = first.into_connection_info()?;
        let settings = template.redis_settings().clone().set_db(address.database);
        let link = Self(Arc::new(Shared {
            sentinels,
            service: address.service.clone(),
            template: template.set_redis_settings(settings),
            tls: tls.cloned(),
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        }));
        tokio::spawn(watch(Arc::downgrade(&link.0)));
        Ok(link)
    }

    /// A client of the server that is the primary now, for a subscription.
    pub(crate) async fn primary(&self) -> Result<Client, RedisError> {
        let address = self.0.ask().await?;
        self.0.client_of(&address)
    }

    async fn connection(&self) -> Result<Current, RedisError> {
        if let Some(current) = self.0.current.lock().clone() {
            return Ok(current);
        }
        let _turn = self.0.connecting.lock().await;
        if let Some(current) = self.0.current.lock().clone() {
            return Ok(current);
        }
        let current = self.0.connect().await?;
        *self.0.current.lock() = Some(current.clone());
        Ok(current)
    }

    async fn run<T>(
        &self,
        call: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let mut current = self.connection().await?;
        let answer = call(&mut current.connection).await;
        if let Err(error) = &answer
            && is_lost(error)
        {
            self.0.give_up(current.serial);
        }
        answer
    }
}

impl Shared {
    /// Asks the Sentinels, one after the other, who the primary is.
    async fn ask(&self) -> Result<(String, u16), RedisError> {
        let nobody = (ErrorKind::MasterNameNotFoundBySentinel, "no Sentinel knows the primary now");
        let mut failure = RedisError::from(nobody);
        for sentinel in &self.sentinels {
            match sentinel.ask(&self.service).await {
                Ok(Some(address)) => return Ok(address),
                Ok(None) => {}
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn client_of(&self, address: &(String, u16)) -> Result<Client, RedisError> {
        let (host, port) = address.clone();
        let addr = match self.template.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        client(self.template.clone().set_addr(addr), self.tls.as_ref())
    }

    async fn connect(&self) -> Result<Current, RedisError> {
        let address = self.ask().await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let client = self.client_of(&address)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // A Sentinel may not know yet that it is one no longer.
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
        let role: String = redis::from_redis_value(role.into_iter().next().unwrap_or(Value::Nil))?;
        if role != "master" {
            let message = "the server that the Sentinels name is no primary yet";
            return Err(RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, message)));
        }
        let (host, port) = &address;
        tracing::info!(host, port, "connected to the primary `{}`", self.service);
        static SERIAL: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Current { address, connection, serial })
    }

    /// Gives a connection up, unless another has taken its place.
    fn give_up(&self, serial: u64) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|current| current.serial == serial) {
            *current = None;
        }
    }
}

impl Sentinel {
    async fn ask(&self, service: &str) -> Result<Option<(String, u16)>, RedisError> {
        match ask_with(&self.client, service).await {
            // One without a password does not take one.
            Err(error) if error.kind() == ErrorKind::AuthenticationFailed => {
                ask_with(&self.open_client, service).await
            }
            answer => answer,
        }
    }
}

async fn ask_with(client: &Client, service: &str) -> Result<Option<(String, u16)>, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(SENTINEL_TIMEOUT))
        .set_response_timeout(Some(SENTINEL_TIMEOUT));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(service)
        .query_async(&mut connection)
        .await
}

fn client(info: ConnectionInfo, tls: Option<&TlsCertificates>) -> Result<Client, RedisError> {
    match tls {
        Some(tls) if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) => {
            Client::build_with_tls(info, tls.clone())
        }
        _ => Client::open(info),
    }
}

/// Whether an answer shows that the server is not the one to ask: gone, silent, or a primary no
/// longer.
fn is_lost(error: &RedisError) -> bool {
    let is_demoted = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading
        )
    );
    is_demoted || error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error()
}

/// Gives up a primary that the Sentinels have replaced, as long as somebody holds the link.
async fn watch(link: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(link) = link.upgrade() else { return };
        let Some(current) = link.current.lock().clone() else { continue };
        if let Ok(address) = link.ask().await
            && address != current.address
        {
            let (host, port) = &address;
            tracing::warn!(host, port, "the Sentinels name another primary");
            link.give_up(current.serial);
        }
    }
}

impl ConnectionLike for SentinelLink {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(
            self.run(async |link: &mut MultiplexedConnection| link.req_packed_command(cmd).await),
        )
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(self.run(async move |link: &mut MultiplexedConnection| {
            link.req_packed_commands(cmd, offset, count).await
        }))
    }

    fn get_db(&self) -> i64 {
        self.0.template.redis_settings().db()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SentinelAddress, RedisError> {
        SentinelAddress::parse(text).expect("it is an address of Sentinels")
    }

    #[test]
    fn an_address_names_sentinels_and_the_service() {
        let read = parse("rediss+sentinel://:pw@a:1,b/orders/3").expect("it can be used");
        assert_eq!(read.sentinels, ["rediss://:pw@a:1", "rediss://:pw@b:26379"]);
        assert_eq!((read.service.as_str(), read.database), ("orders", 3));
        assert!(SentinelAddress::parse("redis://a:1").is_none());
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for text in [
            "redis+sentinel://a:1",
            "redis+sentinel://a:1/",
            "redis+sentinel://a:1/s/x",
            "unix+sentinel://a:1/s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
