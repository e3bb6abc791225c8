//! The Strongroom kernel: what is done per byte, per blob or per file.
//!
//! Pure Rust without `unsafe`. It parses what an intruder may have written, so every parser has a
//! budget and every failure is an [`Error`]; nothing here panics on input, opens a socket or decides policy.
#![forbid(unsafe_code)]

pub mod archive;
pub mod blob;
pub mod chunker;
pub mod compress;
mod descriptors;
pub mod envelope;
pub mod error;
pub mod filter;
pub mod id;
pub mod index;
pub mod kdf;
pub mod metadata;
pub mod pack;
pub mod polynomial;
pub mod reach;
pub mod restore;
pub mod sets;
pub mod small_files;
mod sync;
#[cfg(test)]
mod testing;
pub mod time;
pub mod transfer_plan;
pub mod tree;
pub mod usage;
pub mod verify;

pub use blob::{BlobEntry, BlobType};
pub use error::{Error, Result};
pub use id::{Hasher, Id};
