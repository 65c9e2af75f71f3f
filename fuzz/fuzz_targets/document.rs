//! See `edgehog_fuzz::document`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: edgehog_fuzz::prepare(), |input: &[u8]| edgehog_fuzz::document(input));
