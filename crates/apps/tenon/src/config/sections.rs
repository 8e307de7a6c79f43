//! The sections of the settings, but for `execution` and `documents`. Units are in the names:
//! `_ms`, `_bytes`, `_mib`, `_days`; a `_max` is a limit.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConnectionUrl;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where the roles `api` and `gateway` listen.
    pub listen: SocketAddr,
    /// Where data are kept that have no place of their own: `postgres/` and `blobs/`.
    pub data_dir: PathBuf,
    /// A file that is there while this process can be sent work, with its address in it.
    pub ready_file: Option<PathBuf>,
    /// How long work may take to reach a safe point after a stop was asked for.
    pub stop_grace_ms: u64,
    /// Whether the memory of this process, keys and secrets included, may be written to a core
    /// dump and read by a debugger of the same user.
    pub allow_memory_dumps: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7070)),
            data_dir: PathBuf::from(".tenon"),
            ready_file: None,
            stop_grace_ms: 25_000,
            allow_memory_dumps: false,
        }
    }
}

/// `[postgres]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postgres {
    /// The configuration database; only the role `api` opens it.
    pub config_url: Option<ConnectionUrl>,
    /// The execution database. Without any URL, the embedded server is used.
    pub execution_url: Option<ConnectionUrl>,
    /// Connections of one process to the configuration database.
    pub config_connections_max: u32,
    /// Connections of one process to the execution database.
    pub execution_connections_max: u32,
    /// How long to wait for a connection.
    pub acquire_timeout_ms: u64,
    /// How long one statement may run.
    pub statement_timeout_ms: u64,
    /// The folder of `initdb` and `postgres`; looked for when left out.
    pub bin_dir: Option<PathBuf>,
    /// The embedded server.
    pub embedded: EmbeddedServer,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            config_url: None,
            execution_url: None,
            config_connections_max: 8,
            execution_connections_max: 16,
            acquire_timeout_ms: 5_000,
            statement_timeout_ms: 30_000,
            bin_dir: None,
            embedded: EmbeddedServer::default(),
        }
    }
}

/// `[postgres.embedded]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedServer {
    /// Memory for cached pages, in MiB.
    pub shared_buffers_mib: u32,
    /// Connections of all processes.
    pub connections_max: u32,
    /// Write-ahead log between two checkpoints, in MiB.
    pub wal_size_max_mib: u32,
    /// How long a start may take, recovery after a crash included.
    pub start_timeout_ms: u64,
    /// How long a shutdown may take before it is forced.
    pub stop_timeout_ms: u64,
}

impl Default for EmbeddedServer {
    fn default() -> Self {
        Self {
            shared_buffers_mib: 64,
            connections_max: 60,
            wal_size_max_mib: 1_024,
            start_timeout_ms: 300_000,
            stop_timeout_ms: 10_000,
        }
    }
}

/// `[redis]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://`, `rediss://` or `redis+unix://`, several with commas for a cluster, or
    /// `redis+sentinel://`. Without it the queue lives in this process.
    pub url: Option<ConnectionUrl>,
    /// The certificates that servers are trusted by over TLS, in place of the system's.
    pub authority_file: Option<PathBuf>,
    /// The file of the key that seals what is kept in Redis; the same for every process.
    pub key_file: Option<PathBuf>,
    /// Other keys whose entries can be read, while the key is changed.
    pub other_key_files: Vec<PathBuf>,
    /// How long one of the keys lives that are made of it.
    pub key_interval_ms: u64,
    /// Parts that the queues are spread over; the same for every process.
    pub queue_shards: u16,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            authority_file: None,
            key_file: None,
            other_key_files: Vec::new(),
            key_interval_ms: 86_400_000,
            queue_shards: 16,
        }
    }
}

/// `[http]`: incoming requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The largest body of a trigger or event, in bytes.
    pub body_bytes_max: usize,
    /// How long a whole body may take to arrive.
    pub body_timeout_ms: u64,
    /// How deep JSON may be nested.
    pub json_depth_max: usize,
    /// Threads that serve connections, each its own; as many as processors when left out. With 0
    /// connections share the threads of everything else.
    pub connection_threads: Option<usize>,
    /// Open connections of one listener.
    pub connections_max: usize,
    /// How long the head of a request may take; also the longest idle time of a connection.
    pub header_read_timeout_ms: u64,
    /// Header lines of a request.
    pub headers_max: usize,
    /// The head of a request, in bytes.
    pub header_bytes_max: usize,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// Requests in work at once; more get 503.
    pub requests_in_flight_max: usize,
    /// How long a handler may take until its answer begins.
    pub request_timeout_ms: u64,
    /// `Retry-After` of a request that was turned away.
    pub overload_retry_after_ms: u64,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            body_bytes_max: 10 << 20,
            body_timeout_ms: 20_000,
            json_depth_max: 64,
            connection_threads: None,
            connections_max: 10_000,
            header_read_timeout_ms: 30_000,
            headers_max: 100,
            header_bytes_max: 32 << 10,
            http2_streams_max: 200,
            requests_in_flight_max: 10_000,
            request_timeout_ms: 310_000,
            overload_retry_after_ms: 1_000,
        }
    }
}

