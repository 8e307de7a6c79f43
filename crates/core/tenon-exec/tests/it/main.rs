//! Execution against ports in memory, on a clock that the tests move.

mod bench;
mod engine;
mod fan_out;
mod grants;
mod installations;
mod installed;
mod intake;
mod integrations;
mod leases;
mod program;
mod recorder;
mod retry;
mod schedules;
mod schedules_installed;
mod sweep;
mod worker;
