//! See `edgehog_fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: edgehog_fuzz::prepare(), |input: &[u8]| edgehog_fuzz::token(input));
