//! Tests of the language from outside: what a document may say and what comes of it.

mod conditions;
mod reference_page;
mod robustness;
mod scope;
mod templates;
