#![doc = include_str!("../README.md")]

pub mod answer;
pub mod codes;
pub mod control;
pub mod engine;
pub mod generation;
pub mod intake;
pub mod leases;
pub mod plans;
pub mod ports;
pub mod program;
pub mod recorder;
pub mod schedules;
pub mod settings;
pub mod steps;
pub mod sweep;
pub mod worker;
