//! What snapshots need of an index, and what follows for its packs.

use crate::data::{Data, id, ids, kind, kind_name};
use crate::error::detached;
use crate::index::Index;
use crate::key::Key;
use crate::pack::BlobEntry;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom_kernel::{Id, Result, index, usage};

/// One pack by its index.
#[pyclass(frozen, module = "strongroom._kernel")]
struct PackUse(usage::PackUse);

#[pymethods]
impl PackUse {
    #[getter]
    fn id(&self) -> String {
        self.0.id.to_hex()
    }

    #[getter]
    fn used_blobs(&self) -> u64 {
        self.0.used_blobs
    }

    #[getter]
    fn unused_blobs(&self) -> u64 {
        self.0.unused_blobs
    }

    #[getter]
    fn used_size(&self) -> u64 {
        self.0.used_size
    }

    #[getter]
    fn unused_size(&self) -> u64 {
        self.0.unused_size
    }

    #[getter]
    fn kind(&self) -> &'static str {
        match (self.0.data, self.0.trees) {
            (true, true) => "mixed",
            (true, false) => "data",
            (false, true) => "tree",
            (false, false) => "",
        }
    }

    #[getter]
    fn uncompressed(&self) -> bool {
        self.0.uncompressed
    }

    #[getter]
    fn lies(&self) -> bool {
        self.0.lies
    }
}

/// One pack where the first copy of a blob counts.
#[pyclass(frozen, module = "strongroom._kernel")]
struct PackShare(usage::PackShare);

#[pymethods]
impl PackShare {
    #[getter]
    fn id(&self) -> String {
        self.0.id.to_hex()
    }

    #[getter]
    fn needed_blobs(&self) -> u64 {
        self.0.needed_blobs
    }

    #[getter]
    fn used_blobs(&self) -> u64 {
        self.0.used_blobs
    }

    #[getter]
    fn used_size(&self) -> u64 {
        self.0.used_size
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }
}

/// All packs together.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
struct UsageTotals {
    used_blobs: u64,
    used_size: u64,
    duplicate_blobs: u64,
    duplicate_size: u64,
    unused_blobs: u64,
    unused_size: u64,
}

/// Which blobs of an index are needed.
#[pyclass(frozen, module = "strongroom._kernel")]
struct Usage {
    index: Arc<RwLock<index::Index>>,
    inner: usage::Usage,
}

impl Usage {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&usage::Usage, &index::Index) -> Result<T> + Send,
    ) -> PyResult<T> {
        detached(py, || {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            self.inner.fits(&index)?;
            work(&self.inner, &index)
        })
    }
}

type RunFindings = (Vec<String>, Vec<(String, Py<PyBytes>, String)>, Vec<String>);
type Findings = (Vec<String>, Vec<(Py<PyBytes>, String)>);

#[pymethods]
impl Usage {
    #[new]
    fn new(index: &Index) -> Self {
        let index = Arc::clone(index.shared());
        let inner = usage::Usage::new(&index.read().unwrap_or_else(PoisonError::into_inner));
        Self { index, inner }
    }

    fn root(&self, py: Python<'_>, tree: &str) -> PyResult<bool> {
        let tree = id(tree)?;
        self.with(py, |usage, index| Ok(usage.reach(index, &tree)))
    }

    fn read(&self, py: Python<'_>, plaintext: Data) -> PyResult<Findings> {
        let found = self.with(py, |usage, index| usage.read(index, &plaintext))?;
        let subtrees = found.subtrees.iter().map(ToString::to_string).collect();
        let faults = found.faults.into_iter().map(|(name, what)| (PyBytes::new(py, &name).unbind(), what)).collect();
        Ok((subtrees, faults))
    }

