//! Blobs from one repository's packs into those of others.

use crate::data::{Source, duplicate, id, kind, kind_name};
use crate::error::{detached, to_py};
use crate::key::Key;
use crate::pack::BlobEntry;
use crate::pack_buffer::Pack;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::cell::RefCell;
use std::io::Seek;
use std::sync::Arc;
use strongroom_kernel::BlobType;
use strongroom_kernel::compress::Compression;
use strongroom_kernel::pack::{self, Outgoing, Scratch, WriterOptions};

thread_local! {
    /// Memory for one blob at a time, kept from call to call.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A finished pack with what the index must say about it.
type Finished = (Pack, Vec<BlobEntry>);

fn finished(pack: Outgoing) -> Finished {
    let entries = pack.entries.into_iter().map(BlobEntry).collect();
    (Pack::new(pack.id, pack.bytes, pack.kind == BlobType::Tree), entries)
}

/// The packs of one repository that takes over blobs.
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct PackWriter(pack::PackWriter);

impl PackWriter {
    /// The writer itself, for the kernel's other parts.
    pub fn inner(&self) -> &pack::PackWriter {
        &self.0
    }
}

#[pymethods]
impl PackWriter {
    #[new]
    #[pyo3(signature = (key, *, pack_size, compression, version = 2, recompress = false, extra_verify = true, open_packs = 2))]
    fn new(
        key: &Key,
        pack_size: usize,
        compression: &str,
        version: u8,
        recompress: bool,
        extra_verify: bool,
        open_packs: usize,
    ) -> PyResult<Self> {
        let compression = Compression::named(compression)
            .ok_or_else(|| PyValueError::new_err(format!("no compression mode: {compression}")))?;
        let options = WriterOptions { version, compression, pack_size, open_packs, recompress, extra_verify };
        Ok(Self(pack::PackWriter::new(Arc::clone(key.envelope()), options)))
    }

    fn want(&self, r#type: &str, id: &str) -> PyResult<bool> {
        Ok(self.0.want(kind(r#type)?, self::id(id)?))
    }

    fn lacks(&self, r#type: &str, id: &str) -> PyResult<bool> {
        Ok(self.0.lacks(kind(r#type)?, &self::id(id)?))
    }

    fn wanted(&self) -> Vec<(&'static str, String)> {
        self.0.wanted().into_iter().map(|(kind, id)| (kind_name(kind), id.to_hex())).collect()
    }

    fn flush(&self, py: Python<'_>) -> PyResult<Vec<Finished>> {
        Ok(detached(py, || self.0.flush())?.into_iter().map(finished).collect())
    }
}

type Transferred = (Vec<(usize, Pack, Vec<BlobEntry>)>, Vec<(BlobEntry, String)>);

/// Brings the blobs that the writers want out of a range of a pack.
#[pyfunction]
#[pyo3(signature = (key, source, entries, writers, *, offset = 0))]
fn transfer_blobs(
    py: Python<'_>,
    key: &Key,
    source: Source,
    entries: Vec<PyRef<'_, BlobEntry>>,
    writers: Vec<Py<PackWriter>>,
    offset: u64,
) -> PyResult<Transferred> {
    let entries: Vec<_> = entries.iter().map(|entry| entry.0).collect();
    let writers: Vec<&pack::PackWriter> = writers.iter().map(|writer| &writer.get().0).collect();
    let key = key.envelope();
    let mut file = None;
    let source = match &source {
        Source::Bytes(bytes) => pack::Source::Memory(bytes),
        Source::Descriptor(descriptor) => {
            let file = file.insert(duplicate(*descriptor)?);
            let start = file
                .stream_position()
                .map_err(|error| to_py(strongroom_kernel::Error::Io { what: "seeking".into(), source: error }))?;
            pack::Source::File { file, start }
        }
    };
    let done = detached(py, || {
        SCRATCH.with_borrow_mut(|scratch| pack::transfer(key, (&source, offset), &entries, &writers, scratch))
    })?;
    let packs = done.packs.into_iter().map(|(number, pack)| {
        let (pack, entries) = finished(pack);
        (number, pack, entries)
    });
    let bad = done.bad.into_iter().map(|(entry, reason)| (BlobEntry(entry), reason));
    Ok((packs.collect(), bad.collect()))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PackWriter>()?;
    module.add_function(wrap_pyfunction!(transfer_blobs, module)?)
}
