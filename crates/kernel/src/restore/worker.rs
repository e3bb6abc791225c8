//! A thread that writes: it takes pieces of work until there are none.

use super::compare;
use super::context::Context;
use super::disk::bytes;
use super::entry;
use super::entry::Batch;
use super::fetch::{Answer, Phase, Work};
use super::other;
use super::plan::{Plan, Segment, Want};
use super::write::{self, OpenFiles};
use crate::index::Location;
use crate::pack::{MOST_PAIRED, Opener, prove};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that are read from an open file at once, unless a blob is longer: what fits into a processor's cache.
const READ: u64 = 1 << 20;

/// Memory for ciphertext that is kept from range to range, in bytes.
const KEPT: usize = 16 << 20;

/// How many blobs of a range that cannot be had are asked for alone in vain.
const MOST_SINGLE: usize = 8;

pub(super) struct Worker<'a> {
    context: &'a Context,
    open: &'a OpenFiles,
    opener: Opener,
    plain: Vec<u8>,
    other: Vec<u8>,
    buffer: Vec<u8>,
    window: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(context: &'a Context, open: &'a OpenFiles) -> Self {
        Self {
            context,
            open,
            opener: Opener::default(),
            plain: Vec::new(),
            other: Vec::new(),
            buffer: Vec::new(),
            window: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) {
        while let Some(work) = self.context.fetch.next_work(&self.context.report) {
            match work {
                Work::Chunk(batch, phase, range) => {
                    range.for_each(|number| self.item(&batch, phase, number));
                    drop(batch);
                    self.context.fetch.finished(0, false);
                }
                Work::Segment(batch, plan, segment, answer) => {
                    let held = if matches!(answer, Ok(Answer::Bytes(_))) { segment.length } else { 0 };
                    self.segment(&batch, &plan, &segment, answer);
                    drop((batch, plan));
                    self.context.fetch.finished(held, true);
                }
            }
        }
    }

    fn item(&mut self, batch: &Batch, phase: Phase, number: usize) {
        let context = self.context;
        if context.report.stopped() {
            return;
        }
        match phase {
            Phase::Compare if batch.files[number].there != entry::There::File => {}
            Phase::Compare => compare::present(context, &batch.files[number], &mut self.buffer),
            Phase::Verify => compare::verify(context, &batch.files[number], &mut self.buffer),
            Phase::Others => other::make(context, &batch.others[number]),
            Phase::Links => other::link(context, &batch.links[number]),
            Phase::Empty => {
                let file = &batch.files[number];
                let new = matches!(*file.state(), entry::State::New);
                if file.planned.load(Relaxed) || matches!(*file.state(), entry::State::Settled) {
                    return;
                }
                if new && file.content.is_empty() {
                    write::whole(context, file, &[]);
                } else {
                    write::complete(context, file);
                }
            }
        }
    }

    /// Opens each blob of a range once and writes it to all its places.
    fn segment(&mut self, batch: &Batch, plan: &Plan, segment: &Segment, answer: Result<Answer, String>) {
        let wants = &plan.wants[segment.wants.clone()];
        if let Some(want) = wants.first() {
            self.context.report.current(batch.files[want.file as usize].path());
        }
        let mut source = Source::new(answer, segment.offset, std::mem::take(&mut self.window));
        self.wants(batch, segment.pack, wants, &mut source);
        self.window = source.window;
        if self.window.len() > KEPT {
            self.window = Vec::new();
        }
    }

    fn wants(&mut self, batch: &Batch, pack: Id, wants: &[Want], source: &mut Source) {
        let mut singly = if wants.iter().any(|want| want.offset != wants[0].offset) { MOST_SINGLE } else { 0 };
        let mut start = 0;
        while start < wants.len() {
            if self.context.report.stopped() {
                return;
            }
            let same = wants[start..].iter().take_while(|want| want.offset == wants[start].offset).count();
            let group = &wants[start..start + same];
            let ahead = &wants[start + same..];
            start += same;
            if let ([want], [next, rest @ ..]) = (group, ahead)
                && rest.first().is_none_or(|third| third.offset != next.offset)
                && self.pair(batch, want, ahead, source)
            {
                start += 1;
                continue;
            }
            if source.answer.is_err() && singly > 0 {
                // One entry of the index that lies about its place must not cost those beside it.
                let (offset, length) = (u64::from(group[0].offset), u64::from(group[0].length));
                match self.context.fetch.read(&self.context.report, pack, offset, length, false) {
                    Ok(answer) => {
                        self.group(batch, pack, group, &[], &mut Source::new(Ok(answer), offset, Vec::new()));
                        continue;
                    }
                    Err(_) => singly -= 1,
                }
            }
            self.group(batch, pack, group, ahead, source);
        }
    }

    /// Two blobs for one place each, hashed together. `false` where either is too long or bad: nothing is done then,
    /// and whoever looks at them one by one finds out which.
    fn pair(&mut self, batch: &Batch, want: &Want, ahead: &[Want], source: &mut Source) -> bool {
        let [next, rest @ ..] = ahead else { return false };
        let length = |want: &Want| u64::from(want.length.max(want.uncompressed));
        if source.answer.is_err() || length(want) + length(next) > MOST_PAIRED {
            return false;
        }
        let entry_of = |want: &Want| want.entry(batch.files[want.file as usize].content[want.blob as usize]);
        let (entry, next_entry) = (entry_of(want), entry_of(next));
        let envelope = &self.context.envelope;
        let mut open = |want: &Want, entry: &BlobEntry, ahead: &[Want], out: &mut Vec<u8>| {
            source.bytes(want, ahead).is_ok_and(|bytes| self.opener.open_unproven(envelope, entry, &bytes, out).is_ok())
        };
        if !open(want, &entry, ahead, &mut self.plain) || !open(next, &next_entry, rest, &mut self.other) {
            return false;
        }
        let (found, next_found) = Id::of_both(&self.plain, &self.other);
        if prove(&entry, found).is_err() || prove(&next_entry, next_found).is_err() {
            return false;
        }
        self.put(batch, want, &self.plain);
        self.put(batch, next, &self.other);
        true
    }

    /// Write a blob to one of its places.
    fn put(&self, batch: &Batch, want: &Want, plain: &[u8]) {
        let file = &batch.files[want.file as usize];
        let whole = file.content.len() == 1 && matches!(*file.state(), entry::State::New);
        if whole {
            write::whole(self.context, file, plain);
        } else {
            write::part(self.context, batch, self.open, want.file, want.at, plain);
        }
    }

    /// Wants of one place in a pack. That they are of one blob is what an honest index says, so each ID is looked at.
    fn group(&mut self, batch: &Batch, pack: Id, group: &[Want], ahead: &[Want], source: &mut Source) {
        let id_of = |want: &Want| batch.files[want.file as usize].content[want.blob as usize];
        let mut opened: Option<Id> = None;
        for want in group {
            let id = id_of(want);
            if opened != Some(id) {
                opened = None;
                let first =
                    source.bytes(want, ahead).and_then(|bytes| self.open(id, want, &bytes).map_err(|e| e.to_string()));
                let came = source.answer.is_ok();
                let result = first.or_else(|message| self.other_reads(id, (pack, want.offset), came).ok_or(message));
                if let Err(message) = result {
                    write::lost(self.context, &batch.files[want.file as usize], &message);
                    continue;
                }
                opened = Some(id);
            }
            self.put(batch, want, &self.plain);
        }
    }

    fn open(&mut self, id: Id, want: &Want, bytes: &[u8]) -> Result<()> {
        let entry = want.entry(id);
        self.opener.open(&self.context.envelope, &entry, bytes, &mut self.plain)
    }

    /// Looks for a blob that was bad at its first place: there once more if bytes `came`, since the line may have been
    /// at fault, and in its other copies. Whether one was good.
    fn other_reads(&mut self, id: Id, first: (Id, u32), came: bool) -> Option<()> {
        let is_first = |place: &Location| (place.pack, place.offset) == first;
        let mut locations = self.context.index().lookup_all(BlobType::Data, &id);
        locations.retain(|place| came || !is_first(place));
        locations.sort_by_key(|place| !is_first(place));
        for location in locations {
            if super::plan::is_too_long(&location) {
                continue;
            }
            let (start, length) = (u64::from(location.offset), u64::from(location.length));
            let Ok(answer) = self.context.fetch.read(&self.context.report, location.pack, start, length, false) else {
                continue;
            };
            let want = Want::of_copy(&location);
            let mut source = Source::new(Ok(answer), start, Vec::new());
            if source.bytes(&want, &[]).is_ok_and(|bytes| self.open(id, &want, &bytes).is_ok()) {
                return Some(());
            }
        }
        None
    }
}

