//! The execution store on a real PostgreSQL: each promise of its port, also under concurrency.

mod accept;
mod archive;
mod calls;
mod commit;
mod fixture;
mod installations;
mod isolation;
mod order;
mod partitions;
mod races;
mod routing;
mod segments;
