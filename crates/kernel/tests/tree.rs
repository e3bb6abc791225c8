//! The tree codec against what restic really wrote.

use strongroom_kernel::Error;
use strongroom_kernel::tree::{Mode, Node, NodeType, Outline, decode_tree, encode_tree};

/// A folder of hostile names, links, devices, attributes and times, backed up by restic 0.14.
const HOSTILE: &[u8] = include_bytes!("data/hostile-tree.json");

/// A tree that restic wrote comes back byte for byte.
#[test]
fn restic_tree_is_reproduced() {
    let tree = decode_tree(HOSTILE, Mode::Strict).unwrap();
    assert!(tree.nodes.len() >= 35);
    assert_eq!(encode_tree(&tree.nodes).unwrap(), HOSTILE);
}

/// A tree written in another order, spelling and white space means the same nodes.
#[test]
fn foreign_spelling() {
    let text = br#" { "x": [1, {"y": null}], "NODES" : [ { "size":3, "NAME":"a\\u00e4", "type":"file",
        "mtime":"2026-01-02T03:04:05.530Z", "content":[], "uid":null, "new":{"k": [1e5]} } ] } "#;
    let tree = decode_tree(text, Mode::Strict).unwrap();
    let node = &tree.nodes[0];
    assert_eq!(node.name, "aä".as_bytes());
    assert_eq!((node.size, node.uid, node.content.as_deref()), (3, 0, Some(&[][..])));
    assert_eq!(node.unknown, br#","new":{"k": [1e5]}"#);
    let again = encode_tree(&tree.nodes).unwrap();
    assert_eq!(decode_tree(&again, Mode::Strict).unwrap(), tree);
}

fn listing(nodes: &[&str]) -> Vec<u8> {
    format!("{{\"nodes\":[{}]}}", nodes.join(",")).into_bytes()
}

/// Each node that restic would not have written is an error in strict mode; in lenient mode it alone is left out.
#[test]
fn bad_nodes() {
    let good = r#"{"name":"m","type":"file"}"#;
    for bad in [
        r#"{"type":"file"}"#,
        r#"{"name":"","type":"file"}"#,
        r#"{"name":".."}"#,
        r#"{"name":"."}"#,
        r#"{"name":"/etc"}"#,
        r#"{"name":"a\\x2fb"}"#,
        r#"{"name":"a\\x00b"}"#,
        r#"{"name":"a\u0000b"}"#,
        r#"{"name":"a\\qb"}"#,
        r#"{"name":"m"}"#,
        r#"{"name":7}"#,
        r#"{"name":"z","size":-1}"#,
        r#"{"name":"z","size":1.0}"#,
        r#"{"name":"z","uid":4294967296}"#,
        r#"{"name":"z","mtime":"yesterday"}"#,
        r#"{"name":"z","content":["00"]}"#,
        r#"{"name":"z","content":[null]}"#,
        r#"{"name":"z","content":{}}"#,
        r#"{"name":"z","subtree":"AC08CE34BA4F8123618661BEF2425F7028FFB9AC740578A3EE88684D2523FEE8"}"#,
        r#"{"name":"z","linktarget_raw":"%"}"#,
        r#"{"name":"z","extended_attributes":[7]}"#,
        r#"{"name":"z","generic_attributes":[]}"#,
        "null",
        "[]",
    ] {
        let text = listing(&[good, bad]);
        assert!(decode_tree(&text, Mode::Strict).is_err(), "{bad}");
        let tree = decode_tree(&text, Mode::Lenient).unwrap();
        assert_eq!((tree.nodes.len(), tree.skipped.len()), (1, 1), "{bad}");
        assert_eq!(tree.nodes[0].name, b"m");
    }
}

