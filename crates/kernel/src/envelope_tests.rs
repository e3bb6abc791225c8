//! The vectors of `docs/reference/format.md` 7.1 and what an envelope must refuse.

use super::*;
use crate::testing::{array, unhex};

fn own_key() -> MasterKey {
    MasterKey {
        encrypt: std::array::from_fn(|i| i as u8),
        mac_k: std::array::from_fn(|i| 0x20 + i as u8),
        mac_r: std::array::from_fn(|i| 0x30 + i as u8),
    }
}

const OWN: [(&[u8], &str); 3] = [
    (b"restic", "404142434445464748494a4b4c4d4e4fd11bac4bfe39169d3c90659e770562ecb5ae9b7028fb"),
    (b"", "404142434445464748494a4b4c4d4e4f859469c07743c7e45b318d151d3d87e9"),
    (b"{\"nodes\":[]}\n", "404142434445464748494a4b4c4d4e4fd85cb150f33fc9cda9203fba8769c47f91ec41da1bcc2336ae529e6752"),
];

#[test]
fn poly1305_aes_matches_the_paper() {
    let key = MasterKey {
        encrypt: [1; 32],
        mac_k: array("ec074c835580741701425b623235add6"),
        mac_r: array("851fc40c3467ac0be05cc20404f3f700"),
    };
    let mut mac = Envelope::new(&key).mac(&array("fb447350c4e868c52ac3275cf9d4327e"));
    mac.update(&unhex("f3f6"));
    assert_eq!(mac.finish(), array("f4c633c3044fc145f84f335cb81953de"));
}

#[test]
fn an_envelope_of_restic_opens() {
    let key = MasterKey {
        encrypt: array("303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef"),
        mac_k: array("ef4d8824cb80b2bcc5fbff8a9b12a42c"),
        mac_r: array("cc8d4b948ee0ebfe1d415de921d10353"),
    };
    let file =
        unhex("69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a54ea63338a813bcf3f75d8c3cc75dddf8750");
    let mut out = Vec::new();
    Envelope::new(&key).open(&file, &mut out).unwrap();
    assert_eq!(out, b"Dies ist ein Test!");
}

#[test]
fn own_vectors_seal_and_open() {
    let envelope = Envelope::new(&own_key());
    for (plaintext, sealed) in OWN {
        let mut out = b"before".to_vec();
        envelope.seal_with(std::array::from_fn(|i| 0x40 + i as u8), plaintext, &mut out);
        assert_eq!(out, [b"before", unhex(sealed).as_slice()].concat());
        let mut opened = Vec::new();
        envelope.open(&out[6..], &mut opened).unwrap();
        assert_eq!(opened, plaintext);
    }
}

#[test]
fn every_length_around_a_step_comes_back() {
    let envelope = Envelope::new(&MasterKey::generate());
    let data: Vec<u8> = (0..3 * STEP + 77).map(|i| (i * 7 % 251) as u8).collect();
    for length in (0..70).chain(STEP - 20..STEP + 20).chain(2 * STEP - 1..2 * STEP + 2).chain([data.len()]) {
        let (mut sealed, mut out) = (Vec::new(), Vec::new());
        envelope.seal(&data[..length], &mut sealed);
        assert_eq!(sealed.len(), length + OVERHEAD);
        envelope.open(&sealed, &mut out).unwrap();
        assert_eq!(out, data[..length]);
    }
}

#[test]
fn a_counter_of_all_ones_wraps() {
    let envelope = Envelope::new(&own_key());
    let mut sealed = Vec::new();
    envelope.seal_with([0xff; 16], &[7; 100], &mut sealed);
    // The second block of key stream is AES of the counter 0.
    let mut zero = Array([0u8; 16]);
    envelope.cipher.encrypt_block(&mut zero);
    let expected: Vec<u8> = zero.iter().map(|byte| byte ^ 7).collect();
    assert_eq!(sealed[32..48], expected);
}

#[test]
fn flips_and_cuts_are_refused() {
    let envelope = Envelope::new(&own_key());
    let good = unhex(OWN[2].1);
    let mut out = Vec::new();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(envelope.open(&bad, &mut out), Err(Error::WrongKey)));
        assert!(out.is_empty());
    }
    for length in 0..good.len() {
        assert!(envelope.open(&good[..length], &mut out).is_err());
    }
    let mut zero_iv = Vec::new();
    envelope.seal_with([0; 16], b"x", &mut zero_iv);
    assert!(matches!(envelope.open(&zero_iv, &mut out), Err(Error::Damaged(_))));
}

#[test]
fn a_key_with_a_part_of_zeros_is_refused() {
    let mut key = own_key();
    key.mac_k = [0; 16];
    assert!(matches!(Envelope::new(&key).open(&unhex(OWN[0].1), &mut Vec::new()), Err(Error::Damaged(_))));
}

#[test]
fn an_envelope_holds_one_plaintext() {
    let envelope = Envelope::new(&MasterKey::generate());
    for length in [0, 1, STEP - 1, STEP, 3 * STEP + 5] {
        let plain = crate::testing::stream(length);
        let mut sealed = Vec::new();
        envelope.seal(&plain, &mut sealed);
        assert!(envelope.holds(&sealed, &plain).unwrap());
        assert!(!envelope.holds(&sealed, &[&plain[..], b"x"].concat()).unwrap());
        if let Some(last) = plain.last() {
            let other = [&plain[..length - 1], &[last ^ 1]].concat();
            assert!(!envelope.holds(&sealed, &other).unwrap());
        }
        let end = sealed.len() - 1;
        sealed[end] ^= 1;
        assert!(envelope.holds(&sealed, &plain).is_err());
    }
}
