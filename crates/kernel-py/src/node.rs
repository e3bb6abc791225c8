//! One entry of a tree with every field in reach.

use crate::error::to_py;
use crate::time::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use strongroom_kernel::tree::{self, NodeType, mode};

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Node>()
}

/// One entry of a directory.
#[pyclass(eq, module = "strongroom._kernel")]
#[derive(PartialEq)]
pub struct Node(pub tree::Node);

/// The methods below, with getters and setters of the fields that need no conversion, and of the times.
macro_rules! methods {
    (
        plain { $($plain:ident $set_plain:ident $type:ty),* }
        times { $($time:ident $set_time:ident),* }
        $($rest:tt)*
    ) => {
        #[pymethods]
        impl Node {
            $(
                #[getter]
                fn $plain(&self) -> $type {
                    self.0.$plain.clone()
                }

                #[setter]
                fn $set_plain(&mut self, value: $type) {
                    self.0.$plain = value;
                }
            )*
            $(
                #[getter]
                fn $time(&self) -> Timestamp {
                    Timestamp(self.0.$time)
                }

                #[setter]
                fn $set_time(&mut self, value: Timestamp) {
                    self.0.$time = value.0;
                }
            )*
            $($rest)*
        }
    };
}

methods! {
    plain {
        mode set_mode u32, uid set_uid u32, gid set_gid u32, user set_user String, group set_group String,
        inode set_inode u64, device_id set_device_id u64, size set_size u64, links set_links u64,
        device set_device u64, error set_error String
    }
    times { mtime set_mtime, atime set_atime, ctime set_ctime }

    #[new]
    #[pyo3(signature = (name, r#type, **fields))]
    fn new(py: Python<'_>, name: Vec<u8>, r#type: &str, fields: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Self>> {
        let node = tree::Node { name, kind: NodeType::from_word(r#type), ..tree::Node::default() };
        let node = Py::new(py, Self(node))?;
        for (field, value) in fields.into_iter().flatten() {
            node.bind(py).setattr(field.extract::<String>()?.as_str(), value)?;
        }
        Ok(node)
    }

    /// A node of its own with the same fields.
    fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.name)
    }

    #[setter]
    fn set_name(&mut self, value: Vec<u8>) {
        self.0.name = value;
    }

    #[getter]
    fn r#type(&self) -> &str {
        self.0.kind.as_str()
    }

    #[setter]
    fn set_type(&mut self, value: &str) {
        self.0.kind = NodeType::from_word(value);
    }

    #[getter]
    fn permissions(&self) -> u32 {
        mode::to_permissions(self.0.mode)
    }

    #[getter]
    fn linktarget<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.linktarget)
    }

    #[setter]
    fn set_linktarget(&mut self, value: Vec<u8>) {
        self.0.linktarget = value;
    }

    #[getter]
    fn extended_attributes<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let pairs = self.0.extended_attributes.iter();
        pairs.map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value))).collect()
    }

    #[setter]
    fn set_extended_attributes(&mut self, value: Vec<(Vec<u8>, Vec<u8>)>) {
        self.0.extended_attributes = value;
    }

    #[getter]
    fn generic_attributes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.generic_attributes.as_deref().map(|raw| PyBytes::new(py, raw))
    }

    #[getter]
    fn content(&self) -> Option<Vec<String>> {
        self.0.content.as_ref().map(|blobs| blobs.iter().map(ToString::to_string).collect())
    }

    #[setter]
    fn set_content(&mut self, value: Option<Vec<String>>) -> PyResult<()> {
        let parse = |blobs: Vec<String>| blobs.iter().map(|blob| blob.parse()).collect::<Result<_, _>>();
        self.0.content = value.map(parse).transpose().map_err(to_py)?;
        Ok(())
    }

    #[getter]
    fn subtree(&self) -> Option<String> {
        self.0.subtree.map(|id| id.to_string())
    }

    #[setter]
    fn set_subtree(&mut self, value: Option<&str>) -> PyResult<()> {
        self.0.subtree = value.map(str::parse).transpose().map_err(to_py)?;
        Ok(())
    }

    #[getter]
    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        tree::encode_node(&self.0, &mut out);
        PyBytes::new(py, &out)
    }

    fn __repr__(&self) -> String {
        format!("<Node {} \"{}\">", self.0.kind.as_str(), self.0.name.escape_ascii())
    }
}
