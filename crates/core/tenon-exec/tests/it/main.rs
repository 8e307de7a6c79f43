//! Execution against ports in memory, on a clock that the tests move.

mod admission;
mod bench;
mod clock_sync;
mod cluster;
mod engine;
mod fan_out;
mod grants;
mod infrastructure;
mod installations;
mod installed;
mod intake;
mod integrations;
mod leases;
mod program;
mod protocol;
mod recorder;
mod regression;
mod retry;
mod schedules;
mod schedules_installed;
mod segment_sweep;
mod standing;
mod sweep;
mod worker;
