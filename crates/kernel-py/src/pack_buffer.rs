//! A finished pack that Python reads without a copy.

use crate::data::show;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;
use strongroom_kernel::Id;
use strongroom_kernel::pack::PackBytes;

/// A pack to be stored: its name, and its bytes by the buffer protocol.
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct Pack {
    id: Id,
    bytes: PackBytes,
    holds_trees: bool,
}

impl Pack {
    /// A pack that is finished: its bytes never change again.
    pub fn new(id: Id, bytes: PackBytes, holds_trees: bool) -> Self {
        Self { id, bytes, holds_trees }
    }
}

#[pymethods]
impl Pack {
    /// The name, 64 hexadecimal digits.
    #[getter]
    fn id(&self) -> String {
        self.id.to_hex()
    }

    /// Whether it holds trees: those are wanted again by the next run.
    #[getter]
    fn holds_trees(&self) -> bool {
        self.holds_trees
    }

    fn __len__(&self) -> usize {
        self.bytes.len()
    }

    /// # Safety
    /// Called by the interpreter with a view to fill, as the buffer protocol says.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the view will hold a reference to `slf`, which is frozen and owns the bytes.
        unsafe { show(slf.as_any(), &slf.get().bytes, view, flags) }
    }
}
