//! One blob: hashed once, compressed once for each effort, sealed for every repository that lacks it.

use super::events::Cost;
use super::read_buffer::ReadBuffer;
use super::shared::Shared;
use super::target::outbox::Offered;
use super::target::{Standing, Target};
use crate::compress::{Compressors, Effort};
use crate::envelope::Envelope;
use crate::pack::{Opener, Outgoing};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// A buffer above this size is given back after use, in bytes.
const KEPT: usize = 4 << 20;

/// A blob from this size on is hashed beside bytes of an open pack, whose lock that takes; in bytes.
const WORTH_A_LOCK: usize = 256 << 10;

/// What a worker keeps from blob to blob.
#[derive(Default)]
pub(super) struct Scratch {
    compressors: Compressors,
    opener: Option<Opener>,
    frame: Vec<u8>,
    plain: Vec<u8>,
    buffers: Vec<ReadBuffer>,
}

impl Scratch {
    /// A buffer that files are read into; give it back with [`Scratch::put_buffer`].
    pub(super) fn take_buffer(&mut self) -> ReadBuffer {
        self.buffers.pop().unwrap_or_default()
    }

    pub(super) fn put_buffer(&mut self, buffer: ReadBuffer) {
        if buffer.capacity() <= KEPT {
            self.buffers.push(buffer);
        }
    }

    /// Few blobs are near the largest size: what one of them took is not kept for all that follow.
    fn shrink(&mut self) {
        if let Some(opener) = &mut self.opener {
            opener.trim(KEPT);
        }
        for buffer in [&mut self.frame, &mut self.plain] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }
}

/// Which repositories a blob is for.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    /// All: the blob does not depend on where chunks end.
    All,
    /// Those of one polynomial.
    Group(usize),
}

impl Scope {
    fn holds(self, target: &Target) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => target.group == group,
        }
    }
}

/// Save a blob wherever it is lacking and return its ID, with what that took.
pub(super) fn save_blob(
    shared: &Shared,
    scratch: &mut Scratch,
    kind: BlobType,
    plain: &[u8],
    scope: Scope,
) -> Result<(Id, Cost)> {
    let beside = || shared.targets.iter().find_map(|target| target.hash_beside_pack(plain));
    let id = if plain.len() < WORTH_A_LOCK { Id::of(plain) } else { beside().unwrap_or_else(|| Id::of(plain)) };
    Ok((id, save_hashed(shared, scratch, kind, plain, id, scope)?))
}

/// The same of a blob whose hash is known.
pub(super) fn save_hashed(
    shared: &Shared,
    scratch: &mut Scratch,
    kind: BlobType,
    plain: &[u8],
    id: Id,
    scope: Scope,
) -> Result<Cost> {
    let mut cost = Cost::default();
    let mut wanting: Vec<&Target> = Vec::with_capacity(shared.targets.len());
    for target in shared.targets.iter().filter(|target| scope.holds(target) && target.is_active()) {
        if kind == BlobType::Data {
            target.counters.data_seen.fetch_add(plain.len() as u64, Relaxed);
        }
        if target.claim(kind, &id) {
            wanting.push(target);
        }
    }
    let mut efforts: Vec<Option<Effort>> = wanting.iter().map(|target| target.effort(kind, plain.len())).collect();
    efforts.sort_unstable();
    efforts.dedup();
    for effort in efforts {
        let mut frame = std::mem::take(&mut scratch.frame);
        frame.clear();
        if let Some(effort) = effort {
            scratch.compressors.compress(effort, plain, &mut frame);
            shared.counters.blobs_compressed.fetch_add(1, Relaxed);
        }
        let (bytes, uncompressed_length) = match effort {
            Some(_) => (&frame[..], length(plain)?),
            None => (plain, 0),
        };
        for target in wanting.iter().filter(|target| target.effort(kind, plain.len()) == effort) {
            let (stored, full) = target.pack(kind, id, bytes, uncompressed_length, |envelope, entry, sealed| {
                if shared.options.extra_verify { verify(scratch, envelope, entry, sealed) } else { Ok(()) }
            })?;
            cost += Cost { added: plain.len() as u64, stored: stored.into(), ..Cost::default() };
            if let Some(pack) = full {
                deliver(shared, target, pack)?;
            }
        }
        scratch.frame = frame;
    }
    scratch.shrink();
    Ok(cost)
}

fn length(plain: &[u8]) -> Result<u32> {
    u32::try_from(plain.len()).map_err(|_| Error::too_large("a blob", u32::MAX.into()))
}

/// Open what was sealed a moment ago: a bit that flipped in memory must not become a stored one.
fn verify(scratch: &mut Scratch, envelope: &Envelope, entry: &BlobEntry, sealed: &[u8]) -> Result<()> {
    let opener = scratch.opener.get_or_insert_default();
    opener.open(envelope, entry, sealed, &mut scratch.plain).map_err(|error| {
        Error::Internal(format!(
            "blob {} does not read back as it was before it was sealed ({error}): this points to faulty memory or a faulty processor",
            entry.id
        ))
    })
}

/// How long a repository may hold the others up before it counts as the slower one.
const PATIENCE: Duration = Duration::from_millis(300);

/// Where no packs can wait on disk, how long nobody may have fetched one before the repository counts as stuck.
const STUCK: Duration = Duration::from_secs(30);

/// Put a pack into a repository's outbox; wait while it is full, unless another repository would starve.
///
/// The slower repository's packs then wait on disk, from then on without delay until it has caught up. When there is
/// no room left either, the one that takes most of it leaves the run and gets a pass of its own, so that a quick local
/// snapshot never waits for a slow line. A stream cannot be read again: it waits for the slowest.
fn deliver(shared: &Shared, target: &Target, pack: Outgoing) -> Result<()> {
    if shared.options.dry_run {
        return Ok(());
    }
    let mut pack = pack;
    let begun = Instant::now();
    loop {
        shared.check_cancelled()?;
        let mut others = shared.targets.iter().filter(|other| !std::ptr::eq(*other, target) && other.is_active());
        let starving = others.any(|other| other.outbox.is_idle());
        let spill = starving && shared.has_spool() && (target.outbox.spooled() > 0 || begun.elapsed() >= PATIENCE);
        match target.outbox.offer(pack, spill) {
            Offered::Taken => {
                target.hold_up(false);
                return Ok(());
            }
            Offered::Full(again) => pack = again,
        }
        target.hold_up(starving && begun.elapsed() >= PATIENCE);
        let is_hopeless = if shared.has_spool() { spill } else { starving && target.outbox.unfetched() >= STUCK };
        if is_hopeless && !shared.is_stream {
            slowest(shared, target).leave(Standing::Dropped);
            continue;
        }
        target.outbox.wait_for_room(Duration::from_millis(50));
    }
}

/// Whoever takes most of the spool; when nobody takes more, the one that finds it full.
fn slowest<'a>(shared: &'a Shared, target: &'a Target) -> &'a Target {
    let active = shared.targets.iter().filter(|other| other.is_active());
    active.fold(
        target,
        |slowest, other| {
            if other.outbox.spooled() > slowest.outbox.spooled() { other } else { slowest }
        },
    )
}
