#![doc = include_str!("../README.md")]

mod disk;

pub use disk::DiskStore;
