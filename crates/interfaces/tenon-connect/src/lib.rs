#![doc = include_str!("../README.md")]

pub mod account_auth;
pub mod assets;
mod caller;
pub mod codes;
mod page;
mod pictures;
mod problem;
mod rendered;
mod routes;
mod settings;
pub mod sources;
mod state;
mod view;
mod wire;

pub use account_auth::AccountAuth;
pub use assets::{Asset, Assets, Embedded, Folder};
pub use routes::router;
pub use settings::ConnectSettings;
pub use sources::DataSources;
pub use state::ConnectState;
