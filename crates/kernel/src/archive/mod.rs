//! The backup pipeline: each file is read once, chunked once for each distinct polynomial, hashed and compressed once,
//! then sealed and packed for every repository that lacks it.
//!
//! ```text
//! Run ── owner: starts the workers, hands finished packs out, takes parents' packs in, cancels
//!  ├─ Tasks        a stack shared by the workers: directories, entries of a directory, single blobs
//!  ├─ directory    one directory: list, compare with the parent, read what changed, finish the tree
//!  ├─ reading      one file: opened ahead, read, cut, its blobs handed on
//!  ├─ file         one file whose blobs are on their way: the last one makes the node
//!  ├─ blobs        one blob: hash, ask each repository, compress once, seal for each that lacks it
//!  ├─ Target       one repository: what it knows, its open packs, its outbox
//!  └─ parent       trees of the parent snapshot, out of packs that the owner supplies
//! ```
//!
//! Nothing here calls back: the owner pulls packs and requests, with waits of at most a tenth of a second.

mod blobs;
mod counters;
mod directory;
mod entries;
mod events;
mod file;
mod holes;
mod options;
mod outbox;
mod pack_bytes;
mod parent;
mod places;
mod plan;
mod reading;
mod reread;
mod run;
mod scan;
mod spool;
mod stream;
mod target;
mod tasks;

pub use counters::{Progress, Summary, TargetSummary};
pub use events::{Action, Event};
pub use options::{Compression, Options, TargetOptions};
pub use outbox::{Next, Outgoing};
pub use pack_bytes::PackBytes;
pub use parent::PackRequest;
pub use plan::{Plan, StdinSource};
pub use reread::Reread;
pub use run::Run;
