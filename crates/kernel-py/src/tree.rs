//! Trees: a directory's nodes, read and written.

use crate::data::Data;
use crate::error::{detached, to_py};
use crate::filter::Raw;
use crate::node::Node;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PySlice};
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use strongroom_kernel::Id;
use strongroom_kernel::metadata::{MetadataReader, Options};
use strongroom_kernel::time::Zone;
use strongroom_kernel::tree::{self, Mode, NodeType, Outline, TreeEncoder};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("MAX_DEPTH", strongroom_kernel::tree::MAX_DEPTH)?;
    module.add("MAX_PATH", strongroom_kernel::tree::MAX_PATH)?;
    module.add_class::<Tree>()?;
    module.add_class::<Nodes>()?;
    module.add_function(wrap_pyfunction!(read_nodes, module)?)?;
    module.add_function(wrap_pyfunction!(decode_tree, module)?)?;
    module.add_function(wrap_pyfunction!(encode_tree, module)?)
}

/// A tree's text, and where its nodes stand in it.
struct Text {
    text: Data,
    outline: Outline,
}

impl Text {
    fn node(&self, place: usize) -> Option<Node> {
        self.outline.node(&self.text, place).map(Node)
    }

    fn all(&self) -> impl Iterator<Item = tree::Node> {
        (0..self.outline.len()).filter_map(|place| self.outline.node(&self.text, place))
    }
}

/// A directory's entries.
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct Tree(Arc<Text>);

#[pymethods]
impl Tree {
    #[getter]
    fn nodes(&self) -> Nodes {
        Nodes(Arc::clone(&self.0))
    }

    #[getter]
    fn skipped<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, &'static str)> {
        self.0.outline.skipped.iter().map(|node| (PyBytes::new(py, &node.name), node.reason)).collect()
    }

    /// The node of this name.
    fn find(&self, name: &[u8]) -> Option<Node> {
        self.0.outline.find(&self.0.text, name).map(Node)
    }

    #[getter]
    fn reordered(&self) -> bool {
        self.0.outline.reordered
    }

    fn differences(&self, py: Python<'_>, other: &Self) -> PyResult<Vec<(Option<Node>, Option<Node>)>> {
        detached(py, || {
            let mut found = Vec::new();
            let (mut ours, mut theirs) = (self.0.all().peekable(), other.0.all().peekable());
            loop {
                let order = match (ours.peek(), theirs.peek()) {
                    (None, None) => return Ok(found),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(one), Some(two)) => one.name.cmp(&two.name),
                };
                let one = if order.is_le() { ours.next() } else { None };
                let two = if order.is_ge() { theirs.next() } else { None };
                if what(one.as_ref()) != what(two.as_ref()) {
                    found.push((one.map(Node), two.map(Node)));
                }
            }
        })
    }

    fn file_names<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let files = self.0.all().filter(|node| node.kind == NodeType::File);
        files.map(|node| PyBytes::new(py, &node.name)).collect()
    }

    fn subtrees(&self) -> Vec<String> {
        let folders = self.0.all().filter(|node| node.kind == NodeType::Dir);
        folders.filter_map(|node| node.subtree).map(|tree| tree.to_hex()).collect()
    }
}

/// What an entry is for who compares snapshots: a file by its content, a folder by its tree; anything else is nothing.
fn what(node: Option<&tree::Node>) -> Option<(Option<&Vec<Id>>, Option<Id>)> {
    let node = node?;
    match node.kind {
        NodeType::File => Some((node.content.as_ref(), None)),
        NodeType::Dir if node.subtree.is_some() => Some((None, node.subtree)),
        _ => None,
    }
}

/// The nodes of a tree, each made into an object when it is asked for: a folder may have millions.
#[pyclass(frozen, sequence, module = "strongroom._kernel")]
pub struct Nodes(Arc<Text>);

#[pymethods]
impl Nodes {
    fn __len__(&self) -> usize {
        self.0.outline.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let length = self.0.outline.len() as isize;
        if let Ok(slice) = index.cast::<PySlice>() {
            let range = slice.indices(length)?;
            let places = (0..range.slicelength as isize).map(|step| (range.start + step * range.step) as usize);
            let nodes: Vec<Node> = places.filter_map(|place| self.0.node(place)).collect();
            return Ok(PyList::new(py, nodes)?.into_any());
        }
        let index = index.extract::<isize>()?;
        let place = if index < 0 { index + length } else { index };
        match usize::try_from(place).ok().and_then(|place| self.0.node(place)) {
            Some(node) => Ok(Bound::new(py, node)?.into_any()),
            None => Err(PyIndexError::new_err("a tree has no node at this index")),
        }
    }
}

/// Reads the plaintext of a tree blob.
#[pyfunction]
#[pyo3(signature = (data, strict = false))]
fn decode_tree(py: Python<'_>, data: Data, strict: bool) -> PyResult<Tree> {
    let mode = if strict { Mode::Strict } else { Mode::Lenient };
    let outline = detached(py, || Outline::read(&data, mode))?;
    Ok(Tree(Arc::new(Text { text: data, outline })))
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
