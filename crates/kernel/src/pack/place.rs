//! Where the bytes of a pack are: in memory, or in a file that is read piece by piece.

use crate::{Error, Hasher, Id, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes of a file that are hashed at once.
const PIECE: usize = 1 << 20;

pub(crate) enum Place<'a> {
    Memory(&'a [u8]),
    File { file: &'a File, start: u64, size: u64 },
}

impl Place<'_> {
    /// Bytes of the whole pack.
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// `length` bytes from `offset` on, which lie within the pack; out of a file into `buffer`.
    pub fn part<'b>(&'b self, offset: u64, length: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        match self {
            Self::Memory(bytes) => Ok(&bytes[offset as usize..offset as usize + length]),
            Self::File { .. } => {
                buffer.resize(length, 0);
                self.read(offset, buffer)?;
                Ok(buffer)
            }
        }
    }

    /// Fills `buffer` with what stands from `offset` on, all of it within the pack.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match self {
            Self::Memory(bytes) => buffer.copy_from_slice(&bytes[offset as usize..offset as usize + buffer.len()]),
            Self::File { file, start, .. } => {
                file.read_exact_at(buffer, start + offset).map_err(|error| Error::io("reading", error))?;
            }
        }
        Ok(())
    }

    /// The SHA-256 of the whole pack.
    pub fn hash(&self, buffer: &mut Vec<u8>) -> Result<Id> {
        if let Self::Memory(bytes) = self {
            return Ok(Id::of(bytes));
        }
        let mut hasher = Hasher::new();
        let mut offset = 0;
        while offset < self.size() {
            let length = (self.size() - offset).min(PIECE as u64) as usize;
            hasher.update(self.part(offset, length, buffer)?);
            offset += length as u64;
        }
        Ok(hasher.finish())
    }
}
