//! The blobs of a pack and its hash, in one way through it.
//!
//! Each byte comes by once, in pieces that stay in a core's own cache, and is hashed as part of its pack, authenticated
//! and decrypted. Two hashes at once take two thirds of the time, so the pack's is made beside a blob's: where a blob
//! stands in its frame as it is, beside its own, else beside that of a blob before, which waits for company.

use super::window::{STEP, Window};
use crate::compress::Stored;
use crate::envelope::{Envelope, IV, MAC, OVERHEAD, Opening};
use crate::pack::{MOST_PAIRED, Opener, allow_length, allow_plain, named, prove};
use crate::{BlobEntry, Error, Hasher, Id, Result};
use strongroom_sha256_pair::BLOCK;

/// Memory that is reused from pack to pack.
#[derive(Default)]
pub(super) struct Buffers {
    opener: Opener,
    piece: Vec<u8>,
    plain: Vec<u8>,
    waiting: Vec<u8>,
}

impl Buffers {
    /// Gives back what is more than `most` bytes.
    pub fn trim(&mut self, most: usize) {
        self.opener.trim(most);
        for buffer in [&mut self.piece, &mut self.plain, &mut self.waiting] {
            if buffer.capacity() > most {
                *buffer = Vec::new();
            }
        }
    }
}

/// A plaintext of which some is hashed.
#[derive(Default)]
struct Waiting {
    number: usize,
    hash: Hasher,
    at: usize,
}

/// What a way through a pack has found so far.
pub(super) struct Stream<'a> {
    envelope: &'a Envelope,
    entries: &'a [BlobEntry],
    window: Window<'a>,
    buffers: &'a mut Buffers,
    pack: Hasher,
    /// Whose plaintext is in `buffers.waiting`.
    waiting: Option<Waiting>,
    /// What is known of each blob.
    results: Vec<Option<Result<()>>>,
}

/// The hash of a pack whose blobs follow each other without gaps, up to `tail`, and what is known of each blob.
///
/// # Errors
/// [`Error::Io`] if reading fails.
pub(super) fn stream(
    envelope: &Envelope,
    entries: &[BlobEntry],
    window: Window<'_>,
    tail: &[u8],
    buffers: &mut Buffers,
) -> Result<(Id, Vec<Result<()>>)> {
    let results = entries.iter().map(|_| None).collect();
    let mut stream = Stream { envelope, entries, window, buffers, pack: Hasher::new(), waiting: None, results };
    for number in 0..entries.len() {
        if let Some(result) = stream.blob(number)? {
            stream.results[number] = Some(result);
        }
    }
    stream.beside_waiting(tail);
    stream.end_waiting();
    let unjudged = || Err(Error::Internal("a blob was not looked at".into()));
    let results = stream.results.into_iter().map(|result| result.unwrap_or_else(unjudged)).collect();
    Ok((stream.pack.finish(), results))
}

