//! The vectors of `docs/reference/format.md` 7.2, and that neither pieces nor lanes change a cut.

use super::*;
use crate::Id;
use crate::testing::{stream, unhex};

fn chunker(polynomial: &str) -> Chunker {
    Chunker::new(polynomial.parse().unwrap()).unwrap()
}

fn lengths(chunker: &Chunker, mut data: &[u8]) -> Vec<usize> {
    let mut all = Vec::new();
    while let Some(length) = chunker.cut(data, true) {
        all.push(length);
        data = &data[length..];
    }
    all
}

/// The definition, byte by byte.
fn slow_cut(chunker: &Chunker, data: &[u8]) -> usize {
    let hit = |length: usize| fingerprint(&chunker.tables, &data[length - WINDOW..length]) & MASK == 0;
    (MIN..data.len().min(MAX)).find(|length| hit(*length)).unwrap_or(data.len().min(MAX))
}

#[test]
fn both_vectors_of_the_reference() {
    let data = stream(32 << 20);
    assert_eq!(Id::of(&data).to_hex(), "e8b10ee1485f66037afca792113ce0e75116962aeda104b71a9fdaf0a8ec896b");
    let one = chunker("3DA3358B4DC173");
    assert_eq!(
        lengths(&one, &data),
        [
            1015968, 1087132, 693439, 2344058, 903280, 1709091, 1791277, 1802453, 1190352, 528291, 868679, 1105126,
            1847403, 1069115, 789535, 691238, 1662910, 569729, 3507138, 2066827, 599745, 617098, 2039634, 658998,
            1328800, 1067116
        ]
    );
    assert_eq!(Id::of(&data[..1015968]).0[..8], unhex("f3d509f80ced030c"));
    let two = chunker("25b468838dcb75");
    assert_eq!(
        lengths(&two, &data),
        [
            1649259, 2632714, 534724, 672043, 733367, 4298234, 2724043, 1321552, 2419839, 1932226, 814604, 2584797,
            835082, 1162548, 3673123, 1039475, 951974, 3574828
        ]
    );
    assert_eq!(Id::of(&data[..1649259]).0[..8], unhex("8d8322d1a03f6980"));
}

#[test]
fn the_tables_hold_the_constants_of_the_reference() {
    let tables = chunker("3DA3358B4DC173").tables;
    assert_eq!(tables.reduce[1], 0x3da3358b4dc173);
    assert_eq!(tables.reduce[255], 0x1ff7ac8a5af476a7);
    // The reference has what a byte contributes before the step that reduces it once more.
    let shifted = |bits: u64| remainder(bits << 8, 0x3da3358b4dc173);
    assert_eq!(tables.out[1], shifted(0x17eb4232e19216));
    assert_eq!(tables.out[255], shifted(0xb80b98cecc39a));
}

#[test]
fn pieces_give_the_same_cuts() {
    let data = stream(9 << 20);
    let chunker = chunker("25b468838dcb75");
    for step in [1000, 65_536, 700_001, 3 << 20] {
        let (mut all, mut start) = (Vec::new(), 0);
        while start < data.len() {
            let (mut searched, mut have) = (0, step);
            let length = loop {
                let until = (start + have).min(data.len());
                if let Some(length) = chunker.cut_from(&data[start..until], searched, until == data.len()) {
                    break length;
                }
                searched = until - start;
                have += step;
            };
            all.push(length);
            start += length;
        }
        assert_eq!(all, lengths(&chunker, &data), "{step}");
    }
}

#[test]
fn lanes_and_definition_agree_wherever_a_round_begins() {
    let data = stream(4 << 20);
    let chunker = chunker("3DA3358B4DC173");
    for start in [0, 1, 63, 64, 65, 4095, 4096, 4097, 16_383, 16_384, 100_000] {
        let data = &data[start..];
        let expected = slow_cut(&chunker, data);
        assert_eq!(chunker.cut(data, true), Some(expected));
        for searched in [expected - 1, expected - 2, expected - 4096, expected - 20_000] {
            assert_eq!(chunker.cut_from(data, searched, true), Some(expected));
        }
        assert_eq!(chunker.cut(&data[..expected - 1], false), None);
        assert_eq!(chunker.cut(&data[..expected], false), Some(expected));
    }
}

#[test]
fn the_bounds_are_kept() {
    let chunker = chunker("3DA3358B4DC173");
    assert_eq!(chunker.cut(&[], true), None);
    assert_eq!(chunker.cut(&[], false), None);
    assert_eq!(chunker.cut(&[1], true), Some(1));
    assert_eq!(chunker.cut(&stream(MIN - 1), false), None);
    // Zeros have the fingerprint zero: each chunk is the shortest.
    assert_eq!(lengths(&chunker, &vec![0; 3 * MIN + 5]), [MIN, MIN, MIN, 5]);
    // A constant byte of another value never cuts before the maximum.
    assert_eq!(lengths(&chunker, &vec![1; 2 * MAX + 5]), [MAX, MAX, 5]);
    assert_eq!(chunker.cut(&vec![1; MAX], false), Some(MAX));
    assert_eq!(chunker.cut(&vec![1; MAX - 1], false), None);
}

#[test]
fn other_polynomials_are_refused() {
    assert!(matches!(Chunker::new(Polynomial(0x38f1e565e288df)), Err(Error::Damaged(_))));
    assert!(matches!(Chunker::new(Polynomial(7)), Err(Error::Unsupported(_))));
    assert!(matches!(Chunker::new(Polynomial(0)), Err(Error::Unsupported(_))));
}
