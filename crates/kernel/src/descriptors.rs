//! How many more files this process may open.

use rustix::process::{Resource, getrlimit};

/// Files that may still be opened beside those that are open now and `reserved` more.
pub(crate) fn free(reserved: usize) -> usize {
    let most = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most as usize);
    let open = std::fs::read_dir("/proc/self/fd").map_or(32, Iterator::count);
    most.saturating_sub(open.saturating_add(reserved))
}
