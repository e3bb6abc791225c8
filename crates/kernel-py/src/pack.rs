//! Packs: their headers, their blobs, and building one.

use crate::data::{Data, Plaintext, Source, duplicate, id, kind, kind_name};
use crate::error::{detached, to_py};
use crate::key::Key;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use strongroom_kernel::pack;

/// One blob as a pack header or an index describes it.
#[pyclass(frozen, eq, hash, module = "strongroom._kernel")]
#[derive(PartialEq, Hash)]
pub struct BlobEntry(pub strongroom_kernel::BlobEntry);

#[pymethods]
impl BlobEntry {
    #[new]
    #[pyo3(signature = (kind, id, offset, length, uncompressed_length = 0))]
    fn new(kind: &str, id: &str, offset: u32, length: u32, uncompressed_length: u32) -> PyResult<Self> {
        let (kind, id) = (self::kind(kind)?, self::id(id)?);
        Ok(Self(strongroom_kernel::BlobEntry { kind, id, offset, length, uncompressed_length }))
    }

    #[getter]
    fn kind(&self) -> &'static str {
        kind_name(self.0.kind)
    }

    #[getter]
    fn id(&self) -> String {
        self.0.id.to_hex()
    }

    #[getter]
    fn offset(&self) -> u32 {
        self.0.offset
    }

    #[getter]
    fn length(&self) -> u32 {
        self.0.length
    }

    #[getter]
    fn uncompressed_length(&self) -> u32 {
        self.0.uncompressed_length
    }

    fn __repr__(&self) -> String {
        let strongroom_kernel::BlobEntry { id, offset, length, uncompressed_length, .. } = self.0;
        format!("BlobEntry({:?}, {id}, {offset}, {length}, {uncompressed_length})", self.kind())
    }
}

/// The verified plaintext of one blob.
#[pyfunction]
fn open_blob<'py>(
    py: Python<'py>,
    key: &Key,
    r#type: &str,
    id: &str,
    ciphertext: Data,
    uncompressed_length: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    opened(py, key, r#type, id, &ciphertext, uncompressed_length).map(|out| PyBytes::new(py, &out))
}

/// The verified plaintext of the blob of a tree, for `decode_tree`.
#[pyfunction]
fn open_tree(py: Python<'_>, key: &Key, id: &str, ciphertext: Data, uncompressed_length: u32) -> PyResult<Plaintext> {
    opened(py, key, "tree", id, &ciphertext, uncompressed_length).map(|out| Plaintext(Arc::new(out)))
}

fn opened(
    py: Python<'_>,
    key: &Key,
    r#type: &str,
    id: &str,
    ciphertext: &[u8],
    uncompressed_length: u32,
) -> PyResult<Vec<u8>> {
    let length = u32::try_from(ciphertext.len())
        .map_err(|_| to_py(strongroom_kernel::Error::too_large("a blob, in bytes,", u64::from(u32::MAX))))?;
    let entry =
        strongroom_kernel::BlobEntry { kind: kind(r#type)?, id: self::id(id)?, offset: 0, length, uncompressed_length };
    let mut out = Vec::new();
    detached(py, || pack::Opener::default().open(key.envelope(), &entry, ciphertext, &mut out))?;
    Ok(out)
}

thread_local! {
    /// Memory for ranges and frames, kept from call to call.
    static SHELF: RefCell<pack::Shelf> = RefCell::default();
}

/// The verified plaintexts of blobs of ranges of packs.
#[pyfunction]
fn open_together(
    py: Python<'_>,
    key: &Key,
    ranges: Vec<(Source, u64, Vec<PyRef<'_, BlobEntry>>)>,
) -> PyResult<Vec<Option<Plaintext>>> {
    let files = ranges.iter().map(|(source, _, _)| match source {
        Source::Descriptor(descriptor) => duplicate(*descriptor).map(Some),
        Source::Bytes(_) => Ok(None),
    });
    let files = files.collect::<PyResult<Vec<_>>>()?;
    let mut wanted = Vec::with_capacity(ranges.len());
    for ((source, offset, entries), file) in ranges.iter().zip(&files) {
        let source = match (source, file) {
            (Source::Bytes(bytes), _) => pack::Source::Memory(bytes),
            (_, Some(file)) => pack::Source::File { file, start: *offset },
            (_, None) => return Err(PyValueError::new_err("a descriptor without a file")),
        };
        let entries = entries.iter().map(|entry| entry.0).collect();
        wanted.push(pack::Range { source, offset: *offset, entries });
    }
    let opened =
        detached(py, || Ok(SHELF.with_borrow_mut(|shelf| pack::open_together(key.envelope(), &wanted, shelf))))?;
    Ok(opened.into_iter().map(|plain| plain.map(|plain| Plaintext(Arc::new(plain)))).collect())
}

/// The length of the header envelope of a pack, in bytes.
#[pyfunction]
fn pack_header_length(tail: Data, size: u64) -> PyResult<usize> {
    pack::header_length(&tail, size).map_err(to_py)
}

/// The entries of the header of a pack.
#[pyfunction]
fn parse_pack_header(py: Python<'_>, key: &Key, tail: Data, size: u64) -> PyResult<Vec<BlobEntry>> {
    let entries = detached(py, || pack::parse_header(key.envelope(), &tail, size))?;
    Ok(entries.into_iter().map(BlobEntry).collect())
}

/// A pack under construction.
#[pyclass(frozen, module = "strongroom._kernel")]
struct PackBuilder(Mutex<Option<pack::PackBuilder>>);

impl PackBuilder {
    fn lock(&self) -> MutexGuard<'_, Option<pack::PackBuilder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("the pack is finished")
}

#[pymethods]
impl PackBuilder {
    #[new]
    fn new(key: &Key) -> Self {
        Self(Mutex::new(Some(pack::PackBuilder::new(Arc::clone(key.envelope())))))
    }

    #[pyo3(signature = (kind, id, data, uncompressed_length = 0))]
    fn add(&self, py: Python<'_>, kind: &str, id: &str, data: Data, uncompressed_length: u32) -> PyResult<BlobEntry> {
        let (kind, id) = (self::kind(kind)?, self::id(id)?);
        detached(py, || self.lock().as_mut().map(|pack| pack.add(kind, id, &data, uncompressed_length)).transpose())?
            .map(BlobEntry)
            .ok_or_else(finished)
    }

    fn count(&self) -> usize {
        self.lock().as_ref().map_or(0, pack::PackBuilder::count)
    }

    fn __len__(&self) -> usize {
        self.lock().as_ref().map_or(0, pack::PackBuilder::len)
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<(String, Bound<'py, PyBytes>, Vec<BlobEntry>)> {
        let pack =
            detached(py, || self.lock().take().map(pack::PackBuilder::finish).transpose())?.ok_or_else(finished)?;
        let entries = pack.entries.into_iter().map(BlobEntry).collect();
        Ok((pack.id.to_hex(), PyBytes::new(py, &pack.bytes), entries))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BlobEntry>()?;
    module.add_class::<PackBuilder>()?;
    module.add_class::<Plaintext>()?;
    module.add_function(wrap_pyfunction!(open_blob, module)?)?;
    module.add_function(wrap_pyfunction!(open_tree, module)?)?;
    module.add_function(wrap_pyfunction!(open_together, module)?)?;
    module.add_function(wrap_pyfunction!(pack_header_length, module)?)?;
    module.add_function(wrap_pyfunction!(parse_pack_header, module)?)
}
