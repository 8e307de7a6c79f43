//! The vault's stores on a real PostgreSQL: the rules of their ports, the walls between the two
//! databases and between projects, and the change feed under concurrency.

mod audit;
mod changes;
mod fixture;
mod isolation;
mod load;
mod refreshes;

tenon_testkit::vault_stores_suite!(crate::fixture::Fixture::of_suite);
