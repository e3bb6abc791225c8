//! The memory of packs that were stored, for the packs that follow.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers kept for reuse: one finds its next use within moments, more would only raise the peak.
const KEPT: usize = 1;

/// Empty buffers of one repository. Fresh memory costs a page fault for every 4 KiB: 7 % of a first backup.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer, with room if one was given back.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

/// The bytes of a finished pack; dropped, their memory serves the next one.
pub struct PackBytes {
    bytes: Vec<u8>,
    home: Option<Arc<Buffers>>,
}

impl PackBytes {
    pub(super) fn new(bytes: Vec<u8>, home: &Arc<Buffers>) -> Self {
        Self { bytes, home: Some(Arc::clone(home)) }
    }
}

impl From<Vec<u8>> for PackBytes {
    /// Bytes whose memory nobody waits for.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: None }
    }
}

impl Deref for PackBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PackBytes {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.give(std::mem::take(&mut self.bytes));
        }
    }
}
