//! Putting content into files: small ones in one go, others blob by blob, in any order.

use super::beneath;
use super::context::Context;
use super::directory::identity;
use super::entry::{Batch, File, State};
use super::metadata;
use super::report::Action;
use crate::{Error, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Files of several blobs that are kept open at once.
const MOST_OPEN: usize = 128;
/// Holes are made of whole blocks of this many bytes.
const BLOCK: usize = 4096;

/// The files of a batch that are open, the oldest first.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<VecDeque<u32>>);

/// A file of one blob, or of none, that is not there yet: made, written and finished at once.
pub(super) fn whole(context: &Context, file: &File, data: &[u8]) {
    if let Err((what, error)) = try_whole(context, file, data) {
        fail(context, file, what, error);
    }
    settle(context, file, Action::Restored);
}

type Attempt<T> = Result<T, (&'static str, Error)>;

fn os<T>(what: &'static str, result: rustix::io::Result<T>) -> Attempt<T> {
    result.map_err(|error| (what, Error::io("", error)))
}

fn try_whole(context: &Context, file: &File, data: &[u8]) -> Attempt<()> {
    let dir = context.handle(&file.dir).map_err(|error| ("cannot reach its directory", error))?;
    let mode = file.metadata.creation_mode(true);
    let handle = os("cannot create the file", beneath::create(dir.as_fd(), &file.name, mode))?;
    os("cannot write the file", put(&handle, data, 0, context.options.sparse))?;
    if context.options.sparse {
        os("cannot set the file's size", rustix::fs::ftruncate(&handle, data.len() as u64))?;
    }
    context.report.wrote(data.len() as u64);
    finish_handle(context, file, &handle)
}

/// Metadata of a file that is complete, and its identity for those who link to it.
fn finish_handle(context: &Context, file: &File, handle: &OwnedFd) -> Attempt<()> {
    let stat = os("cannot look at the file", rustix::fs::fstat(handle))?;
    let clean = !file.present && file.dir.plain;
    let outcome = metadata::apply_to_handle(handle, &stat, &file.metadata, clean);
    context.tell(|| file.path(), outcome);
    if let Some(source) = &file.source {
        let _ = source.identity.set(identity(&stat));
    }
    Ok(())
}

/// One blob of a larger file.
pub(super) fn part(context: &Context, batch: &Batch, open: &OpenFiles, number: u32, at: u64, data: &[u8]) {
    let file = &batch.files[number as usize];
    let result = open.handle(context, batch, number).and_then(|handle| {
        let holes = context.options.sparse && !file.present;
        os("cannot write the file", put(&handle, data, at, holes))
    });
    match result {
        Ok(()) => context.report.wrote(data.len() as u64),
        Err((what, error)) => fail(context, file, what, error),
    }
    part_done(context, file);
}

/// A blob that could not be had: the file is named, the rest of it is restored.
pub(super) fn lost(context: &Context, file: &File, message: &str) {
    refuse(context, file, message);
    part_done(context, file);
}

/// Names a file that will not be whole, once.
pub(super) fn refuse(context: &Context, file: &File, message: &str) {
    if !file.failed.swap(true, Relaxed) {
        context.report.failed(file.path(), message);
    }
}

/// Counts a blob; the last one finishes the file.
fn part_done(context: &Context, file: &File) {
    if file.remaining.fetch_sub(1, AcqRel) == 1 {
        complete(context, file);
    }
}

/// All blobs were written or given up.
pub(super) fn complete(context: &Context, file: &File) {
    if let Err((what, error)) = try_complete(context, file) {
        fail(context, file, what, error);
    }
    settle(context, file, if file.present { Action::Updated } else { Action::Restored });
}

fn try_complete(context: &Context, file: &File) -> Attempt<()> {
    let handle = {
        let mut state = file.state();
        match &*state {
            State::Open(handle) => Arc::clone(handle),
            State::New | State::Settled => return Ok(()), // it was given up before it was made
            State::Closed(_) | State::Lacking(..) => reopen(context, file, &mut state)?,
        }
    };
    let stat = os("cannot look at the file", rustix::fs::fstat(&handle))?;
    let length = file.length.load(Relaxed);
    if stat.st_size as u64 != length && !file.failed.load(Relaxed) {
        os("cannot set the file's size", rustix::fs::ftruncate(&handle, length))?;
    }
    finish_handle(context, file, &handle)
}

/// The last word on a file.
pub(super) fn settle(context: &Context, file: &File, action: Action) {
    *file.state() = State::Settled;
    let failed = file.failed.load(Relaxed);
    if !failed {
        let length = file.length.load(Relaxed);
        if length != file.size {
            let message = format!("restored with {length} bytes of content, but the snapshot says {}", file.size);
            context.report.failed(file.path(), message);
        }
        context.report.done(|| file.path(), false, action, length);
    }
    context.release(&file.dir);
}

/// Names a file, once.
pub(super) fn fail(context: &Context, file: &File, what: &str, error: Error) {
    if matches!(error, Error::Cancelled) {
        return; // it was given up before, and named
    }
    let first = !file.failed.swap(true, Relaxed);
    match error {
        Error::Io { source, .. } => {
            let errno = Errno::from_io_error(&source).unwrap_or(Errno::IO);
            if first || beneath::is_fatal(errno) {
                context.fail(file.path(), what, errno);
            }
        }
        error if first => context.report.failed(file.path(), format!("{what}: {error}")),
        _ => {}
    }
}

fn make(context: &Context, file: &File) -> Attempt<Arc<OwnedFd>> {
    let dir = context.handle(&file.dir).map_err(|error| ("cannot reach its directory", error))?;
    let mode = file.metadata.creation_mode(false);
    os("cannot create the file", beneath::create(dir.as_fd(), &file.name, mode)).map(Arc::new)
}

fn reopen(context: &Context, file: &File, state: &mut State) -> Attempt<Arc<OwnedFd>> {
    let (State::Closed(known) | State::Lacking(known, _)) = state else {
        return Err(("cannot open the file", Error::Internal("its state is another one".into())));
    };
    let dir = context.handle(&file.dir).map_err(|error| ("cannot reach its directory", error))?;
    let handle = os("cannot open the file again", beneath::open_file(dir.as_fd(), &file.name, true))?;
    let stat = os("cannot look at the file", rustix::fs::fstat(&handle))?;
    if identity(&stat) != *known {
        return Err(("cannot open the file again", Error::damaged("another one has taken its place")));
    }
    let handle = Arc::new(handle);
    *state = State::Open(Arc::clone(&handle));
    Ok(handle)
}

impl OpenFiles {
    /// Forgets the files of the batch before, all of which are finished.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn handle(&self, context: &Context, batch: &Batch, number: u32) -> Attempt<Arc<OwnedFd>> {
        let file = &batch.files[number as usize];
        let handle = {
            let mut state = file.state();
            match &*state {
                State::Open(handle) => return Ok(Arc::clone(handle)),
                State::Settled => return Err(("", Error::Cancelled)),
                State::New => match make(context, file) {
                    Ok(handle) => {
                        *state = State::Open(Arc::clone(&handle));
                        handle
                    }
                    Err((what, error)) => {
                        *state = State::Settled;
                        fail(context, file, what, error);
                        return Err(("", Error::Cancelled));
                    }
                },
                State::Closed(_) | State::Lacking(..) => reopen(context, file, &mut state)?,
            }
        };
        self.remember(batch, number);
        Ok(handle)
    }

    /// Bounds the number of open files. What is being written just now stays open until that is done.
    fn remember(&self, batch: &Batch, number: u32) {
        let oldest = {
            let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            open.push_back(number);
            if open.len() > MOST_OPEN { open.pop_front() } else { None }
        };
        if let Some(oldest) = oldest.filter(|oldest| *oldest != number) {
            let mut state = batch.files[oldest as usize].state();
            if let State::Open(handle) = &*state
                && let Ok(stat) = rustix::fs::fstat(handle)
            {
                *state = State::Closed(identity(&stat));
            }
        }
    }
}

/// Writes all of `data` at `offset`; with `holes`, blocks of zeros are left out, which a new file has anyway.
fn put(handle: &OwnedFd, data: &[u8], offset: u64, holes: bool) -> rustix::io::Result<()> {
    if !holes {
        return put_all(handle, data, offset);
    }
    // Blocks lie at multiples of the block's size in the file, wherever the blob begins.
    let first = data.len().min((BLOCK - (offset % BLOCK as u64) as usize) % BLOCK);
    let mut at = 0; // start of what is not written yet and not zero
    let mut end = first;
    while end < data.len() {
        let next = data.len().min(end + BLOCK);
        if data[end..next].iter().all(|byte| *byte == 0) {
            put_all(handle, &data[at..end], offset + at as u64)?;
            at = next;
        }
        end = next;
    }
    put_all(handle, &data[at..], offset + at as u64)
}

fn put_all(handle: &OwnedFd, mut data: &[u8], mut offset: u64) -> rustix::io::Result<()> {
    while !data.is_empty() {
        match rustix::io::pwrite(handle, data, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => {
                data = &data[written..];
                offset += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
