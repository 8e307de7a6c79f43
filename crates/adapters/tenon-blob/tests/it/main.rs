//! The store on a folder and on real servers of S3, Google Cloud Storage and Azure, and what it
//! does when they fail.

mod archive;
mod copy;
mod disk;
mod faults;
mod packing;
mod proxy;
mod suite;
