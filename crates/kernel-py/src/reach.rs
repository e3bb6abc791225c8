//! What snapshots need.

use crate::data::{Data, id, kind, kind_name};
use crate::error::detached;
use crate::index::Index;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Mutex, PoisonError};
use strongroom_kernel::reach;

/// The trees and blobs that were reached so far.
#[pyclass(frozen, module = "strongroom._kernel")]
struct Reach {
    inner: Mutex<reach::Reach>,
    remember_data: bool,
}

impl Reach {
    fn with<T>(&self, work: impl FnOnce(&mut reach::Reach) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Findings = (Vec<String>, Vec<(Py<PyBytes>, String)>);

#[pymethods]
impl Reach {
    #[new]
    #[pyo3(signature = (remember_data = false))]
    fn new(remember_data: bool) -> Self {
        Self { inner: Mutex::new(reach::Reach::new(remember_data)), remember_data }
    }

    fn root(&self, tree: &str) -> PyResult<bool> {
        let tree = id(tree)?;
        Ok(self.with(|reach| reach.root(tree)))
    }

    fn read(&self, py: Python<'_>, index: &Index, plaintext: Data) -> PyResult<Findings> {
        let found = detached(py, || {
            let index = index.shared().read().unwrap_or_else(PoisonError::into_inner);
            let read = reach::read(&index, &plaintext, self.remember_data)?;
            Ok(self.with(|reach| reach.include(read)))
        })?;
        let subtrees = found.subtrees.iter().map(ToString::to_string).collect();
        let faults = found.faults.into_iter().map(|(name, what)| (PyBytes::new(py, &name).unbind(), what)).collect();
        Ok((subtrees, faults))
    }

    fn uses(&self, r#type: &str, id: &str) -> PyResult<bool> {
        let (kind, id) = (kind(r#type)?, self::id(id)?);
        Ok(self.with(|reach| reach.uses(kind, &id)))
    }

    fn unused(&self, py: Python<'_>, index: &Index) -> PyResult<Vec<(&'static str, String)>> {
        let unused = detached(py, || {
            let index = index.shared().read().unwrap_or_else(PoisonError::into_inner);
            Ok(self.with(|reach| reach.unused(&index)))
        })?;
        Ok(unused.into_iter().map(|(kind, id)| (kind_name(kind), id.to_string())).collect())
    }

    fn __len__(&self) -> usize {
        self.with(|reach| reach.trees())
    }
}

type Measures = (u64, u64, Vec<String>, Vec<(Py<PyBytes>, String)>, Option<String>);

/// How much stands in one tree, and what is wrong with it.
#[pyfunction]
#[pyo3(signature = (index, plaintext, draw = None))]
fn measure_tree(py: Python<'_>, index: &Index, plaintext: Data, draw: Option<Vec<u8>>) -> PyResult<Measures> {
    let found = detached(py, || {
        let index = index.shared().read().unwrap_or_else(PoisonError::into_inner);
        reach::measure(&index, &plaintext, draw.as_deref())
    })?;
    let subtrees = found.subtrees.iter().map(ToString::to_string).collect();
    let faults = found.faults.into_iter().map(|(name, what)| (PyBytes::new(py, &name).unbind(), what)).collect();
    Ok((found.files, found.bytes, subtrees, faults, found.lacks.map(|blob| blob.to_string())))
}

/// The size that each pack must have by an index.
#[pyfunction]
fn pack_sizes(py: Python<'_>, index: &Index) -> PyResult<Vec<(String, u64)>> {
    let sizes = detached(py, || {
        let index = index.shared().read().unwrap_or_else(PoisonError::into_inner);
        Ok(reach::pack_sizes(&index))
    })?;
    Ok(sizes.into_iter().map(|(pack, size)| (pack.to_string(), size)).collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reach>()?;
    module.add_function(wrap_pyfunction!(measure_tree, module)?)?;
    module.add_function(wrap_pyfunction!(pack_sizes, module)?)
}
