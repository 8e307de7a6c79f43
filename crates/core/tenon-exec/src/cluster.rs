//! Many processes as one: who leads, who serves which queues, and how many workers there should be.
//!
//! Workers beat. One process leads: it holds a lease that lapses after some seconds, and its time in
//! office has a number from Postgres, the *term*. It publishes a small *view*: which workers
//! there are, which queues are dedicated, how many workers there should be. From the view every
//! worker computes what it serves, by the same function, so that thousands of queues move without
//! a write.
//!
//! The leader only makes things fast and fair. It guards nothing: any worker may claim from any
//! queue, and the fences of the queue decide who holds a job. So two leaders cause workers to
//! change their minds, none leaves everything as it is, and a worker that knows no view serves all.
//!
//! - `election`: who leads;
//! - `view`: what is published, and what a worker makes of it;
//! - `rendezvous`: who owns what;
//! - `dedication`: which queues get workers of their own, and when they give them back;
//! - `autoscale`: how many workers there should be;
//! - `load`: what waits, sampled from the queues;
//! - `terms`: what the owners of queues ask for them;
//! - `leading`: the work of the leader, in rounds;
//! - `following`: a worker's part: it beats, follows the view, and leaves when it is idle;
//! - `operations`: what operators see and change.
//!
//! What it deliberately does not do: start or stop processes. Whoever does reads
//! [`view::View::workers_desired`].

pub mod autoscale;
pub mod dedication;
pub mod election;
pub mod following;
pub mod leading;
pub mod load;
pub mod operations;
pub mod rendezvous;
pub mod terms;
pub mod view;
