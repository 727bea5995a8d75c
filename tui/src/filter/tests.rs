//! What is tested of the filter language, a file a matter.

mod completing;
mod devices;
mod errors;
mod meaning;
mod names;
mod normal_form;
mod oracle;
mod properties;
mod pushdown;
mod reference;
mod samples;

use super::Filter;

/// Reads a filter that has to be right.
#[track_caller]
fn parse(text: &str) -> Filter {
    match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => panic!("{text:?} is no filter: {error}"),
    }
}
