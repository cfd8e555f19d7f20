#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pushsync::fuzzing::event(data));
