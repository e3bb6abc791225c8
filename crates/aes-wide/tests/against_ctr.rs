//! Every length and every counter gives what the `aes` and `ctr` crates give.

use strongroom_aes_wide::{BLOCK, Cipher, KeyStream};

fn message(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn key(seed: u8) -> [u8; 32] {
    std::array::from_fn(|at| (at as u8).wrapping_mul(37).wrapping_add(seed))
}

fn apply(mut stream: KeyStream<'_>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    pieces.iter().for_each(|piece| stream.append(piece, &mut out));
    assert_eq!(&out[..6], b"before");
    out.split_off(6)
}

/// The example of NIST SP 800-38A, F.5.5.
#[test]
fn published_example() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let key = bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").try_into().unwrap();
    let iv = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap();
    let plain = bytes(concat!(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    ));
    let sealed = bytes(concat!(
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
        "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
    ));
    let cipher = Cipher::new(&key);
    assert_eq!(apply(cipher.stream(&iv), &[&plain]), sealed);
    assert_eq!(apply(cipher.narrow_stream(&iv), &[&plain]), sealed);
}

/// Lengths around the ends of blocks, vectors and batches, under several keys.
#[test]
fn all_lengths() {
    let message = message(3000);
    for seed in 0..5 {
        let (cipher, iv) = (Cipher::new(&key(seed)), [seed.wrapping_mul(91); BLOCK]);
        for length in (0..600).chain(1000..1060).chain([3000]) {
            let pieces: &[&[u8]] = &[&message[..length]];
            assert_eq!(apply(cipher.stream(&iv), pieces), apply(cipher.narrow_stream(&iv), pieces), "{length}");
        }
    }
}

/// Pieces of whole blocks, and a last one of any length.
#[test]
fn pieces_of_all_sizes() {
    let (cipher, message, iv) = (Cipher::new(&key(9)), message(20_011), [7; BLOCK]);
    let whole = apply(cipher.narrow_stream(&iv), &[&message]);
    for step in [16, 32, 48, 240, 256, 272, 4096, 8192] {
        let pieces: Vec<_> = message.chunks(step).collect();
        assert_eq!(apply(cipher.stream(&iv), &pieces), whole, "pieces of {step}");
        assert_eq!(apply(cipher.narrow_stream(&iv), &pieces), whole, "pieces of {step}, the crate's way");
    }
}

/// Counters whose lower half, or the whole of them, runs over within what is asked for, and hardly does not.
#[test]
fn counters_run_over() {
    let (cipher, message) = (Cipher::new(&key(3)), message(1500));
    for high in [0u64, 1, u64::MAX - 1, u64::MAX] {
        for low in (u64::MAX - 100..=u64::MAX).chain(0..3) {
            let iv = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
            assert_eq!(
                apply(cipher.stream(&iv), &[&message]),
                apply(cipher.narrow_stream(&iv), &[&message]),
                "{iv:x?}"
            );
        }
    }
}
