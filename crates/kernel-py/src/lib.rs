//! The Python face of the kernel: conversions, errors and the released interpreter lock, nothing else.

use pyo3::prelude::*;

/// The compiled part of Strongroom.
#[pymodule(name = "_kernel")]
mod kernel {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
