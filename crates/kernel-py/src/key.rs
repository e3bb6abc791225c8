//! Keys and envelopes.

use crate::data::{Data, id};
use crate::error::{detached, to_py};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;
use std::sync::Arc;
use strongroom_kernel::Error;
use strongroom_kernel::envelope::{Envelope, MasterKey};
use strongroom_kernel::kdf;
use strongroom_kernel::small_files;

/// A key of 64 bytes in three parts that seals and opens envelopes.
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct Key {
    material: MasterKey,
    envelope: Arc<Envelope>,
}

impl Key {
    fn from_material(material: MasterKey) -> Self {
        let envelope = Arc::new(Envelope::new(&material));
        Self { material, envelope }
    }

    /// The expanded key, for the kernel's threads.
    pub fn envelope(&self) -> &Arc<Envelope> {
        &self.envelope
    }
}

fn part<const N: usize>(bytes: &[u8], name: &str) -> PyResult<[u8; N]> {
    let part: [u8; N] = bytes.try_into().map_err(|_| PyValueError::new_err(format!("{name} is not {N} bytes long")))?;
    if part == [0; N] {
        return Err(to_py(Error::damaged(format!("a key has zeros only in {name}"))));
    }
    Ok(part)
}

#[pymethods]
impl Key {
    #[new]
    fn new(encrypt: &[u8], mac_k: &[u8], mac_r: &[u8]) -> PyResult<Self> {
        Ok(Self::from_material(MasterKey {
            encrypt: part(encrypt, "encrypt")?,
            mac_k: part(mac_k, "mac_k")?,
            mac_r: part(mac_r, "mac_r")?,
        }))
    }

    #[staticmethod]
    fn generate(py: Python<'_>) -> PyResult<Self> {
        detached(py, || Ok(Self::from_material(MasterKey::generate())))
    }

    fn seal<'py>(&self, py: Python<'py>, data: Data) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        detached(py, || {
            self.envelope.seal(&data, &mut out);
            Ok(())
        })?;
        Ok(PyBytes::new(py, &out))
    }

    fn open<'py>(&self, py: Python<'py>, envelope: Data) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        detached(py, || self.envelope.open(&envelope, &mut out))?;
        Ok(PyBytes::new(py, &out))
    }

    fn open_files<'py>(
        &self,
        py: Python<'py>,
        folder: PathBuf,
        names: Vec<String>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        let names = names.iter().map(|name| id(name)).collect::<PyResult<Vec<_>>>()?;
        let opened = detached(py, || small_files::open_all(&self.envelope, &folder, &names))?;
        Ok(opened.into_iter().map(|plaintext| plaintext.map(|plaintext| PyBytes::new(py, &plaintext))).collect())
    }

    fn material<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>) {
        let MasterKey { encrypt, mac_k, mac_r } = &self.material;
        (PyBytes::new(py, encrypt), PyBytes::new(py, mac_k), PyBytes::new(py, mac_r))
    }

    fn __repr__(&self) -> &'static str {
        "Key(secret)"
    }
}

/// The key that a password derives with scrypt.
#[pyfunction]
fn derive_key(py: Python<'_>, password: Data, salt: Data, n: u64, r: u32, p: u32) -> PyResult<Key> {
    detached(py, || kdf::derive(&password, &salt, n, r, p)).map(Key::from_material)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Key>()?;
    module.add_function(wrap_pyfunction!(derive_key, module)?)
}
