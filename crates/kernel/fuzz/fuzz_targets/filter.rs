//! Any pattern is refused or matches any path in little time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::filter::PatternList;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let path = [b"/", lines.next().unwrap_or_default()].concat();
    let patterns: Vec<Vec<u8>> = lines.take(8).map(<[u8]>::to_vec).collect();
    for fold in [false, true] {
        let Ok(list) = PatternList::new(&patterns, fold) else { continue };
        assert_eq!(list.matches(&path), list.matches_with_child(&path).0);
    }
});
