//! The server, the layers and the extractors together, over real connections on loopback.

mod bodies;
mod connections;
mod layers;
mod threads;
mod wire;
