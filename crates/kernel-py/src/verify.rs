//! Verification of whole packs.

use crate::data::{Source, duplicate, id};
use crate::error::detached;
use crate::key::Key;
use crate::pack::BlobEntry;
use pyo3::prelude::*;
use std::cell::RefCell;
use strongroom_kernel::verify::{self, Scratch};

thread_local! {
    /// Memory for one pack at a time, kept from call to call.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a pack holds and what is wrong with it.
#[pyclass(frozen, module = "strongroom._kernel")]
struct PackReport(verify::Report);

fn entries(entries: &[strongroom_kernel::BlobEntry]) -> Vec<BlobEntry> {
    entries.iter().copied().map(BlobEntry).collect()
}

#[pymethods]
impl PackReport {
    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    #[getter]
    fn sound(&self) -> bool {
        self.0.is_sound()
    }

    #[getter]
    fn entries(&self) -> Vec<BlobEntry> {
        entries(&self.0.entries)
    }

    #[getter]
    fn verified(&self) -> Vec<BlobEntry> {
        entries(&self.0.verified)
    }

    #[getter]
    fn errors(&self) -> Vec<String> {
        self.0.errors.clone()
    }

    #[getter]
    fn bad_blobs(&self) -> Vec<(BlobEntry, String)> {
        self.0.bad_blobs.iter().map(|(blob, reason)| (BlobEntry(*blob), reason.clone())).collect()
    }
}

/// Verifies a whole pack.
#[pyfunction]
#[pyo3(signature = (key, name, source, expected = None, *, offset = 0, size = None))]
fn verify_pack(
    py: Python<'_>,
    key: &Key,
    name: &str,
    source: Source,
    expected: Option<Vec<PyRef<'_, BlobEntry>>>,
    offset: u64,
    size: Option<u64>,
) -> PyResult<PackReport> {
    let name = id(name)?;
    let expected: Option<Vec<_>> = expected.map(|blobs| blobs.iter().map(|blob| blob.0).collect());
    let expected = expected.as_deref();
    let key = key.envelope();
    let report = match source {
        Source::Bytes(bytes) => detached(py, || {
            SCRATCH.with_borrow_mut(|scratch| Ok(verify::verify_pack(key, &name, &bytes, expected, scratch)))
        }),
        Source::Descriptor(descriptor) => {
            let file = duplicate(descriptor)?;
            let size = match size {
                Some(size) => size,
                None => file.metadata()?.len().saturating_sub(offset),
            };
            detached(py, || {
                SCRATCH.with_borrow_mut(|scratch| {
                    verify::verify_pack_file(key, &name, (&file, offset, size), expected, scratch)
                })
            })
        }
    }?;
    Ok(PackReport(report))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PackReport>()?;
    module.add_function(wrap_pyfunction!(verify_pack, module)?)
}