/// `[api]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// The file of the key that may make projects over the API; without it nobody may.
    pub installation_key_file: Option<PathBuf>,
    /// Documents in one apply.
    pub apply_documents_max: usize,
    /// The body of an apply or a test run, in bytes.
    pub apply_body_bytes_max: usize,
    /// Recorded values in one page of steps, in bytes together.
    pub page_bytes_max: usize,
    /// Followers of runs at once.
    pub followers_max: usize,
    /// How often a follower looks for news.
    pub follow_interval_ms: u64,
    /// How long one follower may stay; it may come back.
    pub follow_duration_max_ms: u64,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            installation_key_file: None,
            apply_documents_max: 200,
            apply_body_bytes_max: 16 << 20,
            page_bytes_max: 8 << 20,
            followers_max: 200,
            follow_interval_ms: 200,
            follow_duration_max_ms: 3_600_000,
        }
    }
}

/// `[egress]`: outgoing calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Networks that may be called although they are not public.
    pub allowed_networks: Vec<IpNet>,
    /// Networks that may not be called; wins over `allowed_networks`.
    pub denied_networks: Vec<IpNet>,
    /// The longest wait for a TCP connection.
    pub connect_timeout_ms: u64,
    /// The longest wait for a whole answer.
    pub request_timeout_ms: u64,
    /// The largest answer, in bytes.
    pub response_bytes_max: usize,
    /// Connections to one host that are opened at the same time; more wait.
    pub connects_per_host_max: usize,
    /// Connections to one host that are kept open without work.
    pub idle_per_host_max: usize,
    /// How long a connection is kept open without work.
    pub idle_timeout_ms: u64,
    /// Pairs of a host and a client certificate whose connections and keys are kept.
    pub client_identities_max: usize,
    /// How many bytes of one HTTP/2 answer may wait to be read, in bytes.
    pub http2_stream_window_bytes: u32,
    /// The same for all answers of one connection.
    pub http2_connection_window_bytes: u32,
    /// The head of an answer, in bytes.
    pub response_head_bytes_max: usize,
    /// Header lines of an answer.
    pub response_headers_max: usize,
    /// How much larger a body may become by decompression.
    pub decompression_ratio_max: usize,
    /// Bodies up to this size are not held to the ratio, in bytes.
    pub decompression_free_bytes: usize,
    /// Name look-ups at once; more wait.
    pub lookups_max: usize,
    /// How long the checked addresses of a name are used again; 0 asks for each connection.
    pub lookup_ttl_ms: u64,
    /// Names whose addresses are remembered.
    pub lookup_names_max: usize,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            denied_networks: Vec::new(),
            connect_timeout_ms: 5_000,
            request_timeout_ms: 30_000,
            response_bytes_max: 32 << 20,
            connects_per_host_max: 256,
            idle_per_host_max: 256,
            idle_timeout_ms: 30_000,
            client_identities_max: 1_024,
            http2_stream_window_bytes: 1 << 20,
            http2_connection_window_bytes: 16 << 20,
            response_head_bytes_max: 64 << 10,
            response_headers_max: 100,
            decompression_ratio_max: 100,
            decompression_free_bytes: 1 << 20,
            lookups_max: 16,
            lookup_ttl_ms: 5_000,
            lookup_names_max: 1_024,
        }
    }
}

/// `[functions]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Functions {
    /// Processes at once; twice the processors when left out.
    pub processes_max: Option<usize>,
    /// Processes at once of one project; as many as processors when left out.
    pub processes_per_project_max: Option<usize>,
    /// The longest time of one call.
    pub timeout_ms: u64,
    /// Calls that may wait for a process.
    pub waiting_max: usize,
    /// How long a call may wait for a process.
    pub wait_max_ms: u64,
    /// Memory of the JavaScript of one call, in bytes.
    pub memory_bytes_max: u32,
    /// The result of one call, in bytes of JSON.
    pub output_bytes_max: u32,
    /// Console lines that are kept of one call.
    pub console_lines_max: u32,
    /// Console text that is kept of one call, in bytes.
    pub console_bytes_max: u32,
    /// Calls after which a process is replaced.
    pub calls_per_process_max: u32,
}

impl Default for Functions {
    fn default() -> Self {
        Self {
            processes_max: None,
            processes_per_project_max: None,
            timeout_ms: 10_000,
            waiting_max: 10_000,
            wait_max_ms: 30_000,
            memory_bytes_max: 64 << 20,
            output_bytes_max: 8 << 20,
            console_lines_max: 1_000,
            console_bytes_max: 64 << 10,
            calls_per_process_max: 10_000,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What is logged, such as `info` or `info,tenon_exec=debug`.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info,sqlx=warn".to_owned(), format: LogFormat::Text }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
