//! The restore pipeline: from a tree in the repository to a directory on disk.
//!
//! ```text
//! Restore ── owner: answers requests for ranges of packs, takes events and counters, stops
//!  ├─ Walk       one thread: reads trees, makes directories, hands out everything else in batches of bounded memory
//!  ├─ plan       between them: which ranges of which packs a batch needs, each pack read once
//!  ├─ Fetch      the queue: ranges asked for ahead, work for the workers
//!  ├─ Worker     two threads or more: open each blob once, write it to all its places; small files in one go
//!  │   ├─ compare    files that are there already, and `verify`; only reads
//!  │   ├─ write      content
//!  │   ├─ copy       what of it an older file holds
//!  │   ├─ stage      temporary names
//!  │   ├─ place      taking the place of what stands there
//!  │   ├─ other      links, devices, pipes, further names
//!  │   └─ metadata   owner, attributes, mode, times
//!  └─ Directories    open handles, a few at a time; `finish` once the last entry is done; `remove`
//! ```
//!
//! Nothing here calls back. Nothing reaches the file system but through `beneath`. What the files-first order of the
//! walk costs in the order of packs, the plan's sorting gives back; for it, no more than the directories of a level
//! wait in memory.
//!
//! A blob whose first copy is bad is sought in its others. What then still fails is named, once for each item, and the
//! rest goes on; only a full or read-only target ends the run.

mod compare;
mod context;
mod copy;
mod directory;
mod disk;
mod entry;
mod fetch;
mod finish;
mod options;
mod other;
mod place;
mod plan;
mod remove;
mod report;
mod session;
mod stage;
mod trees;
mod visits;
mod walk;
mod worker;
mod write;

pub use fetch::{Answer, Request};
pub use options::{Options, Overwrite};
pub use report::{Action, Event, Progress};
pub use session::Restore;