impl Stream<'_> {
    /// Goes past one blob; None if the result will follow.
    fn blob(&mut self, number: usize) -> Result<Option<Result<()>>> {
        let entry = &self.entries[number];
        let length = entry.length as usize;
        if let Err(error) = super::allow_span(entry).and_then(|()| allow_length(entry).map_err(|e| named(entry, e))) {
            self.pass(length)?;
            return Ok(Some(Err(error)));
        }
        let iv = self.take::<IV>()?;
        let opening = match self.envelope.opening(&iv) {
            Ok(opening) => opening,
            Err(error) => {
                self.pass(length - IV)?;
                return Ok(Some(Err(named(entry, error))));
            }
        };
        let length = length - OVERHEAD;
        if entry.uncompressed_length == 0 {
            let found = self.plain(opening, length)?;
            let allowed = |hash| allow_plain(entry, length).map(|()| hash);
            return Ok(Some(found.and_then(allowed).map_err(|e| named(entry, e)).and_then(|hash| prove(entry, hash))));
        }
        let found = match self.frame(opening, length, entry)? {
            Ok(found) => found,
            Err(error) => return Ok(Some(Err(named(entry, error)))),
        };
        if let Some(hash) = found {
            return Ok(Some(prove(entry, hash)));
        }
        let Buffers { opener, plain, .. } = &mut *self.buffers;
        if let Err(error) = opener.unpack(entry, plain) {
            return Ok(Some(Err(named(entry, error))));
        }
        self.wait(number);
        Ok(None)
    }

    /// The hash of what an envelope holds.
    fn plain(&mut self, mut opening: Opening<'_>, mut left: usize) -> Result<Result<Id>> {
        let mut hash = Hasher::new();
        while left > 0 {
            let sealed = self.window.take(left.min(STEP))?;
            left -= sealed.len();
            self.buffers.piece.clear();
            opening.next(sealed, &mut self.buffers.piece);
            Hasher::update_both(&mut hash, &self.buffers.piece, &mut self.pack, sealed);
        }
        let mac = self.take::<MAC>()?;
        Ok(opening.finish(&mac).map(|()| hash.finish()))
    }

    /// The hash of what the frame in an envelope holds, if that stands in it as it is; else the frame is left to be
    /// decompressed.
    fn frame(&mut self, mut opening: Opening<'_>, mut left: usize, entry: &BlobEntry) -> Result<Result<Option<Id>>> {
        let mut stored = Stored::new(entry.uncompressed_length as usize);
        let mut hash = Hasher::new();
        let mut frame = std::mem::take(self.buffers.opener.next_frame());
        frame.reserve(left);
        while left > 0 {
            let sealed = self.window.take(left.min(STEP))?;
            left -= sealed.len();
            opening.next(sealed, &mut frame);
            let mut rest = sealed;
            while let Some(found) = stored.next(&frame) {
                let (now, later) = rest.split_at(rest.len().min(found.len()));
                Hasher::update_both(&mut hash, &frame[found], &mut self.pack, now);
                rest = later;
            }
            if stored.is_possible() {
                self.pack.update(rest);
            } else {
                beside(&mut self.pack, rest, &mut self.waiting, &self.buffers.waiting);
            }
        }
        let found = stored.is_whole(&frame).then(|| hash.finish());
        *self.buffers.opener.next_frame() = frame;
        let mac = self.take::<MAC>()?;
        Ok(opening.finish(&mac).map(|()| found))
    }

    /// The plaintext in `buffers.plain` is hashed beside the one that waits; what then is left of either waits.
    fn wait(&mut self, number: usize) {
        let mut new = Waiting { number, ..Waiting::default() };
        if let Some(old) = &mut self.waiting {
            let rest = &self.buffers.waiting[old.at..];
            let common = rest.len().min(self.buffers.plain.len()) / BLOCK * BLOCK;
            Hasher::update_both(&mut old.hash, &rest[..common], &mut new.hash, &self.buffers.plain[..common]);
            old.at += common;
            new.at = common;
            if self.buffers.waiting.len() - old.at < self.buffers.plain.len() - new.at {
                self.end_waiting();
            } else {
                let Waiting { hash, at, .. } = new;
                self.judge(number, hash, |buffers| &buffers.plain[at..]);
                return;
            }
        }
        std::mem::swap(&mut self.buffers.plain, &mut self.buffers.waiting);
        self.waiting = Some(new);
        // Two of them would be much memory.
        if self.buffers.waiting.len() as u64 > MOST_PAIRED {
            self.end_waiting();
        }
    }

    /// What waits gets no more company.
    fn end_waiting(&mut self) {
        if let Some(Waiting { number, hash, at }) = self.waiting.take() {
            self.judge(number, hash, |buffers| &buffers.waiting[at..]);
        }
    }

    fn judge(&mut self, number: usize, mut hash: Hasher, rest: impl Fn(&Buffers) -> &[u8]) {
        hash.update(rest(self.buffers));
        self.results[number] = Some(prove(&self.entries[number], hash.finish()));
    }

    /// So many bytes, which belong to the pack and to nothing else.
    fn pass(&mut self, mut left: usize) -> Result<()> {
        while left > 0 {
            let sealed = self.window.take(left.min(STEP))?;
            left -= sealed.len();
            beside(&mut self.pack, sealed, &mut self.waiting, &self.buffers.waiting);
        }
        Ok(())
    }

    fn beside_waiting(&mut self, sealed: &[u8]) {
        beside(&mut self.pack, sealed, &mut self.waiting, &self.buffers.waiting);
    }

    /// An IV or a MAC.
    fn take<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH]> {
        let mut taken = [0; LENGTH];
        taken.copy_from_slice(self.window.take(LENGTH)?);
        self.pack.update(&taken);
        Ok(taken)
    }
}

/// Some bytes of the pack are hashed beside what waits.
fn beside(pack: &mut Hasher, sealed: &[u8], waiting: &mut Option<Waiting>, plain: &[u8]) {
    let Some(waiting) = waiting else { return pack.update(sealed) };
    let rest = &plain[waiting.at..];
    let now = &rest[..rest.len().min(sealed.len())];
    Hasher::update_both(&mut waiting.hash, now, pack, sealed);
    waiting.at += now.len();
}
