//! Execution against ports in memory, on a clock that the tests move.

mod bench;
mod engine;
mod fan_out;
mod grants;
mod intake;
mod integrations;
mod leases;
mod program;
mod recorder;
mod retry;
mod schedules;
mod sweep;
mod worker;
