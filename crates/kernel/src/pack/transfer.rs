//! Blobs from the pack of one repository into those of others: each is read, proven and decompressed once.

use super::packers::{Outgoing, Piece};
use super::writer::{Claim, PackWriter};
use super::{Opener, Place, limit_of};
use crate::compress::{Compressors, Effort, is_ordinary};
use crate::envelope::{Envelope, OVERHEAD};
use crate::{BlobEntry, Error, Id, Result};
use std::fs::File;

/// A buffer above this size is given back after use, in bytes.
const KEPT: usize = 4 << 20;
/// A blob from this size on is hashed beside bytes of an open pack, whose lock that takes; in bytes.
const WORTH_A_LOCK: usize = 256 << 10;

/// A range of a pack.
pub enum Source<'a> {
    /// Its bytes.
    Memory(&'a [u8]),
    /// An open file with the range from `start` on; it may end anywhere.
    File {
        /// The file.
        file: &'a File,
        /// Where in the file the range begins, in bytes.
        start: u64,
    },
}

/// Memory that one thread reuses from range to range.
#[derive(Default)]
pub struct Scratch {
    opener: Opener,
    compressors: Compressors,
    sealed: Vec<u8>,
    plain: Vec<u8>,
    frame: Vec<u8>,
    again: Again,
}

/// What looks at blobs again that were sealed.
#[derive(Default)]
struct Again {
    opener: Opener,
    bytes: Vec<u8>,
}

/// What came of a range.
#[derive(Debug, Default)]
pub struct Transferred {
    /// Packs that were filled, each with the number of its writer.
    pub packs: Vec<(usize, Outgoing)>,
    /// Blobs that are not what they should be, with the reason; they stay wanted.
    pub bad: Vec<(BlobEntry, String)>,
}

/// How a blob is stored in a repository.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// The source's own frame.
    Frame,
    Compressed(Effort),
}

/// Brings those of `entries` that a writer wants: each is checked by MAC, decompressed within its budget and hashed,
/// then sealed for every writer that wants it. Frames are passed on as they are, unless a writer stores such blobs
/// plain or wants them anew, or the frame is no ordinary one. Under one key an envelope moves as it is.
///
/// `source` begins at `offset` in the pack. A range that cannot be read, or does not hold an entry, makes a bad blob.
///
/// # Errors
/// [`Error::Internal`] when a blob does not read back after it was sealed; those not written stay wanted.
pub fn transfer(
    key: &Envelope,
    (source, offset): (&Source<'_>, u64),
    entries: &[BlobEntry],
    writers: &[&PackWriter],
    scratch: &mut Scratch,
) -> Result<Transferred> {
    let mut done = Transferred::default();
    let has_same_key: Vec<bool> = writers.iter().map(|writer| writer.packers.envelope().is_same_key(key)).collect();
    let place = match source {
        Source::Memory(bytes) => Place::Memory(bytes),
        Source::File { file, start } => Place::File { file, start: *start, size: u64::MAX - start },
    };
    for entry in entries {
        let numbered = writers.iter().enumerate();
        let claims: Vec<_> = numbered.filter_map(|(n, w)| Some((n, w.claim(entry.kind, entry.id)?))).collect();
        if claims.is_empty() {
            continue;
        }
        let Scratch { opener, compressors, sealed, plain, frame, again } = scratch;
        let read = read(&place, offset, entry, sealed)
            .and_then(|ciphertext| opener.open_unproven(key, entry, ciphertext, plain).map(|()| ciphertext))
            .and_then(|ciphertext| super::prove(entry, hash(&claims, plain)).map(|()| ciphertext));
        let ciphertext = match read {
            Ok(ciphertext) => ciphertext,
            Err(error) => {
                done.bad.push((*entry, error.to_string()));
                continue;
            }
        };
        let is_frame_fit = entry.uncompressed_length > 0 && is_ordinary(opener.frame());
        let mut compressed: Option<Effort> = None;
        for (number, claim) in claims {
            let form = match claim.writer.packers.effort(entry.kind, plain.len()) {
                None => Form::Plain,
                Some(_) if is_frame_fit && !claim.writer.options.recompress => Form::Frame,
                Some(effort) => Form::Compressed(effort),
            };
            let length = if form == Form::Plain { 0 } else { plain.len() as u32 };
            let is_as_it_was = form == Form::Frame || (form == Form::Plain && entry.uncompressed_length == 0);
            let pack = if is_as_it_was && has_same_key[number] {
                claim.write(Piece::Sealed(ciphertext), length, |_, _, _| Ok(()))?
            } else {
                let bytes = match form {
                    Form::Plain => &plain[..],
                    Form::Frame => opener.frame(),
                    Form::Compressed(effort) => {
                        if compressed != Some(effort) {
                            frame.clear();
                            compressors.compress(effort, plain, frame);
                            compressed = Some(effort);
                        }
                        &*frame
                    }
                };
                let extra_verify = claim.writer.options.extra_verify;
                claim.write(Piece::Open(bytes), length, |envelope, sealed_entry, sealed| {
                    if extra_verify { again.verify(envelope, sealed_entry, sealed, form, bytes, plain) } else { Ok(()) }
                })?
            };
            done.packs.extend(pack.map(|pack| (number, pack)));
        }
        scratch.trim();
    }
    Ok(done)
}

fn read<'a>(place: &'a Place<'_>, offset: u64, entry: &BlobEntry, buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    let (start, length) = (u64::from(entry.offset), u64::from(entry.length));
    let limit = limit_of(entry.kind);
    if length > (limit + limit / 128 + OVERHEAD) as u64 {
        return Err(Error::too_large("the length of the blob, in bytes,", limit as u64));
    }
    match start.checked_sub(offset) {
        Some(start) if start + length <= place.size() => place.part(start, length as usize, buffer),
        _ => Err(Error::damaged("the blob lies beyond the bytes that were read")),
    }
}

/// The hash of a plaintext, where it is worth it beside a pack that is hashed anyhow.
fn hash(claims: &[(usize, Claim<'_>)], plain: &[u8]) -> Id {
    let beside = || claims.iter().find_map(|(_, claim)| claim.writer.packers.hash_beside_pack(plain));
    if plain.len() < WORTH_A_LOCK { Id::of(plain) } else { beside().unwrap_or_else(|| Id::of(plain)) }
}

impl Again {
    /// Opens what was sealed a moment ago: a bit that flipped in memory must not become a stored one.
    fn verify(
        &mut self,
        envelope: &Envelope,
        entry: &BlobEntry,
        sealed: &[u8],
        form: Form,
        bytes: &[u8],
        plain: &[u8],
    ) -> Result<()> {
        let is_same = match form {
            Form::Compressed(_) => {
                self.opener.open_unproven(envelope, entry, sealed, &mut self.bytes).map(|()| self.bytes == plain)
            }
            // The source's frame was decompressed already: it only has to be the same one.
            Form::Plain | Form::Frame => envelope.holds(sealed, bytes),
        };
        let error = match is_same {
            Ok(true) => return Ok(()),
            Ok(false) => "it has become another one".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Error::Internal(format!(
            "blob {} does not read back as it was before it was sealed ({error}): this points to faulty memory or a faulty processor",
            entry.id
        )))
    }
}

impl Scratch {
    /// Few blobs are near the largest size: what one of them took is not kept for all that follow.
    fn trim(&mut self) {
        self.opener.trim(KEPT);
        self.again.opener.trim(KEPT);
        for buffer in [&mut self.sealed, &mut self.plain, &mut self.frame, &mut self.again.bytes] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }
}
