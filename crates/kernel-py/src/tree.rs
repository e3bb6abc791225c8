//! Trees, their nodes and times.

use crate::error::{detached, to_py};
use crate::filter::Raw;
use crate::node::Node;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use strongroom_kernel::metadata::{MetadataReader, Options};
use strongroom_kernel::time::{self, Zone};
use strongroom_kernel::tree::{self, Mode};

const BILLION: i128 = 1_000_000_000;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Timestamp>()?;
    module.add_class::<Node>()?;
    module.add_class::<Tree>()?;
    module.add_function(wrap_pyfunction!(read_nodes, module)?)?;
    module.add_function(wrap_pyfunction!(decode_tree, module)?)?;
    module.add_function(wrap_pyfunction!(encode_tree, module)?)
}

/// A point in time and the offset it is written with.
#[pyclass(frozen, eq, hash, from_py_object, module = "strongroom._kernel")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub time::Timestamp);

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[pymethods]
impl Timestamp {
    #[new]
    #[pyo3(signature = (ns, offset = 0))]
    fn new(ns: i128, offset: i32) -> PyResult<Self> {
        let seconds = i64::try_from(ns.div_euclid(BILLION));
        let nanos = ns.rem_euclid(BILLION) as u32;
        let in_range = (-90_000..=90_000).contains(&offset);
        match seconds {
            Ok(seconds) if in_range => Ok(Self(time::Timestamp { seconds, nanos, offset })),
            _ => Err(pyo3::exceptions::PyValueError::new_err("a time or its offset is out of range")),
        }
    }

    /// The time that the text says.
    #[staticmethod]
    fn parse(text: &str) -> PyResult<Self> {
        time::Timestamp::parse(text.as_bytes()).map(Self).map_err(to_py)
    }

    /// This instant with the offset that this process's time zone has then.
    #[staticmethod]
    fn local(ns: i128) -> PyResult<Self> {
        let Timestamp(utc) = Self::new(ns, 0)?;
        Ok(Self(Zone::local().timestamp(utc.seconds, utc.nanos)))
    }

    #[getter]
    fn ns(&self) -> i128 {
        i128::from(self.0.seconds) * BILLION + i128::from(self.0.nanos)
    }

    #[getter]
    fn offset(&self) -> i32 {
        self.0.offset
    }

    fn __str__(&self) -> String {
        let mut text = Vec::new();
        self.0.write(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn __repr__(&self) -> String {
        format!("Timestamp({}, {})", self.ns(), self.0.offset)
    }

    fn __getnewargs__(&self) -> (i128, i32) {
        (self.ns(), self.0.offset)
    }
}

/// A directory's entries.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
pub struct Tree {
    nodes: Vec<Py<Node>>,
    skipped: Vec<(Py<PyBytes>, &'static str)>,
    reordered: bool,
}

/// Reads the plaintext of a tree blob.
#[pyfunction]
#[pyo3(signature = (data, strict = false))]
fn decode_tree(py: Python<'_>, data: &[u8], strict: bool) -> PyResult<Tree> {
    let mode = if strict { Mode::Strict } else { Mode::Lenient };
    let tree = detached(py, || tree::decode_tree(data, mode))?;
    Ok(Tree {
        nodes: tree.nodes.into_iter().map(|node| Py::new(py, Node(node))).collect::<PyResult<_>>()?,
        skipped: tree.skipped.iter().map(|node| (PyBytes::new(py, &node.name).unbind(), node.reason)).collect(),
        reordered: tree.reordered,
    })
}

/// The plaintext of the tree of these nodes.
#[pyfunction]
fn encode_tree<'py>(py: Python<'py>, nodes: Vec<PyRef<'py, Node>>) -> PyResult<Bound<'py, PyBytes>> {
    let plain = tree::encode_tree(nodes.iter().map(|node| &node.0)).map_err(to_py)?;
    Ok(PyBytes::new(py, &plain))
}

/// The nodes of a directory's entries as they are now, without content, and what could not be read of them.
#[pyfunction]
#[pyo3(signature = (path, with_atime = false))]
fn read_nodes(py: Python<'_>, path: Raw, with_atime: bool) -> PyResult<(Vec<Node>, Vec<String>)> {
    let reader = MetadataReader::new(Options { with_atime }, Zone::local().clone());
    let (nodes, warnings) = detached(py, || reader.nodes_of(Path::new(OsStr::from_bytes(&path.0))))?;
    Ok((nodes.into_iter().map(Node).collect(), warnings.iter().map(ToString::to_string).collect()))
}
