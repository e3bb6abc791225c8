//! A repository that takes part in a backup.

use crate::error::to_py;
use crate::index::Index;
use crate::key::Key;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;
use strongroom_kernel::Id;
use strongroom_kernel::archive::TargetOptions;
use strongroom_kernel::compress::Compression;
use strongroom_kernel::polynomial::Polynomial;

/// One repository of a backup.
#[pyclass(frozen, name = "BackupTarget", module = "strongroom._kernel")]
pub struct BackupTarget {
    key: Py<Key>,
    index: Py<Index>,
    version: u8,
    compression: Compression,
    pack_size: usize,
    polynomial: Polynomial,
    near: bool,
    parent: Option<Id>,
}

#[pymethods]
impl BackupTarget {
    #[new]
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (key, index, *, version, compression, pack_size, polynomial, near=false, parent=None))]
    fn new(
        key: Py<Key>,
        index: Py<Index>,
        version: u8,
        compression: &str,
        pack_size: usize,
        polynomial: u64,
        near: bool,
        parent: Option<&str>,
    ) -> PyResult<Self> {
        Ok(Self {
            key,
            index,
            version,
            compression: Compression::named(compression)
                .ok_or_else(|| PyValueError::new_err(format!("no compression mode: {compression}")))?,
            pack_size,
            polynomial: Polynomial(polynomial),
            near,
            parent: parent.map(str::parse).transpose().map_err(to_py)?,
        })
    }
}

impl BackupTarget {
    /// What a run wants to know of the repository.
    pub fn options(&self) -> TargetOptions {
        TargetOptions {
            envelope: Arc::clone(self.key.get().envelope()),
            version: self.version,
            compression: self.compression,
            pack_size: self.pack_size,
            index: Arc::clone(self.index.get().shared()),
            polynomial: self.polynomial,
            near: self.near,
            parent: self.parent,
        }
    }
}
