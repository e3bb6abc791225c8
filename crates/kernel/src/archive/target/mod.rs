//! One repository of a run: what it knows, its open packs, its outbox.

pub(super) mod outbox;
pub(super) mod spool;

use super::counters::TargetCounters;
use super::options::TargetOptions;
use crate::compress::Effort;
use crate::envelope::Envelope;
use crate::index::{Index, encode_index};
use crate::pack::{DATA_PACKS, Outgoing, Packers, Piece};
use crate::{BlobEntry, BlobType, Error, Id, Result, sync::lock};
use outbox::Outbox;
use spool::Spool;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Blobs that fill an index file, as in restic.
const INDEX_BLOBS: usize = 50_000;
/// How long packs may stay without an index, so that a killed run loses little.
const INDEX_AGE: Duration = Duration::from_secs(600);
const SHARDS: usize = 16;

/// Whether a repository takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Standing {
    Active = 0,
    /// Its owner reported that it failed.
    Failed = 1,
    /// It was too slow and the spool is full; it wants a pass of its own.
    Dropped = 2,
}

/// One repository.
pub(super) struct Target {
    pub(super) index: Arc<RwLock<Index>>,
    /// Which polynomial's chunks it takes.
    pub(super) group: usize,
    /// Whether it lies on this machine: its trees are asked for first.
    pub(super) near: bool,
    pub(super) outbox: Outbox,
    pub(super) counters: TargetCounters,
    packers: Packers,
    claimed: [Mutex<HashSet<(BlobType, Id)>>; SHARDS],
    standing: AtomicU8,
    holds_up: AtomicBool,
    in_flight: Mutex<HashMap<Id, Vec<BlobEntry>>>,
    unindexed: Mutex<Unindexed>,
}

struct Unindexed {
    packs: Vec<(Id, Vec<BlobEntry>)>,
    blobs: usize,
    since: Instant,
}

impl Target {
    pub(super) fn new(options: TargetOptions, group: usize, spool: Option<Arc<Spool>>) -> Self {
        Self {
            index: options.index,
            group,
            near: options.near,
            outbox: Outbox::new(spool),
            counters: TargetCounters::default(),
            packers: Packers::new(
                options.envelope,
                options.version,
                options.compression,
                options.pack_size,
                DATA_PACKS,
            ),
            claimed: std::array::from_fn(|_| Mutex::default()),
            standing: AtomicU8::new(Standing::Active as u8),
            holds_up: AtomicBool::new(false),
            in_flight: Mutex::default(),
            unindexed: Mutex::new(Unindexed { packs: Vec::new(), blobs: 0, since: Instant::now() }),
        }
    }

    /// The repository's key.
    pub(super) fn envelope(&self) -> &Envelope {
        self.packers.envelope()
    }

    /// How hard such a blob is compressed here; `None` is not at all.
    pub(super) fn effort(&self, kind: BlobType, size: usize) -> Option<Effort> {
        self.packers.effort(kind, size)
    }

    pub(super) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Relaxed) {
            0 => Standing::Active,
            1 => Standing::Failed,
            _ => Standing::Dropped,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.standing() == Standing::Active
    }

    /// Take it out of the run; the first reason stays.
    pub(super) fn leave(&self, standing: Standing) {
        let active = Standing::Active as u8;
        let _ = self.standing.compare_exchange(active, standing as u8, Ordering::Relaxed, Ordering::Relaxed);
        self.outbox.close();
    }

    /// Say whether a worker waits for this repository while another one has nothing to store.
    pub(super) fn hold_up(&self, does: bool) {
        self.holds_up.store(does, Ordering::Relaxed);
    }

    pub(super) fn holds_up(&self) -> bool {
        self.is_active() && self.holds_up.load(Ordering::Relaxed)
    }

    fn shard(&self, id: &Id) -> MutexGuard<'_, HashSet<(BlobType, Id)>> {
        lock(&self.claimed[usize::from(id.0[0]) % SHARDS])
    }

    /// Whether the repository has the blob, or will have it by this run.
    pub(super) fn knows(&self, kind: BlobType, id: &Id) -> bool {
        self.index.read().unwrap_or_else(PoisonError::into_inner).contains(kind, id)
            || self.shard(id).contains(&(kind, *id))
    }

    /// Whether the repository lacks the blob and nobody else brings it: then the caller must.
    pub(super) fn claim(&self, kind: BlobType, id: &Id) -> bool {
        !self.index.read().unwrap_or_else(PoisonError::into_inner).contains(kind, id)
            && self.shard(id).insert((kind, *id))
    }

    /// The hash of a blob, beside as many bytes of an open pack that wait to be hashed; `None` where too few do.
    pub(super) fn hash_beside_pack(&self, plain: &[u8]) -> Option<Id> {
        self.packers.hash_beside_pack(plain)
    }

    /// Seal a blob into an open pack, look at it again with `check`, and return its stored length, with the pack if that
    /// filled it.
    pub(super) fn pack(
        &self,
        kind: BlobType,
        id: Id,
        bytes: &[u8],
        uncompressed_length: u32,
        check: impl FnOnce(&Envelope, &BlobEntry, &[u8]) -> Result<()>,
    ) -> Result<(u32, Option<Outgoing>)> {
        let (entry, full) = self.packers.pack(kind, id, Piece::Open(bytes), uncompressed_length, check)?;
        self.count(kind, bytes.len() as u64, uncompressed_length, entry.length);
        Ok((entry.length, full))
    }

    fn count(&self, kind: BlobType, plain: u64, uncompressed_length: u32, packed: u32) {
        let counters = &self.counters;
        let blobs = if kind == BlobType::Tree { &counters.tree_blobs } else { &counters.data_blobs };
        let size = if uncompressed_length == 0 { plain } else { uncompressed_length.into() };
        blobs.fetch_add(1, Ordering::Relaxed);
        counters.data_added.fetch_add(size, Ordering::Relaxed);
        counters.data_added_packed.fetch_add(packed.into(), Ordering::Relaxed);
    }

    /// Close the open packs.
    pub(super) fn flush(&self) -> Result<Vec<Outgoing>> {
        self.packers.flush()
    }

    /// Remember what a pack holds while its owner stores it.
    pub(super) fn handed_out(&self, pack: &mut Outgoing) {
        lock(&self.in_flight).insert(pack.id, std::mem::take(&mut pack.entries));
    }

    /// The owner has stored a pack: from now on an index may name it.
    pub(super) fn stored(&self, id: Id, size: u64) -> Result<()> {
        let Some(entries) = lock(&self.in_flight).remove(&id) else {
            return Err(Error::Internal(format!("pack {id} was not handed out")));
        };
        self.counters.packs_stored.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes_stored.fetch_add(size, Ordering::Relaxed);
        let mut unindexed = lock(&self.unindexed);
        unindexed.blobs += entries.len();
        unindexed.packs.push((id, entries));
        Ok(())
    }

    /// An index of packs that were stored, as JSON, when it is time for one (or `force` says so) and there are any.
    pub(super) fn take_index(&self, force: bool) -> Option<Vec<u8>> {
        let mut unindexed = lock(&self.unindexed);
        let due = unindexed.blobs >= INDEX_BLOBS || unindexed.since.elapsed() >= INDEX_AGE;
        if unindexed.packs.is_empty() || !(due || force) {
            return None;
        }
        let packs = std::mem::take(&mut unindexed.packs);
        unindexed.blobs = 0;
        unindexed.since = Instant::now();
        drop(unindexed);
        Some(encode_index(&packs))
    }
}
