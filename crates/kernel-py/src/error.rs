//! The kernel's errors as the classes that the rest of Strongroom raises.

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::panic::{AssertUnwindSafe, catch_unwind};
use strongroom_kernel::{Error, Result};

static WRONG_KEY: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Adds `WrongKey`, the one class that lives here: only the kernel can tell it from other damage.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("WrongKey", wrong_key(module.py())?)
}

fn wrong_key(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let class = WRONG_KEY.get_or_try_init(py, || {
        let doc = c"The key does not open this envelope: the MAC of the ciphertext is another one.";
        let base = py.import("strongroom.base.errors")?.getattr("Damaged")?.cast_into::<PyType>()?;
        PyErr::new_type(py, c"strongroom._kernel.WrongKey", Some(doc), Some(&base), None)
    })?;
    Ok(class.bind(py).clone())
}

/// An error of the kernel as a Python exception.
pub fn to_py(error: Error) -> PyErr {
    let name = match &error {
        Error::Damaged(_) => "Damaged",
        Error::TooLarge { .. } => "LimitExceeded",
        Error::Unsupported(_) => "Unsupported",
        Error::Unavailable(_) => "Unavailable",
        Error::Cancelled => "Interrupted",
        Error::WrongKey => "",
        Error::Internal(_) => return PyRuntimeError::new_err(error.to_string()),
        Error::Io { source, .. } => {
            let Some(number) = source.raw_os_error() else { return PyOSError::new_err(error.to_string()) };
            return PyOSError::new_err((number, error.to_string()));
        }
    };
    Python::attach(|py| {
        let class = match name {
            "" => wrong_key(py).map(Bound::into_any),
            name => py.import("strongroom.base.errors").and_then(|errors| errors.getattr(name)),
        };
        match class.and_then(|class| class.call1((error.to_string(),))) {
            Ok(exception) => PyErr::from_value(exception),
            Err(failure) => failure,
        }
    })
}

/// Runs `work` with the interpreter lock released. A panic becomes an internal error: a bug of ours must
/// not look like an order to stop, as an uncaught one would.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(panic) => Err(Error::Internal(match panic.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()),
        })),
    })
    .map_err(to_py)
}
