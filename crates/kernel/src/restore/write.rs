//! Putting content into files: small ones in one go, others blob by blob, in any order.
//!
//! Where nothing stands a file is made under its own name, elsewhere under a temporary one, until it is whole.

use super::context::{Attempt, Context, os};
use super::copy;
use super::disk::beneath;
use super::disk::bytes::put;
use super::disk::metadata;
use super::disk::stamp::{Identity, identity};
use super::entry::{Batch, File, State, There};
use super::finish::release;
use super::place::Waiting;
use crate::Error;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The files of a batch that are open, the oldest first.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<VecDeque<u32>>);

/// A file of one blob, or of none, of which nothing is there yet: made, written and finished at once.
pub(super) fn whole(context: &Context, file: &File, data: &[u8]) {
    if let Err((what, error)) = try_whole(context, file, data) {
        fail(context, file, what, error);
        discard(context, file);
    }
    settle(context, file);
}

fn try_whole(context: &Context, file: &File, data: &[u8]) -> Attempt<()> {
    let handle = create(context, file, true)?;
    os("cannot write the file", put(&handle, data, 0, context.options.sparse))?;
    if context.options.sparse {
        os("cannot set the file's size", rustix::fs::ftruncate(&handle, data.len() as u64))?;
    }
    context.report.wrote(data.len() as u64);
    finish_handle(context, file, &handle)
}

/// A file that is complete gets its metadata and its place, and those who link to it its identity.
fn finish_handle(context: &Context, file: &File, handle: &OwnedFd) -> Attempt<()> {
    let stat = os("cannot look at the file", rustix::fs::fstat(handle))?;
    // One that took over attributes of an older one is looked at.
    let clean = file.dir.plain && !(file.there == There::File && file.metadata.chooses());
    let outcome = metadata::apply_to_handle(handle, &stat, &file.metadata, clean);
    context.tell(|| file.path(), outcome);
    if file.failed.load(Relaxed) {
        // It lacks something: neither its time may say otherwise nor another name have it.
        return os("cannot set the times", metadata::touch(handle));
    }
    if let Some(temporary) = file.staged.get() {
        let above = context.writable(&file.dir)?;
        waiting(file, &above, temporary).place(context)?;
    }
    if let Some(source) = &file.source {
        let _ = source.identity.set(identity(&stat));
    }
    Ok(())
}

fn waiting<'a>(file: &'a File, above: &'a OwnedFd, temporary: &'a [u8]) -> Waiting<'a> {
    let (dir, name, mtime) = (&file.dir, &*file.name, file.metadata.mtime);
    Waiting { dir, above, temporary, name, mtime, directory: false }
}

/// What there is of a file that will not be whole goes, where something else has its place.
fn discard(context: &Context, file: &File) {
    if let Some(temporary) = file.staged.get()
        && let Ok(above) = context.handle(&file.dir)
    {
        waiting(file, &above, temporary).discard(context);
    }
}

/// One blob of a larger file.
pub(super) fn part(context: &Context, batch: &Batch, open: &OpenFiles, number: u32, at: u64, data: &[u8]) {
    let file = &batch.files[number as usize];
    if file.there == There::Nothing || !file.failed.load(Relaxed) {
        let result = open
            .handle(context, batch, number)
            .and_then(|handle| os("cannot write the file", put(&handle, data, at, context.options.sparse)));
        match result {
            Ok(()) => context.report.wrote(data.len() as u64),
            Err((what, error)) => fail(context, file, what, error),
        }
    }
    part_done(context, file);
}

/// A blob that could not be had: the file is named. Where nothing stood the rest of it is restored, else what is there
/// stays.
pub(super) fn lost(context: &Context, file: &File, message: &str) {
    refuse(context, file, message);
    part_done(context, file);
}

/// Names a file that will not be whole, once.
pub(super) fn refuse(context: &Context, file: &File, message: &str) {
    if !file.failed.swap(true, Relaxed) {
        let stays = if file.there == There::Nothing { "" } else { "; what is there stays" };
        context.report.failed(file.path(), format!("{message}{stays}"));
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
        discard(context, file);
    }
    settle(context, file);
}

