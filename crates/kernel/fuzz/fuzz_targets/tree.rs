//! Any bytes are a tree or an error, at once and node by node; a strict tree is its own encoding, a lenient one encodes to a strict one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::tree::{Mode, Node, Outline, decode_tree, encode_tree};

fuzz_target!(|data: &[u8]| {
    let strict = decode_tree(data, Mode::Strict);
    let Ok(lenient) = decode_tree(data, Mode::Lenient) else {
        assert!(strict.is_err() && Outline::read(data, Mode::Lenient).is_err());
        return;
    };
    let outline = Outline::read(data, Mode::Lenient).unwrap();
    let nodes: Vec<Node> = (0..outline.len()).map(|place| outline.node(data, place).unwrap()).collect();
    assert_eq!((&nodes, &outline.skipped), (&lenient.nodes, &lenient.skipped));
    if let Ok(strict) = strict {
        assert_eq!(strict.nodes, lenient.nodes);
        assert!(lenient.skipped.is_empty());
    }
    if let Ok(encoded) = encode_tree(&lenient.nodes) {
        let again = decode_tree(&encoded, Mode::Lenient).unwrap();
        assert_eq!(again.nodes, lenient.nodes);
        assert_eq!(encode_tree(&again.nodes).unwrap(), encoded);
    }
});
