//! What repositories still need of some snapshots.

use crate::data::{Data, id};
use crate::error::{detached, to_py};
use crate::index::Index;
use crate::pack::BlobEntry;
use crate::transfer::PackWriter;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Mutex, PoisonError, RwLockReadGuard};
use strongroom_kernel::index;
use strongroom_kernel::transfer_plan::{self, MAX_TARGETS, Target, Targets};

/// A plan, with the indexes and writers that it goes by.
#[pyclass(frozen, module = "strongroom._kernel")]
struct TransferPlan {
    inner: Mutex<transfer_plan::TransferPlan>,
    source: Py<Index>,
    targets: Vec<(Py<PackWriter>, Py<Index>)>,
}

type Findings = (Vec<String>, Vec<(Py<PyBytes>, String)>);

fn locked(index: &Py<Index>) -> RwLockReadGuard<'_, index::Index> {
    index.get().shared().read().unwrap_or_else(PoisonError::into_inner)
}

impl TransferPlan {
    fn bits(&self, targets: &[usize]) -> PyResult<Targets> {
        targets.iter().try_fold(0, |bits, number| {
            if *number < self.targets.len() {
                Ok(bits | 1 << number)
            } else {
                Err(PyValueError::new_err("no such target"))
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut transfer_plan::TransferPlan, &index::Index, &[Target<'_>]) -> T) -> T {
        let source = locked(&self.source);
        let indexes: Vec<_> = self.targets.iter().map(|(_, index)| locked(index)).collect();
        let writers = self.targets.iter().map(|(writer, _)| writer.get().inner());
        let all: Vec<Target<'_>> = writers.zip(indexes.iter().map(|index| &**index)).collect();
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner), &source, &all)
    }
}

#[pymethods]
impl TransferPlan {
    #[new]
    fn new(source: Py<Index>, targets: Vec<(Py<PackWriter>, Py<Index>)>) -> PyResult<Self> {
        if targets.len() > MAX_TARGETS {
            return Err(PyValueError::new_err(format!("more than {MAX_TARGETS} targets")));
        }
        Ok(Self { inner: Mutex::default(), source, targets })
    }

    fn root(&self, tree: &str, targets: Vec<usize>) -> PyResult<bool> {
        let (tree, bits) = (id(tree)?, self.bits(&targets)?);
        self.with(|plan, source, all| plan.root(source, all, bits, tree)).map_err(to_py)
    }

    fn read(&self, py: Python<'_>, plaintext: Data, targets: Vec<usize>) -> PyResult<Findings> {
        let bits = self.bits(&targets)?;
        let found = detached(py, || {
            let named = transfer_plan::read(&plaintext)?;
            Ok(self.with(|plan, source, all| plan.include(source, all, bits, named)))
        })?;
        let subtrees = found.subtrees.iter().map(ToString::to_string).collect();
        let faults = found.faults.into_iter().map(|(name, what)| (PyBytes::new(py, &name).unbind(), what)).collect();
        Ok((subtrees, faults))
    }

    fn next_pack(&self) -> Option<(String, Vec<BlobEntry>)> {
        let (pack, entries) = self.inner.lock().unwrap_or_else(PoisonError::into_inner).next_pack()?;
        Some((pack.to_hex(), entries.into_iter().map(BlobEntry).collect()))
    }

    fn waiting(&self) -> (usize, u64, u64) {
        let plan = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (plan.packs(), plan.blobs(), plan.bytes())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TransferPlan>()
}
