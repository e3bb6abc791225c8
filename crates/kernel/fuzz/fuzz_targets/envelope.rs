//! Any bytes are refused as an envelope; what is sealed comes back, and nothing else does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::envelope::{Envelope, MasterKey};

fuzz_target!(|data: &[u8]| {
    let envelope = Envelope::new(&MasterKey { encrypt: [1; 32], mac_k: [2; 16], mac_r: [3; 16] });
    let (mut sealed, mut out) = (Vec::new(), Vec::new());
    // A fuzzer that could forge the MAC would be news.
    assert!(envelope.open(data, &mut out).is_err() && out.is_empty());
    envelope.seal(data, &mut sealed);
    envelope.open(&sealed, &mut out).unwrap();
    assert_eq!(out, data);
    sealed.truncate(sealed.len() - 1);
    assert!(envelope.open(&sealed, &mut out).is_err() && out.is_empty());
});
