use super::*;
use crate::tree::{Node, encode_tree};

fn id(number: u8) -> Id {
    Id([number; 32])
}

fn blob(number: u8, offset: u32) -> BlobEntry {
    BlobEntry { kind: BlobType::Data, id: id(number), offset, length: 100, uncompressed_length: 500 }
}

/// Packs 200 and 201 share blob 2; pack 202 holds copies of 1 and 2 alone; pack 203 is a tree.
fn index() -> Index {
    let mut index = Index::new();
    index.insert_pack(id(200), &[blob(1, 0), blob(2, 100), blob(3, 200)]).unwrap();
    index.insert_pack(id(201), &[blob(2, 0), blob(4, 100)]).unwrap();
    index.insert_pack(id(202), &[blob(1, 0), blob(2, 100)]).unwrap();
    index.insert_pack(id(203), &[BlobEntry { kind: BlobType::Tree, ..blob(9, 0) }]).unwrap();
    index
}

fn tree(content: &[u8]) -> Vec<u8> {
    let content = Some(content.iter().map(|number| id(*number)).collect());
    encode_tree(&[Node { name: b"file".into(), kind: NodeType::File, content, ..Node::default() }]).unwrap()
}

/// Of a file of these blobs below the tree 9.
fn used(index: &Index, content: &[u8]) -> Usage {
    let usage = Usage::new(index);
    assert!(usage.reach(index, &id(9)));
    assert!(!usage.reach(index, &id(9)));
    assert_eq!(usage.read(index, &tree(content)).unwrap(), Findings::default());
    usage
}

fn shares(usage: &Usage, index: &Index) -> Vec<(u64, u64)> {
    usage.packs(index).0.iter().map(|pack| (pack.used_blobs, pack.unused_blobs)).collect()
}

#[test]
fn a_pack_of_nothing_but_copies_is_kept_and_others_lose_theirs() {
    let index = index();
    let usage = used(&index, &[1, 2]);
    let totals = usage.packs(&index).1;
    assert_eq!((totals.used_blobs, totals.duplicate_blobs, totals.unused_blobs), (3, 3, 2));
    let packs = shares(&usage, &index);
    assert_eq!(packs.iter().map(|(used, _)| used).sum::<u64>(), 3);
    assert_eq!(packs[3], (1, 0));
    let sizes = &usage.packs(&index).0[0];
    assert_eq!(sizes.used_size + sizes.unused_size, 3 * 141 + 36);
}

#[test]
fn what_is_in_no_index_is_said_once_for_each_file() {
    let index = index();
    let usage = Usage::new(&index);
    let found = usage.read(&index, &tree(&[1, 77, 78])).unwrap();
    assert_eq!(found.faults.len(), 1);
    assert!(found.faults[0].1.contains(&id(77).to_hex()));
    assert!(usage.reach(&index, &id(50)) && !usage.reach(&index, &id(50)));
    assert_eq!(usage.trees(), 1);
}

#[test]
fn blobs_move_unless_a_pack_that_stays_has_them() {
    let index = index();
    let usage = used(&index, &[1, 2, 4]);
    let going = HashSet::from([id(200), id(202)]);
    assert_eq!(usage.suppose(&index, &going), (1, 100));
    assert_eq!(usage.moving(&index, &id(200)), vec![blob(1, 0)]);
    assert_eq!(usage.unproven(&index, &going, 9), vec![(id(201), blob(2, 0))]);
    usage.settle(&index, &id(201), &[blob(2, 0)], true);
    assert!(usage.unproven(&index, &going, 9).is_empty());
}

#[test]
fn a_false_copy_counts_for_nothing() {
    let index = index();
    let usage = used(&index, &[1, 2]);
    usage.settle(&index, &id(202), &[blob(1, 0), blob(2, 100)], false);
    assert_eq!(shares(&usage, &index)[2], (0, 2));
    assert!(usage.packs(&index).0[2].lies);
    assert_eq!(usage.suppose(&index, &HashSet::from([id(200)])), (1, 100));
    assert!(usage.lost(&index).is_empty());
    usage.settle(&index, &id(200), &[blob(1, 0)], false);
    assert_eq!(usage.lost(&index), vec![(BlobType::Data, id(1))]);
}

#[test]
fn what_a_pack_says_of_itself_puts_copies_at_risk() {
    let index = index();
    let usage = used(&index, &[4]);
    let going = HashSet::from([id(202)]);
    usage.suppose(&index, &going);
    assert!(usage.unproven(&index, &going, 9).is_empty());
    usage.lose(&index, &[blob(4, 0), blob(3, 0)]);
    assert_eq!(usage.unproven(&index, &going, 9), vec![(id(201), blob(4, 100))]);
}

#[test]
fn what_is_added_later_counts_for_nothing() {
    let mut index = index();
    let usage = used(&index, &[1]);
    let before = usage.packs(&index);
    index.insert_pack(id(202), &[blob(4, 500)]).unwrap();
    index.insert_pack(id(201), &[blob(1, 500)]).unwrap();
    usage.fits(&index).unwrap();
    assert_eq!(usage.packs(&index), before);
    assert!(usage.fits(&Index::new()).is_err());
}

#[test]
fn packs_are_taken_out_and_crowded_ones_are_named() {
    let mut index = index();
    let left = index.without(&HashSet::from([id(200)])).unwrap();
    assert!(!left.contains_pack(&id(200)) && !left.contains(BlobType::Data, &id(3)));
    assert_eq!(left.len(), index.len() - 3);
    for number in 0..70 {
        index.insert_pack(id(number), &[blob(5, 0)]).unwrap();
    }
    assert_eq!(index.crowded().count(), 70 - 64);
}

#[test]
fn blobs_that_overlap_or_leave_gaps_are_seen() {
    let mut index = index();
    assert!(index.untidy().is_empty());
    index.insert_pack(id(10), &[blob(1, 0), blob(2, 99)]).unwrap();
    index.insert_pack(id(11), &[blob(1, 100), blob(2, 0)]).unwrap();
    index.insert_pack(id(12), &[blob(1, 7)]).unwrap();
    assert_eq!(index.untidy(), vec![id(10), id(12)]);
}
