//! Blobs of a pack as packed rows of 45 bytes, which is how the custodian's catalogue keeps them: type (0 data, 1
//! tree), ID, then offset, length and length of the plaintext where it is compressed and else 0, big-endian.

use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::collections::HashSet;

/// The length of one row, in bytes.
pub const ROW: usize = 45;

/// The rows of a pack's blobs, in their order.
pub fn encode_rows(blobs: impl IntoIterator<Item = BlobEntry>) -> Vec<u8> {
    let mut rows = Vec::new();
    for BlobEntry { kind, id, offset, length, uncompressed_length } in blobs {
        rows.push(u8::from(kind == BlobType::Tree));
        rows.extend(id.0);
        for number in [offset, length, uncompressed_length] {
            rows.extend(number.to_be_bytes());
        }
    }
    rows
}

/// The blobs of packed rows.
///
/// # Errors
/// [`Error::Damaged`] for what [`encode_rows`] did not write.
pub fn decode_rows(rows: &[u8]) -> Result<Vec<BlobEntry>> {
    let (rows, rest) = rows.as_chunks::<ROW>();
    if !rest.is_empty() {
        return Err(Error::damaged("the catalogue holds no whole rows"));
    }
    rows.iter().map(row).collect()
}

fn row(row: &[u8; ROW]) -> Result<BlobEntry> {
    let kind = match row[0] {
        0 => BlobType::Data,
        1 => BlobType::Tree,
        _ => return Err(Error::damaged("the catalogue holds a row of no known type")),
    };
    let number = |at: usize| u32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
    let mut id = [0; 32];
    id.copy_from_slice(&row[1..33]);
    Ok(BlobEntry { kind, id: Id(id), offset: number(33), length: number(37), uncompressed_length: number(41) })
}

/// Those of some blobs that packed rows do not hold just so, in their order.
///
/// # Errors
/// As [`decode_rows`].
pub fn unproven(rows: &[u8], blobs: impl IntoIterator<Item = BlobEntry>) -> Result<Vec<BlobEntry>> {
    let proven: HashSet<BlobEntry> = decode_rows(rows)?.into_iter().collect();
    Ok(blobs.into_iter().filter(|blob| !proven.contains(blob)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_prove_only_what_they_hold() {
        let blob =
            |kind, number, offset| BlobEntry { kind, id: Id([number; 32]), offset, length: 90, uncompressed_length: 7 };
        let blobs = [blob(BlobType::Data, 1, 0), blob(BlobType::Tree, 2, 90)];
        let rows = encode_rows(blobs);
        assert_eq!(rows.len(), 2 * ROW);
        assert_eq!(decode_rows(&rows).unwrap(), blobs);
        let others = [blob(BlobType::Data, 1, 1), blob(BlobType::Data, 2, 90), blob(BlobType::Tree, 2, 90)];
        assert_eq!(unproven(&rows, others).unwrap(), others[..2]);
        assert!(decode_rows(&rows[1..]).is_err());
        assert!(decode_rows(&[2; ROW]).is_err());
    }
}
