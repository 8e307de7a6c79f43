//! The proxy between real sockets: a caller on one side, a provider on the other.

mod accounts;
mod answers;
mod callers;
mod certificates;
mod failures;
mod front;
mod limits;
mod requests;
mod smuggling;
mod stage;
mod streaming;
mod whole;
