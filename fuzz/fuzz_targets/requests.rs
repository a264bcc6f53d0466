//! See `docs/fuzzing.md`.
#![no_main]

use bitcoin_grpc_shield::{Target, run};

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(Target::Requests, data));
