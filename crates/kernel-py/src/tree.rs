//! Trees, their nodes and times.

use crate::error::{detached, to_py};
use crate::filter::Raw;
use crate::node::Node;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PySlice};
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use strongroom_kernel::metadata::{MetadataReader, Options};
use strongroom_kernel::time::{self, Zone};
use strongroom_kernel::tree::{self, Mode, TreeEncoder};

const BILLION: i128 = 1_000_000_000;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("MAX_DEPTH", strongroom_kernel::tree::MAX_DEPTH)?;
    module.add("MAX_PATH", strongroom_kernel::tree::MAX_PATH)?;
    module.add_class::<Timestamp>()?;
    module.add_class::<Node>()?;
    module.add_class::<Tree>()?;
    module.add_class::<Nodes>()?;
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
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct Tree(Arc<tree::Tree>);

#[pymethods]
impl Tree {
    #[getter]
    fn nodes(&self) -> Nodes {
        Nodes(Arc::clone(&self.0))
    }

    #[getter]
    fn skipped<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, &'static str)> {
        self.0.skipped.iter().map(|node| (PyBytes::new(py, &node.name), node.reason)).collect()
    }

    /// The node of this name.
    fn find(&self, name: &[u8]) -> Option<Node> {
        let nodes = &self.0.nodes;
        let place = nodes.binary_search_by(|node| node.name.as_slice().cmp(name)).ok()?;
        Some(Node(nodes[place].clone()))
    }

    #[getter]
    fn reordered(&self) -> bool {
        self.0.reordered
    }
}

/// The nodes of a tree, each made into an object when it is asked for: a folder may have millions.
#[pyclass(frozen, sequence, module = "strongroom._kernel")]
pub struct Nodes(Arc<tree::Tree>);

#[pymethods]
impl Nodes {
    fn __len__(&self) -> usize {
        self.0.nodes.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let length = self.0.nodes.len() as isize;
        if let Ok(slice) = index.cast::<PySlice>() {
            let range = slice.indices(length)?;
            let nodes: Vec<Node> = (0..range.slicelength as isize)
                .map(|step| Node(self.0.nodes[(range.start + step * range.step) as usize].clone()))
                .collect();
            return Ok(PyList::new(py, nodes)?.into_any());
        }
        let index = index.extract::<isize>()?;
        let place = if index < 0 { index + length } else { index };
        match usize::try_from(place).ok().and_then(|place| self.0.nodes.get(place)) {
            Some(node) => Ok(Bound::new(py, Node(node.clone()))?.into_any()),
            None => Err(PyIndexError::new_err("a tree has no node at this index")),
        }
    }
}

/// Reads the plaintext of a tree blob.
#[pyfunction]
#[pyo3(signature = (data, strict = false))]
fn decode_tree(py: Python<'_>, data: &[u8], strict: bool) -> PyResult<Tree> {
    let mode = if strict { Mode::Strict } else { Mode::Lenient };
    detached(py, || tree::decode_tree(data, mode)).map(|tree| Tree(Arc::new(tree)))
}

/// The plaintext of the tree of these nodes.
#[pyfunction]
fn encode_tree<'py>(nodes: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let mut encoder = TreeEncoder::new();
    for node in nodes.try_iter()? {
        encoder.add(&node?.cast::<Node>()?.borrow().0).map_err(to_py)?;
    }
    Ok(PyBytes::new(nodes.py(), &encoder.finish()))
}

/// The nodes of a directory's entries as they are now, without content, and what could not be read of them.
#[pyfunction]
#[pyo3(signature = (path, with_atime = false))]
fn read_nodes(py: Python<'_>, path: Raw, with_atime: bool) -> PyResult<(Vec<Node>, Vec<String>)> {
    let reader = MetadataReader::new(Options { with_atime }, Zone::local().clone());
    let (nodes, warnings) = detached(py, || reader.nodes_of(Path::new(OsStr::from_bytes(&path.0))))?;
    Ok((nodes.into_iter().map(Node).collect(), warnings.iter().map(ToString::to_string).collect()))
}
