//! Many small files of a repository at once, out of one folder: read, hashed, opened, decompressed.
//!
//! A snapshot file has some 400 bytes, so that what is paid for each beside its bytes is all that counts.

use crate::compress::Decompressor;
use crate::envelope::Envelope;
use crate::{Error, Id, Result};
use rustix::fs::{FileType, Mode, OFlags, fstat, open, openat};
use rustix::io::{Errno, read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The most that a file, or what is in it, may have in bytes to be small.
pub const SMALL: usize = 128 << 10;

/// What an opened envelope begins with where a zstd frame follows (`docs/reference/format.md` 1.7).
const COMPRESSED: u8 = 2;

/// The plaintexts of files that are named for their SHA-256, in the order of their names. None stands for whatever needs
/// a second look: what is not there, larger than [`SMALL`], no regular file, does not have its hash or does not open.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be opened.
pub fn open_all(envelope: &Envelope, folder: &Path, names: &[Id]) -> Result<Vec<Option<Vec<u8>>>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(folder, flags, Mode::empty()).map_err(|errno| Error::io("open a folder", errno))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = names.len().div_ceil(cores).max(32);
    let mut opened = vec![None; names.len()];
    std::thread::scope(|scope| {
        let mut shares = names.chunks(share).zip(opened.chunks_mut(share));
        let first = shares.next();
        for (names, opened) in shares {
            let folder = &folder;
            scope.spawn(move || Files::new(envelope, folder).open_each(names, opened));
        }
        if let Some((names, opened)) = first {
            Files::new(envelope, &folder).open_each(names, opened);
        }
    });
    Ok(opened)
}

/// One thread's memory, used for one file after the other.
struct Files<'a> {
    envelope: &'a Envelope,
    folder: &'a OwnedFd,
    stored: [Vec<u8>; 2],
    frame: Vec<u8>,
    decompressor: Decompressor,
}

impl<'a> Files<'a> {
    fn new(envelope: &'a Envelope, folder: &'a OwnedFd) -> Self {
        let stored = [vec![0; SMALL], vec![0; SMALL]];
        Self { envelope, folder, stored, frame: Vec::new(), decompressor: Decompressor::new() }
    }

    fn open_each(&mut self, names: &[Id], opened: &mut [Option<Vec<u8>>]) {
        for (names, opened) in names.chunks(2).zip(opened.chunks_mut(2)) {
            let mut lengths = [0; 2];
            for (at, name) in names.iter().enumerate() {
                // Nothing has the hash of what could not be read.
                lengths[at] = read_small(self.folder, name, &mut self.stored[at]).unwrap_or(0);
            }
            let found = Id::of_both(&self.stored[0][..lengths[0]], &self.stored[1][..lengths[1]]);
            for (at, (name, opened)) in names.iter().zip(opened).enumerate() {
                if *name == [found.0, found.1][at] {
                    *opened = self.plaintext(at, lengths[at]).ok();
                }
            }
        }
    }

    fn plaintext(&mut self, at: usize, length: usize) -> Result<Vec<u8>> {
        let mut plaintext = Vec::new();
        self.envelope.open(&self.stored[at][..length], &mut self.frame)?;
        match self.frame.split_first() {
            Some((&COMPRESSED, frame)) => self.decompressor.decompress(frame, None, SMALL, &mut plaintext)?,
            _ => plaintext.extend_from_slice(&self.frame),
        }
        match plaintext.first() {
            Some(b'{' | b'[') => Ok(plaintext),
            _ => Err(Error::damaged("neither JSON nor compressed JSON")),
        }
    }
}

/// How many bytes a file has, which are in `into` then.
fn read_small(folder: &OwnedFd, name: &Id, into: &mut [u8]) -> Result<usize, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder.as_fd(), name.to_hex(), flags, Mode::empty())?;
    let stat = fstat(&file)?;
    let size = usize::try_from(stat.st_size).map_err(|_| Errno::FBIG)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || size > into.len() {
        return Err(Errno::FBIG);
    }
    read(&file, &mut into[..size])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::MasterKey;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("small-files-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn put(&self, stored: &[u8]) -> Id {
            let name = Id::of(stored);
            fs::write(self.0.join(name.to_hex()), stored).unwrap();
            name
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn what_is_as_it_should_be_is_opened_and_nothing_else() {
        let (folder, envelope) = (Folder::new(), Envelope::new(&MasterKey::generate()));
        let seal = |envelope: &Envelope, plaintext: &[u8]| {
            let mut sealed = Vec::new();
            envelope.seal(plaintext, &mut sealed);
            sealed
        };
        let compressed = |plaintext: &[u8]| {
            let mut frame = Vec::new();
            crate::compress::Compressor::new(3).compress(plaintext, &mut frame);
            [&[COMPRESSED], frame.as_slice()].concat()
        };
        let large = [b"{".to_vec(), vec![b' '; SMALL]].concat();
        let sound: Vec<Vec<u8>> = (0..99).map(|number| format!("{{\"number\":{number}}}").into_bytes()).collect();
        let mut names: Vec<Id> = sound.iter().map(|text| folder.put(&seal(&envelope, &compressed(text)))).collect();
        names[7] = folder.put(&seal(&envelope, &sound[7]));
        let other = Envelope::new(&MasterKey::generate());
        let bad = [
            folder.put(&seal(&other, &sound[0])),
            folder.put(&seal(&envelope, b"text")),
            folder.put(&seal(&envelope, b"")),
            folder.put(&seal(&envelope, &compressed(&large))),
            folder.put(&seal(&envelope, &large)),
            folder.put(b""),
            Id::of(b"not there"),
            Id::of(b"a link"),
            Id::of(b"a folder"),
            Id::of(b"changed"),
        ];
        symlink(folder.0.join(names[0].to_hex()), folder.0.join(bad[7].to_hex())).unwrap();
        fs::create_dir(folder.0.join(bad[8].to_hex())).unwrap();
        fs::write(folder.0.join(bad[9].to_hex()), seal(&envelope, &sound[0])).unwrap();
        names.extend(bad);
        let opened = open_all(&envelope, &folder.0, &names).unwrap();
        let expected: Vec<_> = sound.into_iter().map(Some).chain(bad.map(|_| None)).collect();
        assert_eq!(opened, expected);
        assert!(open_all(&envelope, &folder.0, &[]).unwrap().is_empty());
        assert!(open_all(&envelope, &folder.0.join("none"), &[]).unwrap_err().is_missing());
    }
}