/// A node without a type is not taken for a file.
#[test]
fn no_type() {
    let tree = decode_tree(&listing(&[r#"{"name":"a"}"#]), Mode::Strict).unwrap();
    assert_eq!(tree.nodes[0].kind, NodeType::Unknown("".into()));
}

/// Nodes in another order are sorted in lenient mode, which loses nothing, and refused in strict mode.
#[test]
fn another_order() {
    let text = listing(&[r#"{"name":"b","uid":1}"#, r#"{"name":"a"}"#, r#"{"name":"b","uid":2}"#]);
    assert!(decode_tree(&text, Mode::Strict).is_err());
    let tree = decode_tree(&text, Mode::Lenient).unwrap();
    assert!(tree.reordered);
    assert_eq!(
        tree.nodes.iter().map(|node| (node.name.as_slice(), node.uid)).collect::<Vec<_>>(),
        [(&b"a"[..], 0), (b"b", 1)]
    );
    assert_eq!(tree.skipped.len(), 1);
}

/// A tree's outline has the nodes that decoding at once finds, in its order, and leaves out the same.
#[test]
fn outlines_find_the_same_nodes() {
    let shuffled =
        listing(&[r#"{"name":"b","uid":1}"#, "7", r#"{"name":"a"}"#, r#"{"name":"b","uid":2}"#, r#"{"name":"c"}"#]);
    for text in [HOSTILE, &shuffled, b"{\"x\":1,\"Nodes\":[]}", b"{\"nodes\":null}", b"{\"nodes\":[}"] {
        for mode in [Mode::Strict, Mode::Lenient] {
            let outline = Outline::read(text, mode);
            let Ok(tree) = decode_tree(text, mode) else {
                assert!(outline.is_err());
                continue;
            };
            let outline = outline.unwrap();
            let nodes: Vec<Node> = (0..outline.len()).map(|place| outline.node(text, place).unwrap()).collect();
            assert_eq!(nodes, tree.nodes);
            assert_eq!((&outline.skipped, outline.reordered), (&tree.skipped, tree.reordered));
            assert!(nodes.iter().all(|node| outline.find(text, &node.name).as_ref() == Some(node)));
            assert_eq!(outline.find(text, b"no such name"), None);
            assert_eq!(outline.node(text, nodes.len()), None);
        }
    }
}

/// What is no JSON of a tree is an error in both modes, whatever it is cut to.
#[test]
fn malformed() {
    for bad in
        ["", "{", "{}", "[]", "{\"nodes\":[}", "{\"nodes\":[]}x", "{\"nodes\":[],}", "{\"nodes\":[],\"nodes\":[]}"]
    {
        assert!(decode_tree(bad.as_bytes(), Mode::Lenient).is_err(), "{bad}");
    }
    for length in (0..HOSTILE.len() - 1).step_by(7) {
        assert!(decode_tree(&HOSTILE[..length], Mode::Lenient).is_err());
    }
    let deep = format!("{{\"nodes\":[],\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(decode_tree(deep.as_bytes(), Mode::Lenient).is_err());
}

/// Millions of tiny nodes or attributes are refused before they take memory.
#[test]
fn too_much_memory() {
    let limited = |text: String| matches!(decode_tree(text.as_bytes(), Mode::Lenient), Err(Error::TooLarge { .. }));
    assert!(limited(format!("{{\"nodes\":[{}1]}}", "1,".repeat(1_000_000))));
    let attributes = r#"{"name":"a"},"#.repeat(30_000);
    let node = format!(r#"{{"name":"a","extended_attributes":[{attributes}{{"name":"b"}}]}},"#);
    assert!(limited(format!("{{\"nodes\":[{}1]}}", node.repeat(80))));
    let many = format!(r#"{{"nodes":[{{"name":"a","extended_attributes":[{attributes}{attributes}1]}}]}}"#);
    assert_eq!(decode_tree(many.as_bytes(), Mode::Lenient).unwrap().skipped[0].reason, "a list is too long");
}

/// A string that would grow while it is read is not taken, and a key that is none of ours is not looked at.
#[test]
fn long_strings() {
    let long = "\u{ff}".repeat(1 << 20);
    for field in ["name", "type", "user", "error", "linktarget", "mtime"] {
        let tree = decode_tree(&listing(&[&format!(r#"{{"name":"a","{field}":"{long}"}}"#)]), Mode::Lenient).unwrap();
        assert_eq!(tree.skipped[0].reason, "a text is too long");
    }
    let tree = decode_tree(&listing(&[&format!(r#"{{"name":"a","{long}":1}}"#)]), Mode::Strict).unwrap();
    assert_eq!(tree.nodes[0].unknown.len(), long.len() + 5);
}

/// What decides whether a file is read again.
#[test]
fn unchanged() {
    let parent = Node { size: 5, inode: 7, content: Some(Vec::new()), ..Node::default() };
    let same = |change: fn(&mut Node), ignore_inode, ignore_ctime| {
        let mut now = parent.clone();
        change(&mut now);
        now.unchanged_since(&parent, ignore_inode, ignore_ctime)
    };
    assert!(same(|node| node.mtime.offset = 3600, false, false));
    assert!(!same(|node| node.mtime.nanos = 1, true, true));
    assert!(!same(|node| node.size = 6, true, true));
    assert!(!same(|node| node.inode = 8, false, true));
    assert!(same(|node| node.inode = 8, true, false));
    assert!(!same(|node| node.ctime.nanos = 8, false, false));
    assert!(same(|node| node.ctime.nanos = 8, false, true));
    assert!(same(|node| node.ctime.nanos = 8, true, false));
    assert!(!same(|node| node.kind = NodeType::Dir, true, true));
}