/// Bytes of a range, from memory or from an open file, of which a window is held.
struct Source {
    answer: Result<Answer, String>,
    /// Where the range begins in the pack.
    offset: u64,
    /// Memory for the window; only its first `held` bytes count, so that none is cleared before it is filled.
    window: Vec<u8>,
    held: usize,
    window_at: u64,
}

impl Source {
    fn new(answer: Result<Answer, String>, offset: u64, window: Vec<u8>) -> Self {
        Self { answer, offset, window, held: 0, window_at: 0 }
    }

    /// The envelope of a blob; `ahead` are the blobs that will be asked for next.
    fn bytes(&mut self, want: &Want, ahead: &[Want]) -> Result<Cow<'_, [u8]>, String> {
        let (start, length) = (u64::from(want.offset), u64::from(want.length));
        match &self.answer {
            Err(message) => Err(message.clone()),
            Ok(Answer::Bytes(bytes)) => {
                let bytes: &[u8] = (**bytes).as_ref();
                let from = start.saturating_sub(self.offset) as usize;
                let range = bytes.get(from..from.saturating_add(length as usize));
                range.map(Cow::Borrowed).ok_or_else(|| "the pack ends before the blob does".to_owned())
            }
            Ok(Answer::File { handle, position }) => {
                let held = self.window_at..self.window_at + self.held as u64;
                if start < held.start || start + length > held.end {
                    let mut end = start + length;
                    for next in ahead {
                        let next_end = u64::from(next.offset) + u64::from(next.length);
                        if next_end - start > READ {
                            break;
                        }
                        end = end.max(next_end);
                    }
                    self.held = (end - start) as usize;
                    if self.window.len() < self.held {
                        self.window.resize(self.held, 0);
                    }
                    self.window_at = start;
                    let at = position + start.saturating_sub(self.offset);
                    let mut read = bytes::read_exact(handle, at, &mut self.window[..self.held]);
                    if read.is_err() && self.held as u64 > length {
                        self.held = length as usize; // those ahead may be what is missing
                        read = bytes::read_exact(handle, at, &mut self.window[..self.held]);
                    }
                    if let Err(error) = read {
                        self.held = 0;
                        return Err(match error {
                            rustix::io::Errno::NODATA => "the pack ends before the blob does".to_owned(),
                            error => Error::io("cannot read the pack", error).to_string(),
                        });
                    }
                }
                let from = (start - self.window_at) as usize;
                Ok(Cow::Borrowed(&self.window[from..from + length as usize]))
            }
        }
    }
}
