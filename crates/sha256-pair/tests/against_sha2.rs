//! Every way to cut two messages gives what the sha2 crate gives.

use sha2::{Digest, Sha256};
use strongroom_sha256_pair::Stream;

fn message(length: usize, seed: u32) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

/// Lengths around the ends of blocks, each beside each other one.
#[test]
fn all_lengths_beside_each_other() {
    let lengths = [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 4096, 10_007];
    for (one, other) in lengths.iter().flat_map(|one| lengths.map(|other| (*one, other))) {
        let (one, other) = (message(one, 1), message(other, 2));
        let (mut first, mut second) = (Stream::new(), Stream::new());
        Stream::update_both(&mut first, &one, &mut second, &other);
        assert_eq!(first.finish(), <[u8; 32]>::from(Sha256::digest(&one)));
        assert_eq!(second.finish(), <[u8; 32]>::from(Sha256::digest(&other)));
    }
}

/// Pieces of all sizes, together and alone in turn.
#[test]
fn pieces_of_all_sizes() {
    let (one, other) = (message(50_000, 3), message(70_000, 4));
    for step in [1, 7, 63, 64, 65, 200, 1024, 9999] {
        let (mut first, mut second) = (Stream::new(), Stream::new());
        let mut others = other.chunks(step + 13);
        for (number, piece) in one.chunks(step).enumerate() {
            match others.next() {
                Some(beside) if number % 3 > 0 => Stream::update_both(&mut first, piece, &mut second, beside),
                Some(beside) => {
                    second.update(beside);
                    first.update(piece);
                }
                None => first.update(piece),
            }
        }
        others.for_each(|piece| second.update(piece));
        assert_eq!(first.finish(), <[u8; 32]>::from(Sha256::digest(&one)), "pieces of {step}");
        assert_eq!(second.finish(), <[u8; 32]>::from(Sha256::digest(&other)), "pieces of {step}");
    }
}

/// The examples of FIPS 180-4: "abc", and a million times "a" beside it.
#[test]
fn published_examples() {
    let (mut first, mut second) = (Stream::new(), Stream::new());
    Stream::update_both(&mut first, b"abc", &mut second, &[b'a'; 1_000_000]);
    let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(first.finish()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hex(second.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
