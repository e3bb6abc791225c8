//! How the C library hands memory out: what is large goes back at once.

use pyo3::prelude::*;
use std::ffi::c_int;

/// Blocks from this size on are mapped and unmapped one by one, in bytes.
const MAPPED_FROM: c_int = 512 << 10;
/// Heaps that threads share; by default there are eight for each core, and each keeps what it ever needed.
const HEAPS: c_int = 2;

/// Keep the process as small as what it holds.
///
/// glibc raises the size from which it maps blocks to the largest that was ever freed, so that after the first pack
/// all later ones lie in heaps that never shrink: a backup of text took 125 MB instead of 72.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: both calls set a number inside the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM);
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// Large blocks that are given back serve the next ones, from now on: for what reads for long and in bounded memory.
///
/// A block that is mapped anew costs a fault for each 4 KiB, which is half of the system's time of a mount.
#[pyfunction]
fn reuse_memory(most: c_int) {
    #[cfg(target_env = "gnu")]
    // SAFETY: both calls set a number inside the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, most);
        libc::mallopt(libc::M_TRIM_THRESHOLD, most);
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = most;
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(reuse_memory, module)?)
}
