#![doc = include_str!("../README.md")]

mod accept;
mod archive;
mod calls;
pub mod codes;
mod commit;
mod errors;
mod history;
mod lock;
mod partitions;
mod read;
mod routing;
mod schedule;
mod segments;
mod store;
mod time;

pub use calls::CallAppender;
pub use history::Reader;
pub use lock::LocalQueueLock;
pub use store::Store;
