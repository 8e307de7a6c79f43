#![doc = include_str!("../README.md")]

pub mod check;
mod effects;
pub mod faults;
pub mod history;
mod load;
mod misbehaviour;
mod observer;
pub mod run;
mod sockets;
mod spawner;
pub mod stage;
