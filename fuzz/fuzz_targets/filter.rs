//! See `edgehog_fuzz::filter`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: edgehog_fuzz::prepare(), |input: &[u8]| edgehog_fuzz::filter(input));
