//! Index files as restic writes them.

use crate::{BlobEntry, BlobType, Id};
use std::io::Write;

/// The JSON of one index file, byte for byte what restic writes for these packs.
pub fn encode_index(packs: &[(Id, Vec<BlobEntry>)]) -> Vec<u8> {
    let blobs: usize = packs.iter().map(|(_, blobs)| blobs.len()).sum();
    let mut out = Vec::with_capacity(32 + packs.len() * 96 + blobs * 176);
    out.extend_from_slice(b"{\"packs\":[");
    for (number, (pack, blobs)) in packs.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(&mut out, format_args!("{{\"id\":\"{pack}\",\"blobs\":["));
        for (number, blob) in blobs.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            encode_blob(&mut out, blob);
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}\n");
    out
}

fn encode_blob(out: &mut Vec<u8>, blob: &BlobEntry) {
    let BlobEntry { kind, id, offset, length, uncompressed_length } = blob;
    let kind = if *kind == BlobType::Tree { "tree" } else { "data" };
    write(out, format_args!("{{\"id\":\"{id}\",\"type\":\"{kind}\",\"offset\":{offset},\"length\":{length}"));
    if *uncompressed_length != 0 {
        write(out, format_args!(",\"uncompressed_length\":{uncompressed_length}"));
    }
    out.push(b'}');
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory does not fail");
}
