//! The execution store on a real PostgreSQL: each promise of its port, also under concurrency.

mod accept;
mod commit;
mod fixture;
mod isolation;
mod partitions;
mod races;
