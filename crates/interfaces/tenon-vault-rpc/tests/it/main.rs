//! The vault over real TLS on loopback: the real service on stores in memory, real certificates.

mod calls;
mod certificates;
mod installation;
mod trust;