    fn read_run(
        &self,
        py: Python<'_>,
        key: &Key,
        data: Data,
        start: u64,
        trees: Vec<PyRef<'_, BlobEntry>>,
    ) -> PyResult<RunFindings> {
        let trees = trees.iter().map(|tree| tree.0).collect::<Vec<_>>();
        let found = self.with(py, |usage, index| Ok(usage.read_run(index, key.envelope(), &data, start, &trees)))?;
        let subtrees = found.subtrees.iter().map(Id::to_hex).collect();
        let faults = found.faults.into_iter();
        let faults = faults.map(|(tree, name, what)| (tree.to_hex(), PyBytes::new(py, &name).unbind(), what)).collect();
        Ok((subtrees, faults, found.bad.iter().map(Id::to_hex).collect()))
    }

    fn needs(&self, py: Python<'_>, r#type: &str, id: &str) -> PyResult<bool> {
        let (kind, id) = (kind(r#type)?, self::id(id)?);
        self.with(py, |usage, index| Ok(usage.needs(index, kind, &id)))
    }

    fn packs(&self, py: Python<'_>) -> PyResult<(Vec<PackUse>, UsageTotals)> {
        let (packs, totals) = self.with(py, |usage, index| Ok(usage.packs(index)))?;
        let totals = UsageTotals {
            used_blobs: totals.used_blobs,
            used_size: totals.used_size,
            duplicate_blobs: totals.duplicate_blobs,
            duplicate_size: totals.duplicate_size,
            unused_blobs: totals.unused_blobs,
            unused_size: totals.unused_size,
        };
        Ok((packs.into_iter().map(PackUse).collect(), totals))
    }

    fn shares(&self, py: Python<'_>) -> PyResult<Vec<PackShare>> {
        let shares = self.with(py, |usage, index| Ok(usage.shares(index)))?;
        Ok(shares.into_iter().map(PackShare).collect())
    }

    fn lost(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, String)>> {
        let lost = self.with(py, |usage, index| Ok(usage.lost(index)))?;
        Ok(lost.into_iter().map(|(kind, id)| (kind_name(kind), id.to_hex())).collect())
    }

    fn settle(&self, py: Python<'_>, pack: &str, blobs: Vec<PyRef<'_, BlobEntry>>, good: bool) -> PyResult<()> {
        let (pack, blobs) = (id(pack)?, blobs.iter().map(|blob| blob.0).collect::<Vec<_>>());
        self.with(py, |usage, index| {
            usage.settle(index, &pack, &blobs, good);
            Ok(())
        })
    }

    fn suppose(&self, py: Python<'_>, going: Vec<String>) -> PyResult<(u64, u64)> {
        let going = ids(&going)?;
        self.with(py, |usage, index| Ok(usage.suppose(index, &going)))
    }

    fn lose(&self, py: Python<'_>, blobs: Vec<PyRef<'_, BlobEntry>>) -> PyResult<()> {
        let blobs = blobs.iter().map(|blob| blob.0).collect::<Vec<_>>();
        self.with(py, |usage, index| {
            usage.lose(index, &blobs);
            Ok(())
        })
    }

    fn moving(&self, py: Python<'_>, pack: &str) -> PyResult<Vec<BlobEntry>> {
        let pack = id(pack)?;
        Ok(self.with(py, |usage, index| Ok(usage.moving(index, &pack)))?.into_iter().map(BlobEntry).collect())
    }

    fn unproven(&self, py: Python<'_>, going: Vec<String>, limit: usize) -> PyResult<Vec<(String, BlobEntry)>> {
        let going = ids(&going)?;
        let unproven = self.with(py, |usage, index| Ok(usage.unproven(index, &going, limit)))?;
        Ok(unproven.into_iter().map(|(pack, blob)| (pack.to_hex(), BlobEntry(blob))).collect())
    }

    fn __len__(&self) -> usize {
        self.inner.trees()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PackUse>()?;
    module.add_class::<PackShare>()?;
    module.add_class::<UsageTotals>()?;
    module.add_class::<Usage>()
}
