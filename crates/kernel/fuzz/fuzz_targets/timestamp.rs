//! Any text is a time that comes back from its own spelling, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    let Ok(time) = Timestamp::parse(data) else { return };
    let mut text = Vec::new();
    time.write(&mut text);
    let again = Timestamp::parse(&text).unwrap();
    assert!(again.same_instant(&time) || time.clamp_year() != time);
});
