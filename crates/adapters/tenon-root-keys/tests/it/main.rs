//! Every root key by one suite. The services are small servers in this process that check what
//! the real ones check: credentials, fields, checksums, and that a context is the one it was.

mod aws;
mod azure;
mod cipher;
mod file;
mod gcp;
mod moto;
mod server;
mod suite;
mod transit;
