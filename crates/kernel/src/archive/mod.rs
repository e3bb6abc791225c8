//! The backup pipeline: each file is read once, chunked once for each distinct polynomial, hashed and compressed once,
//! then sealed and packed for every repository that lacks it.
//!
//! ```text
//! Run ── owner: starts the workers, hands finished packs out, takes parents' packs in, cancels
//!  ├─ Shared       what all workers share
//!  │   ├─ Tasks        a stack: directories, entries of a directory, single blobs
//!  │   ├─ Target       one repository: what it knows, its open packs, its outbox
//!  │   └─ Parents      trees of the parent snapshot, out of packs that the owner supplies
//!  ├─ worker       takes one task after the other
//!  ├─ plan         the first task: the root tree, with the user's paths in it
//!  ├─ listing      one directory is listed, its entries become tasks
//!  ├─ entries      each is compared with the parent; what changed is read
//!  ├─ reading      one file: opened ahead, read, cut, its blobs handed on
//!  ├─ content      one file whose blobs are on their way: the last one makes the node
//!  ├─ trees        one directory whose entries are on their way: the last one makes the tree
//!  └─ blobs        one blob: hash, ask each repository, compress once, seal for each that lacks it
//! ```
//!
//! Tasks are data (`tasks`, `directory`, `file`) that know nothing of what is done with them, so that a directory's task
//! can make tasks for its entries and an entry's task one for a directory.
//!
//! Nothing here calls back: the owner pulls packs and requests, with waits of at most a tenth of a second.

mod blobs;
mod content;
mod counters;
mod directory;
mod events;
mod file;
mod limits;
mod options;
mod parent;
mod read_buffer;
mod reread;
mod run;
mod shared;
mod source;
mod target;
mod tasks;
mod trees;
mod worker;

pub use counters::{Progress, Summary, TargetSummary};
pub use events::{Action, Cost, Event};
pub use options::{Options, Plan, StdinSource, TargetOptions};
pub use parent::PackRequest;
pub use reread::Reread;
pub use run::{Run, TargetOutcome};
pub use target::outbox::Next;
