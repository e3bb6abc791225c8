//! The index of a repository in memory.

use crate::data::{Data, id, ids, kind};
use crate::error::{detached, to_py};
use crate::pack::BlobEntry;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use strongroom_kernel::{BlobType, Id, index};

/// One place where a blob lies.
#[pyclass(frozen, eq, module = "strongroom._kernel")]
#[derive(PartialEq)]
pub struct Location(index::Location);

#[pymethods]
impl Location {
    #[getter]
    fn pack(&self) -> String {
        self.0.pack.to_hex()
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
        let index::Location { pack, offset, length, uncompressed_length } = self.0;
        format!("Location({pack}, {offset}, {length}, {uncompressed_length})")
    }
}

/// All blobs that the index files of a repository name.
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct Index {
    shared: Arc<RwLock<index::Index>>,
}

impl Index {
    /// The index itself, for the kernel's threads.
    pub fn shared(&self) -> &Arc<RwLock<index::Index>> {
        &self.shared
    }

    fn read(&self) -> RwLockReadGuard<'_, index::Index> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut index::Index) -> strongroom_kernel::Result<T> + Send,
    ) -> PyResult<T> {
        detached(py, || work(&mut self.shared.write().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl Index {
    #[new]
    fn new() -> Self {
        Self { shared: Arc::new(RwLock::new(index::Index::new())) }
    }

    fn load(&self, py: Python<'_>, plaintext: Data) -> PyResult<Vec<String>> {
        // Parsing, which is most of the work, needs no lock; several files can be parsed at once.
        let parsed = detached(py, || index::parse_index(&plaintext))?;
        let packs = self.change(py, |index| index.load(&parsed))?;
        Ok(packs.iter().map(Id::to_hex).collect())
    }

    fn insert_pack(&self, py: Python<'_>, pack: &str, blobs: Vec<PyRef<'_, BlobEntry>>) -> PyResult<()> {
        let pack = id(pack)?;
        let blobs: Vec<_> = blobs.iter().map(|blob| blob.0).collect();
        self.change(py, |index| index.insert_pack(pack, &blobs))
    }

    fn insert_rows(&self, py: Python<'_>, pack: &str, rows: Data) -> PyResult<()> {
        let pack = id(pack)?;
        self.change(py, |index| index.insert_pack(pack, &index::decode_rows(&rows)?))
    }

    fn insert_many(&self, py: Python<'_>, packs: Vec<(String, Data)>) -> PyResult<()> {
        let packs = packs.iter().map(|(pack, rows)| Ok((id(pack)?, rows))).collect::<PyResult<Vec<_>>>()?;
        self.change(py, |index| {
            packs.iter().try_for_each(|(pack, rows)| index.insert_pack(*pack, &index::decode_rows(rows)?))
        })
    }

    fn insert_trees(&self, py: Python<'_>, packs: Vec<(String, Data)>) -> PyResult<()> {
        let packs = packs.iter().map(|(pack, rows)| Ok((id(pack)?, rows))).collect::<PyResult<Vec<_>>>()?;
        self.change(py, |index| {
            packs.iter().try_for_each(|(pack, rows)| {
                let mut blobs = index::decode_rows(rows)?;
                blobs.retain(|blob| blob.kind == BlobType::Tree);
                if blobs.is_empty() { Ok(()) } else { index.insert_pack(*pack, &blobs) }
            })
        })
    }

    fn reserve(&self, py: Python<'_>, places: usize) -> PyResult<()> {
        self.change(py, |index| {
            index.reserve(places);
            Ok(())
        })
    }

    fn contains(&self, r#type: &str, id: &str) -> PyResult<bool> {
        let (kind, id) = (kind(r#type)?, self::id(id)?);
        Ok(self.read().contains(kind, &id))
    }

    fn lookup(&self, r#type: &str, id: &str) -> PyResult<Vec<Location>> {
        let (kind, id) = (kind(r#type)?, self::id(id)?);
        Ok(self.read().lookup_all(kind, &id).into_iter().map(Location).collect())
    }

    fn packs(&self) -> Vec<String> {
        self.read().packs().map(|pack| pack.to_hex()).collect()
    }

    fn contains_pack(&self, pack: &str) -> PyResult<bool> {
        Ok(self.read().contains_pack(&id(pack)?))
    }

    fn pack_entries(&self, py: Python<'_>, pack: &str) -> PyResult<Vec<BlobEntry>> {
        let pack = id(pack)?;
        let entries = detached(py, || Ok(self.read().pack_entries(&pack)))?;
        Ok(entries.unwrap_or_default().into_iter().map(BlobEntry).collect())
    }

    #[pyo3(signature = (r#type, prefix = ""))]
    fn ids(&self, py: Python<'_>, r#type: &str, prefix: &str) -> PyResult<Vec<String>> {
        let kind = kind(r#type)?;
        detached(py, || {
            let index = self.read();
            let blobs = index.blobs().filter(|(blob, _)| blob.kind == kind).map(|(blob, _)| blob.id.to_hex());
            let mut ids: Vec<_> = blobs.filter(|id| id.starts_with(prefix)).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        })
    }

    fn count(&self, py: Python<'_>, pack: &str) -> PyResult<usize> {
        let pack = id(pack)?;
        detached(py, || Ok(self.read().pack_entries(&pack).map_or(0, |entries| entries.len())))
    }

    fn untidy(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let packs = detached(py, || Ok(self.read().untidy()))?;
        Ok(packs.iter().map(Id::to_hex).collect())
    }

    fn crowded(&self) -> Vec<String> {
        self.read().crowded().map(|pack| pack.to_hex()).collect()
    }

    fn without(&self, py: Python<'_>, packs: Vec<String>) -> PyResult<Self> {
        let packs = ids(&packs)?;
        let left = detached(py, || self.read().without(&packs))?;
        Ok(Self { shared: Arc::new(RwLock::new(left)) })
    }

    fn encode<'py>(&self, py: Python<'py>, packs: Vec<String>) -> PyResult<Bound<'py, PyBytes>> {
        let packs = packs.iter().map(|pack| id(pack)).collect::<PyResult<Vec<_>>>()?;
        let json = detached(py, || Ok(self.read().encode(&packs)))?;
        Ok(PyBytes::new(py, &json))
    }

    fn memory(&self) -> usize {
        self.read().memory()
    }

    fn __len__(&self) -> usize {
        self.read().len()
    }
}

/// The JSON of one index file as restic writes it.
#[pyfunction]
fn encode_index<'py>(
    py: Python<'py>,
    packs: Vec<(String, Vec<PyRef<'py, BlobEntry>>)>,
) -> PyResult<Bound<'py, PyBytes>> {
    let packs = packs
        .iter()
        .map(|(pack, blobs)| Ok((id(pack)?, blobs.iter().map(|blob| blob.0).collect())))
        .collect::<PyResult<Vec<_>>>()?;
    let json = detached(py, || Ok(index::encode_index(&packs)))?;
    Ok(PyBytes::new(py, &json))
}

/// What one index file says: each pack with its blobs, in the order of the file.
#[pyfunction]
fn parse_index(py: Python<'_>, plaintext: Data) -> PyResult<Vec<(String, Vec<BlobEntry>)>> {
    let parsed = detached(py, || index::parse_index(&plaintext))?;
    Ok(parsed.packs().map(|(pack, blobs)| (pack.to_hex(), blobs.iter().copied().map(BlobEntry).collect())).collect())
}

/// What one index file says of packs: each with how many blobs it names for it.
#[pyfunction]
fn index_packs(py: Python<'_>, plaintext: Data) -> PyResult<Vec<(String, usize)>> {
    let counts = detached(py, || Ok(index::parse_index(&plaintext)?.counts().collect::<Vec<_>>()))?;
    Ok(counts.into_iter().map(|(pack, count)| (pack.to_hex(), count)).collect())
}

/// The blobs of a pack as packed rows.
#[pyfunction]
fn encode_rows<'py>(py: Python<'py>, blobs: Vec<PyRef<'py, BlobEntry>>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &index::encode_rows(blobs.iter().map(|blob| blob.0)))
}

/// The blobs of packed rows.
#[pyfunction]
fn decode_rows(rows: Data) -> PyResult<Vec<BlobEntry>> {
    Ok(index::decode_rows(&rows).map_err(to_py)?.into_iter().map(BlobEntry).collect())
}

/// Those blobs that packed rows do not hold.
#[pyfunction]
fn unproven(rows: Data, blobs: Vec<PyRef<'_, BlobEntry>>) -> PyResult<Vec<BlobEntry>> {
    let found = index::unproven(&rows, blobs.iter().map(|blob| blob.0)).map_err(to_py)?;
    Ok(found.into_iter().map(BlobEntry).collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Location>()?;
    module.add_class::<Index>()?;
    module.add_function(wrap_pyfunction!(encode_index, module)?)?;
    module.add_function(wrap_pyfunction!(index_packs, module)?)?;
    module.add_function(wrap_pyfunction!(encode_rows, module)?)?;
    module.add_function(wrap_pyfunction!(decode_rows, module)?)?;
    module.add_function(wrap_pyfunction!(unproven, module)?)?;
    module.add_function(wrap_pyfunction!(parse_index, module)?)
}
