#![doc = include_str!("../README.md")]

pub mod bearer;
pub mod body;
pub mod codes;
pub mod extract;
pub mod json;
pub mod layers;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod server;
pub mod wire;

pub use body::{BodyLimits, read_body};
pub use codes::Code;
pub use extract::{PathParams, QueryParams, StrictJson, StrictValue};
pub use json::{JsonLimits, parse_strict};
pub use layers::{FrameLayer, LayerSettings, RequestId, with_layers};
pub use problem::{ErrorItem, Problem, ProblemBody};
pub use server::{ConnectionThreads, DrainReport, ServeSettings, serve, serve_on};
pub use wire::WireProblem;
