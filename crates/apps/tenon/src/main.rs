#![doc = include_str!("../README.md")]
mod postgres;
fn main() {}
