//! What strangers may send, made up by libFuzzer: one function for each way in, which ends in a panic where the product
//! does not answer as it should.
//!
//! `cargo xtask fuzz` runs them; `fuzz_targets` has a program for each. The inputs in `seeds` are where the fuzzer begins,
//! and an ordinary test runs them through the same functions.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a panic is how a target tells what it found")]

mod admin;
mod answer;
mod documents;
mod fake_astarte;
mod generate;
mod keys;
mod multipart;
mod selectors;
mod sockets;
mod tokens;
mod triggers;
mod world;

/// A target: it takes whatever it is given, and panics where the product is wrong.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of the programs and of the directories of seeds.
pub const TARGETS: [(&str, Target); 9] = [
    ("admin", admin),
    ("document", document),
    ("filter", filter),
    ("group", group),
    ("multipart", multipart),
    ("selector", selector),
    ("socket", socket),
    ("token", token),
    ("trigger", trigger),
];

/// Makes the server that most targets ask, which else the first of their inputs would have to wait for.
pub fn prepare() {
    world::world();
}

/// The admin API. The first line of the input is `METHOD PATH [MEDIA TYPE]`, the rest the body, in which `PUBLIC_KEY` and
/// `PRIVATE_KEY` stand for keys.
pub fn admin(input: &[u8]) {
    admin::ask(input);
}

/// GraphQL over HTTP. The first line of the input is `GET PARAMETERS` or `POST MEDIA TYPE`, the rest the body.
pub fn document(input: &[u8]) {
    documents::ask(input);
}

/// GraphQL documents of the schema: the input decides on operations, fields, arguments, filters and their values.
pub fn filter(input: &[u8]) {
    documents::ask_by_schema(input);
}

/// Device groups: the input is a selector, which PostgreSQL must understand as we do.
pub fn group(input: &[u8]) {
    selectors::compare(input);
}

/// Forms with files. The first line of the input is the media type, the rest the body.
pub fn multipart(input: &[u8]) {
    multipart::upload(input);
}

/// Selectors: what is printed is read as the same, and evaluated to the same. Behind a line that begins with `#` each line of
/// the input is a tag.
pub fn selector(input: &[u8]) {
    selectors::read(input);
}

/// Both kinds of sockets. The first line of the input says which one, and each other line is a message.
pub fn socket(input: &[u8]) {
    sockets::talk(input);
}

/// Tokens: none passes that was not signed by the key, or that was changed since. The input decides how it is made.
pub fn token(input: &[u8]) {
    tokens::show(input);
}

/// Events of Astarte: the input is the body.
pub fn trigger(input: &[u8]) {
    triggers::deliver(input);
}
