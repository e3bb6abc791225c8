//! Sets of blobs and of digests.

use crate::data::{Data, id, kind};
use crate::error::detached;
use crate::index::Index;
use crate::node::Node;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};
use strongroom_kernel::index::decode_rows;
use strongroom_kernel::sets;
use strongroom_kernel::tree::{Mode, decode_tree};

/// Counts and sizes of blobs.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
struct BlobTotals {
    data_blobs: u64,
    tree_blobs: u64,
    indexed: u64,
    stored: u64,
    plain: u64,
    compressed: u64,
    compressed_stored: u64,
    compressed_plain: u64,
}

/// Blobs, each once.
#[pyclass(frozen, module = "strongroom._kernel")]
struct BlobSet(Mutex<sets::BlobSet>);

impl BlobSet {
    fn inner(&self) -> MutexGuard<'_, sets::BlobSet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl BlobSet {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn add(&self, r#type: &str, id: &str) -> PyResult<bool> {
        Ok(self.inner().insert(kind(r#type)?, self::id(id)?))
    }

    fn add_content(&self, node: &Node) {
        self.inner().insert_content(&node.0);
    }

    fn add_tree(&self, py: Python<'_>, plaintext: Data) -> PyResult<()> {
        detached(py, || {
            let tree = decode_tree(&plaintext, Mode::Lenient)?;
            let mut inner = self.inner();
            tree.nodes.iter().for_each(|node| inner.insert_content(node));
            Ok(())
        })
    }

    fn insert_into(&self, py: Python<'_>, index: &Index, packs: Vec<(String, Data)>) -> PyResult<()> {
        let packs = packs.iter().map(|(pack, rows)| Ok((self::id(pack)?, rows))).collect::<PyResult<Vec<_>>>()?;
        detached(py, || {
            let wanted = self.inner();
            let mut index = index.shared().write().unwrap_or_else(PoisonError::into_inner);
            packs.iter().try_for_each(|(pack, rows)| {
                let mut blobs = decode_rows(rows)?;
                blobs.retain(|blob| wanted.contains(blob.kind, &blob.id));
                if blobs.is_empty() { Ok(()) } else { index.insert_pack(*pack, &blobs) }
            })
        })
    }

    fn add_all(&self, py: Python<'_>, other: &Self) -> PyResult<usize> {
        if std::ptr::eq(self, other) {
            return Ok(0);
        }
        detached(py, || Ok(self.inner().insert_all(&other.inner())))
    }

    #[pyo3(signature = (index, without = None))]
    fn totals(&self, py: Python<'_>, index: &Index, without: Option<&Self>) -> PyResult<BlobTotals> {
        detached(py, || {
            let index = index.shared().read().unwrap_or_else(PoisonError::into_inner);
            let totals = match without {
                Some(other) if std::ptr::eq(self, other) => sets::Totals::default(),
                Some(other) => self.inner().totals(&index, &other.inner()),
                None => self.inner().totals(&index, &sets::BlobSet::default()),
            };
            Ok(BlobTotals {
                data_blobs: totals.data_blobs,
                tree_blobs: totals.tree_blobs,
                indexed: totals.indexed,
                stored: totals.stored,
                plain: totals.plain,
                compressed: totals.compressed,
                compressed_stored: totals.compressed_stored,
                compressed_plain: totals.compressed_plain,
            })
        })
    }

    fn __len__(&self) -> usize {
        self.inner().len()
    }
}

/// Things that are known by half of their SHA-256.
#[pyclass(frozen, module = "strongroom._kernel")]
struct DigestSet(Mutex<sets::DigestSet>);

impl DigestSet {
    fn inner(&self) -> MutexGuard<'_, sets::DigestSet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl DigestSet {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn add(&self, thing: &[u8]) -> bool {
        self.inner().insert([thing])
    }

    fn add_content(&self, node: &Node) -> bool {
        self.inner().insert_content(&node.0)
    }

    fn add_uses(&self, path: &[u8], node: &Node, index: &Index) -> (u64, u64) {
        let index = index.shared().read().unwrap_or_else(PoisonError::into_inner);
        self.inner().insert_uses(path, &node.0, &index)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BlobTotals>()?;
    module.add_class::<BlobSet>()?;
    module.add_class::<DigestSet>()
}
