//! How long it takes to write and read a tree of 100 000 nodes, to match paths, and to read metadata.

use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::Instant;
use strongroom_kernel::Id;
use strongroom_kernel::filter::PatternList;
use strongroom_kernel::metadata::{MetadataReader, Options, stat_at};
use strongroom_kernel::time::{Timestamp, Zone};
use strongroom_kernel::tree::{Mode, Node, decode_tree, encode_tree};

fn timed<T>(what: &str, work: impl Fn() -> T) -> T {
    let mut best = f64::MAX;
    let mut result = work();
    for _ in 0..15 {
        let start = Instant::now();
        let next = black_box(work());
        best = best.min(start.elapsed().as_secs_f64());
        result = next;
    }
    println!("{what}: {:.1} ms", best * 1e3);
    result
}

fn main() {
    let time = |n: i64| Timestamp { seconds: 1_700_000_000 + n, nanos: 123_456_789, offset: 3600 };
    let nodes: Vec<Node> = (0..100_000)
        .map(|n| Node {
            name: format!("some-file-name-{n:06}.txt").into_bytes(),
            mode: 0o644,
            mtime: time(n),
            atime: time(n),
            ctime: time(n + 1),
            uid: 1000,
            gid: 1000,
            user: "someone".into(),
            group: "someone".into(),
            inode: 1_000_000 + n as u64,
            device_id: 65024,
            size: 12345,
            links: 1,
            content: Some(vec![Id([n as u8; 32])]),
            ..Node::default()
        })
        .collect();
    let plain = timed("encode 100 000 nodes", || encode_tree(&nodes).unwrap());
    println!("{} bytes", plain.len());
    let tree = timed("decode 100 000 nodes", || decode_tree(&plain, Mode::Strict).unwrap());
    assert!(tree.nodes == nodes);
    println!("{} bytes a node", size_of::<Node>());
    let patterns: Vec<Vec<u8>> =
        ["*.o", "*.tmp", "node_modules", "/var/cache/**", "a/**/b", "[a-c]*.x", ".git", "core", "*~", "/proc"]
            .iter()
            .map(|pattern| pattern.as_bytes().to_vec())
            .collect();
    let list = PatternList::new(&patterns, false).unwrap();
    let paths: Vec<Vec<u8>> = (0..100_000)
        .map(|n| format!("/home/someone/src/project{}/deep/folder/file{n}.c", n % 97).into_bytes())
        .collect();
    timed("match 100 000 paths with 10 patterns", || paths.iter().filter(|path| list.matches(path)).count());
    let reader =
        MetadataReader::new(Options { with_atime: false }, Zone::from_variable(Some("Europe/Berlin".as_ref())));
    if let Some(folder) = std::env::args_os().nth(1) {
        let count = timed("metadata of a folder", || reader.nodes_of(folder.as_ref()).unwrap().0.len());
        println!("{count} nodes");
        let old = reader.nodes_of(folder.as_ref()).unwrap().0;
        let handle = std::fs::File::open(&folder).unwrap();
        timed("the same with a parent", || {
            let same = |node: &Node| {
                let stat = stat_at(handle.as_fd(), &node.name).unwrap();
                reader.node_since(handle.as_fd(), &node.name, &stat, Some(node), None).unwrap().0 == *node
            };
            assert!(old.iter().all(same));
        });
    }
    timed("100 000 local times", || {
        (0..100_000).map(|n| Zone::local().timestamp(1_700_000_000 + n * 1000, 0).offset as i64).sum::<i64>()
    });
    let zone = Zone::from_variable(Some("Europe/Berlin".as_ref()));
    timed("100 000 Berlin times", || {
        (0..100_000).map(|n| zone.timestamp(1_700_000_000 + n * 1000, 0).offset as i64).sum::<i64>()
    });
}