fn try_complete(context: &Context, file: &File) -> Attempt<()> {
    let failed = file.failed.load(Relaxed);
    if failed && file.there != There::Nothing {
        discard(context, file);
        return Ok(());
    }
    let handle = {
        let mut state = file.state();
        match &*state {
            State::Open(handle) => Arc::clone(handle),
            State::Settled => return Ok(()),
            State::New | State::Lacking(..) if failed => return Ok(()), // it was given up before it was made
            State::New | State::Lacking(..) => make(context, file, &mut state)?,
            State::Closed(_) => reopen(context, file, &mut state)?,
        }
    };
    let stat = os("cannot look at the file", rustix::fs::fstat(&handle))?;
    let length = file.length.load(Relaxed);
    if stat.st_size as u64 != length && !failed {
        os("cannot set the file's size", rustix::fs::ftruncate(&handle, length))?;
    }
    finish_handle(context, file, &handle)
}

/// The last word on a file.
pub(super) fn settle(context: &Context, file: &File) {
    *file.state() = State::Settled;
    let failed = file.failed.load(Relaxed);
    if !failed {
        let length = file.length.load(Relaxed);
        if length != file.size {
            let message = format!("restored with {length} bytes of content, but the snapshot says {}", file.size);
            context.report.failed(file.path(), message);
        }
        context.report.done(|| file.path(), file.action(), length);
    }
    release(context, &file.dir);
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

/// A new file, under its own name or a temporary one.
fn create(context: &Context, file: &File, whole: bool) -> Attempt<OwnedFd> {
    const WHAT: &str = "cannot create the file";
    let above = context.writable(&file.dir)?;
    let mode = file.metadata.creation_mode(whole);
    if file.there == There::Nothing {
        return os(WHAT, beneath::create(above.as_fd(), &file.name, mode));
    }
    let (name, handle) = os(WHAT, context.stage.file(&file.dir, &above, mode))?;
    let _ = file.staged.set(name);
    Ok(handle)
}

/// A file that gets its content piece by piece; it begins with what an older one holds.
fn make(context: &Context, file: &File, state: &mut State) -> Attempt<Arc<OwnedFd>> {
    let handle = Arc::new(create(context, file, false)?);
    if let State::Lacking(stamp, lacking) = state {
        let above = context.handle(&file.dir).map_err(|error| ("cannot reach its directory", error))?;
        copy::good_parts(context, file, &above, &handle, stamp, lacking)?;
    }
    *state = State::Open(Arc::clone(&handle));
    Ok(handle)
}

fn reopen(context: &Context, file: &File, state: &mut State) -> Attempt<Arc<OwnedFd>> {
    let State::Closed(known) = state else {
        return Err(("cannot open the file", Error::Internal("its state is another one".into())));
    };
    let handle = Arc::new(open_again(context, file, *known)?);
    *state = State::Open(Arc::clone(&handle));
    Ok(handle)
}

fn open_again(context: &Context, file: &File, known: Identity) -> Attempt<OwnedFd> {
    const WHAT: &str = "cannot open the file again";
    let dir = context.handle(&file.dir).map_err(|error| ("cannot reach its directory", error))?;
    let handle = os(WHAT, beneath::open_file(dir.as_fd(), file.name_on_disk(), OFlags::RDWR))?;
    let stat = os("cannot look at the file", rustix::fs::fstat(&handle))?;
    if identity(&stat) != known {
        return Err((WHAT, Error::damaged("another one has taken its place")));
    }
    if file.staged.get().is_some() {
        beneath::claim(&handle);
    }
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
                State::New | State::Lacking(..) => match make(context, file, &mut state) {
                    Ok(handle) => handle,
                    Err((what, error)) => {
                        *state = State::Settled;
                        drop(state);
                        fail(context, file, what, error);
                        return Err(("", Error::Cancelled));
                    }
                },
                State::Closed(_) => reopen(context, file, &mut state)?,
            }
        };
        self.remember(batch, number, context.limits.files);
        Ok(handle)
    }

    /// Bounds the number of open files. What is being written just now stays open until that is done.
    fn remember(&self, batch: &Batch, number: u32, most: usize) {
        let oldest = {
            let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            open.push_back(number);
            if open.len() > most { open.pop_front() } else { None }
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
