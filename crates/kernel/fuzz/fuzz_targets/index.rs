//! Any bytes are an index that loads, answers and comes back from its own JSON, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::index::{Index, encode_index, parse_index};

fuzz_target!(|data: &[u8]| {
    let Ok(parsed) = parse_index(data) else { return };
    let packs: Vec<_> = parsed.packs().map(|(id, blobs)| (id, blobs.to_vec())).collect();
    let again = parse_index(&encode_index(&packs)).unwrap();
    assert!(again.packs().eq(packs.iter().map(|(id, blobs)| (*id, blobs.as_slice()))));
    let mut index = Index::new();
    assert_eq!(index.load_json(data).unwrap().len(), packs.len());
    for (pack, blobs) in &packs {
        assert!(index.pack_entries(pack).unwrap().len() <= data.len());
        for blob in blobs {
            assert!(index.contains(blob.kind, &blob.id));
        }
    }
});
