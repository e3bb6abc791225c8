//! Patterns of what to leave out and what to take.

use crate::error::to_py;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use strongroom_kernel::filter::{PatternList, Selection, glob};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Filter>()?;
    module.add_function(wrap_pyfunction!(glob_names, module)?)?;
    module.add_function(wrap_pyfunction!(malformed_patterns, module)?)
}

/// Bytes of a path or pattern that came as `bytes` or as a `str` with escaped surrogates.
pub struct Raw(pub Vec<u8>);

impl<'py> FromPyObject<'_, 'py> for Raw {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Self(bytes.as_bytes().to_vec()));
        }
        let encoded = value.call_method1("encode", ("utf-8", "surrogateescape"))?;
        Ok(Self(encoded.cast::<PyBytes>()?.as_bytes().to_vec()))
    }
}

pub fn raw(patterns: Vec<Raw>) -> Vec<Vec<u8>> {
    patterns.into_iter().map(|Raw(pattern)| pattern).collect()
}

/// restic's patterns: what a path is to the options `--include`, `--iinclude`, `--exclude` and `--iexclude`.
#[pyclass(frozen, module = "strongroom._kernel")]
struct Filter(Selection);

#[pymethods]
impl Filter {
    #[new]
    #[pyo3(signature = (excludes = Vec::new(), iexcludes = Vec::new(), includes = Vec::new(), iincludes = Vec::new()))]
    fn new(excludes: Vec<Raw>, iexcludes: Vec<Raw>, includes: Vec<Raw>, iincludes: Vec<Raw>) -> PyResult<Self> {
        Selection::new(&raw(includes), &raw(iincludes), &raw(excludes), &raw(iexcludes)).map(Self).map_err(to_py)
    }

    /// Whether the patterns leave out this absolute path.
    fn excludes(&self, path: Raw) -> bool {
        self.0.excludes(&path.0)
    }

    /// Whether this path is taken, and whether something below it may be.
    #[pyo3(signature = (path, is_dir))]
    fn select(&self, path: Raw, is_dir: bool) -> (bool, bool) {
        self.0.select(&path.0, is_dir)
    }
}

/// Those of the patterns that are malformed.
#[pyfunction]
fn malformed_patterns(patterns: Vec<Raw>) -> Vec<Vec<u8>> {
    raw(patterns).into_iter().filter(|pattern| PatternList::new(std::slice::from_ref(pattern), true).is_err()).collect()
}

/// Those of the names that a pattern for one component matches; none at all where one of them shows it malformed.
#[pyfunction]
fn glob_names(pattern: &[u8], names: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for name in names {
        if glob(pattern, &name)? {
            found.push(name);
        }
    }
    Some(found)
}
