//! The limits of outgoing calls, each with its default and unit.

use std::time::Duration;

use ipnet::IpNet;

/// Settings of [`crate::HttpEgress`].
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Networks that may be called although they are not public, such as `127.0.0.0/8`.
    pub allowed_networks: Vec<IpNet>,
    /// Networks that may not be called although they are public, such as this machine's own
    /// addresses. Wins over `allowed_networks`.
    pub denied_networks: Vec<IpNet>,
    /// The longest wait for a TCP connection.
    pub connect_timeout: Duration,
    /// Connections to one host that are opened at the same time; more wait.
    pub connects_per_host_max: usize,
    /// Connections to one host that are kept open without work.
    pub idle_per_host_max: usize,
    /// How long a connection is kept open without work.
    pub idle_timeout: Duration,
    /// Pairs of a host and a client certificate whose connections and keys are kept; beyond, those
    /// that were not used for longest go.
    pub client_identities_max: usize,
    /// How many bytes of one HTTP/2 answer may wait to be read, in bytes.
    pub http2_stream_window_bytes: u32,
    /// How many bytes of all answers of one HTTP/2 connection may wait to be read, in bytes.
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
    /// How long the checked addresses of a name are used again; zero asks for each connection.
    pub lookup_ttl: Duration,
    /// Names whose addresses are remembered.
    pub lookup_names_max: usize,
    /// Sent as `User-Agent` when the caller sets none.
    pub user_agent: String,
    /// Certificate authorities (DER) that are trusted beside those of the system.
    pub extra_authorities: Vec<Vec<u8>>,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            allowed_networks: Vec::new(),
            denied_networks: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            connects_per_host_max: 256,
            idle_per_host_max: 256,
            idle_timeout: Duration::from_secs(30),
            client_identities_max: 1_024,
            http2_stream_window_bytes: 1 << 20,
            http2_connection_window_bytes: 16 << 20,
            response_head_bytes_max: 64 << 10,
            response_headers_max: 100,
            decompression_ratio_max: 100,
            decompression_free_bytes: 1 << 20,
            lookups_max: 16,
            lookup_ttl: Duration::from_secs(5),
            lookup_names_max: 1_024,
            user_agent: concat!("tenon/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra_authorities: Vec::new(),
        }
    }
}
