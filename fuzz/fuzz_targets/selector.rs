//! See `edgehog_fuzz::selector`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| edgehog_fuzz::selector(input));
