//! A restore under way, as its owner sees it. Every call that may wait releases the interpreter lock.

use crate::data::{Data, duplicate, id};
use crate::error::{detached, to_py};
use crate::filter::{Raw, raw};
use crate::index::Index;
use crate::key::Key;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use strongroom_kernel::Error;
use strongroom_kernel::filter::Selection;
use strongroom_kernel::restore::{self, Action, Answer, Event, Options, Overwrite};

/// A range of a pack that the kernel wants.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
struct RestoreRequest {
    ticket: u64,
    pack: String,
    offset: u64,
    length: u64,
    tree: bool,
}

/// How far a restore is.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
struct RestoreProgress {
    files_total: u64,
    bytes_total: u64,
    files_done: u64,
    bytes_done: u64,
    files_skipped: u64,
    bytes_skipped: u64,
    files_deleted: u64,
    files_verified: u64,
    errors: u64,
    walked: bool,
    current: Py<PyBytes>,
}

/// What happened to one item.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
struct RestoreEvent {
    kind: &'static str,
    path: Py<PyBytes>,
    text: String,
    size: u64,
}

/// Bytes that Python holds, for the kernel's threads.
struct Held(Data);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn overwrite(word: &str) -> PyResult<Overwrite> {
    Ok(match word {
        "always" => Overwrite::Always,
        "if-changed" => Overwrite::IfChanged,
        "if-newer" => Overwrite::IfNewer,
        "never" => Overwrite::Never,
        _ => return Err(PyValueError::new_err(format!("no way to overwrite: {word:?}"))),
    })
}

fn event(py: Python<'_>, event: Event) -> RestoreEvent {
    let (kind, path, text, size) = match event {
        Event::Failed { path, message } => ("failed", path, message, 0),
        Event::LeftOut { path, what } => ("left out", path, what.to_owned(), 0),
        Event::Item { path, action, size } => {
            let word = match action {
                Action::Restored => "restored",
                Action::Updated => "updated",
                Action::Unchanged => "unchanged",
                Action::Deleted => "deleted",
            };
            (word, path, String::new(), size)
        }
    };
    RestoreEvent { kind, path: PyBytes::new(py, &path).unbind(), text, size }
}

/// Those attributes of Python's record of options that the kernel reads, by their names there.
#[derive(FromPyObject)]
struct UserOptions {
    target: Raw,
    includes: Vec<Raw>,
    iincludes: Vec<Raw>,
    excludes: Vec<Raw>,
    iexcludes: Vec<Raw>,
    overwrite: String,
    delete: bool,
    dry_run: bool,
    verify: bool,
    sparse: bool,
    safe: bool,
    ownership_by_name: bool,
    include_xattrs: Vec<Raw>,
    exclude_xattrs: Vec<Raw>,
    workers: usize,
}

impl UserOptions {
    /// Where to, what is wanted, and how; with what the user does not decide.
    fn into_parts(self, on_the_way: HashSet<Vec<u8>>, report_items: bool) -> PyResult<(Vec<u8>, Selection, Options)> {
        let (includes, iincludes) = (raw(self.includes), raw(self.iincludes));
        let select = Selection::new(&includes, &iincludes, &raw(self.excludes), &raw(self.iexcludes)).map_err(to_py)?;
        let options = Options {
            overwrite: overwrite(&self.overwrite)?,
            delete: self.delete,
            on_the_way,
            dry_run: self.dry_run,
            verify: self.verify,
            sparse: self.sparse,
            safe: self.safe,
            ownership_by_name: self.ownership_by_name,
            include_attributes: raw(self.include_xattrs),
            exclude_attributes: raw(self.exclude_xattrs),
            report_items,
            workers: self.workers,
        };
        Ok((self.target.0, select, options))
    }
}

/// A restore under way.
#[pyclass(frozen, module = "strongroom._kernel")]
struct Restore(restore::Restore);

#[pymethods]
impl Restore {
    #[new]
    #[pyo3(signature = (key, index, root, options, *, on_the_way, report_items))]
    fn new(
        py: Python<'_>,
        key: &Key,
        index: &Index,
        root: &str,
        options: UserOptions,
        on_the_way: HashSet<Vec<u8>>,
        report_items: bool,
    ) -> PyResult<Self> {
        let root = id(root)?;
        let (target, select, options) = options.into_parts(on_the_way, report_items)?;
        let (envelope, index) = (key.envelope().clone(), index.shared().clone());
        detached(py, || {
            let target = Path::new(OsStr::from_bytes(&target));
            restore::Restore::start(envelope, index, root, target, select, options).map(Self)
        })
    }

    fn next_request(&self, py: Python<'_>, timeout: f64) -> Option<RestoreRequest> {
        let timeout = Duration::from_secs_f64(timeout.clamp(0.0, 0.1));
        py.detach(|| self.0.next_request(timeout)).map(|request| RestoreRequest {
            ticket: request.ticket,
            pack: request.pack.to_hex(),
            offset: request.offset,
            length: request.length,
            tree: request.tree,
        })
    }

    fn supply(&self, py: Python<'_>, ticket: u64, data: Data) {
        py.detach(|| self.0.answer(ticket, Ok(Answer::Bytes(Box::new(Held(data))))));
    }

    fn supply_file(&self, ticket: u64, descriptor: i32, position: u64) -> PyResult<()> {
        let handle = duplicate(descriptor)?.into();
        self.0.answer(ticket, Ok(Answer::File { handle, position }));
        Ok(())
    }

    fn refuse(&self, ticket: u64, reason: String) {
        self.0.answer(ticket, Err(reason));
    }

    fn events(&self, py: Python<'_>) -> Vec<RestoreEvent> {
        self.0.take_events().into_iter().map(|item| event(py, item)).collect()
    }

    fn progress(&self, py: Python<'_>) -> RestoreProgress {
        let now = self.0.progress();
        RestoreProgress {
            files_total: now.files_total,
            bytes_total: now.bytes_total,
            files_done: now.files_done,
            bytes_done: now.bytes_done,
            files_skipped: now.files_skipped,
            bytes_skipped: now.bytes_skipped,
            files_deleted: now.files_deleted,
            files_verified: now.files_verified,
            errors: now.errors,
            walked: now.walked,
            current: PyBytes::new(py, &now.current).unbind(),
        }
    }

    #[getter]
    fn finished(&self) -> bool {
        self.0.is_finished()
    }

    fn stop(&self) {
        self.0.stop(Error::Cancelled);
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.0.join())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RestoreRequest>()?;
    module.add_class::<RestoreProgress>()?;
    module.add_class::<RestoreEvent>()?;
    module.add_class::<Restore>()
}
