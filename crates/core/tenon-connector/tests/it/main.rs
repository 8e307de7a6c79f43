//! Connectors from outside: what the loader takes and refuses, fixtures, the catalog, the import
//! of API descriptions, and the connectors of the repository.

mod catalog;
mod data_sources;
mod fixtures;
mod load;
mod manifests;
mod openapi;
mod reference_page;
mod repository;
mod schema;
