//! The language that picks the devices of a group.

mod errors;
mod generated;
mod meaning;
mod regexes;
mod text;
