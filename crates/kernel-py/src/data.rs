//! What comes in: bytes of any kind, types of blobs, IDs, file descriptors.

use crate::error::to_py;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use std::collections::HashSet;
use std::ffi::c_int;
use std::fs::File;
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use strongroom_kernel::{BlobType, Error, Id};

/// The plaintext of a blob as the kernel made it, which Python reads without a copy: as `bytes` it would be there twice
/// for a moment.
#[pyclass(frozen, module = "strongroom._kernel")]
pub struct Plaintext(pub Arc<Vec<u8>>);

#[pymethods]
impl Plaintext {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0)
    }

    /// # Safety
    /// Called by the interpreter with a view to fill, as the buffer protocol says.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the view will hold a reference to `slf`, which is frozen and owns the bytes.
        unsafe { show(slf.as_any(), &slf.get().0, view, flags) }
    }
}

/// Fills a view of bytes that cannot be written.
///
/// # Safety
/// `view` is one that the interpreter wants filled; the bytes stay as they are for as long as `owner` lives.
pub unsafe fn show(owner: &Bound<'_, PyAny>, bytes: &[u8], view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
    let length = bytes.len() as ffi::Py_ssize_t;
    // SAFETY: the view holds a reference to the owner; the last but one argument marks the bytes read-only.
    let answer =
        unsafe { ffi::PyBuffer_FillInfo(view, owner.as_ptr(), bytes.as_ptr().cast_mut().cast(), length, 1, flags) };
    if answer == 0 { Ok(()) } else { Err(PyErr::fetch(owner.py())) }
}

/// Bytes that stay what they are while the interpreter lock is released: `bytes` and plaintexts as they lie, anything
/// else with the buffer protocol as a copy, since its owner could change it.
pub enum Data {
    Bytes(PyBackedBytes),
    Plaintext(Arc<Vec<u8>>),
    Copy(Vec<u8>),
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Plaintext(bytes) => bytes,
            Self::Copy(bytes) => bytes,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Bytes(PyBackedBytes::from(bytes.to_owned())));
        }
        if let Ok(plaintext) = object.cast::<Plaintext>() {
            return Ok(Self::Plaintext(Arc::clone(&plaintext.get().0)));
        }
        PyBuffer::<u8>::get(&object)?.to_vec(object.py()).map(Self::Copy)
    }
}

/// The type of a blob from `"data"` or `"tree"`.
pub fn kind(name: &str) -> PyResult<BlobType> {
    match name {
        "data" => Ok(BlobType::Data),
        "tree" => Ok(BlobType::Tree),
        _ => Err(PyValueError::new_err(format!("no type of blob: {name:?}"))),
    }
}

/// `"data"` or `"tree"`.
pub fn kind_name(kind: BlobType) -> &'static str {
    match kind {
        BlobType::Data => "data",
        BlobType::Tree => "tree",
    }
}

/// An ID from 64 lower-case hexadecimal digits.
pub fn id(text: &str) -> PyResult<Id> {
    text.parse().map_err(to_py)
}

/// A set of IDs.
pub fn ids(texts: &[String]) -> PyResult<HashSet<Id>> {
    texts.iter().map(|text| id(text)).collect()
}

/// Where the bytes of a pack, or of a range of one, are.
#[derive(FromPyObject)]
pub enum Source {
    /// Of a file that the caller keeps open for the length of the call.
    #[pyo3(transparent)]
    Descriptor(i32),
    #[pyo3(transparent)]
    Bytes(Data),
}

/// A file of our own for a descriptor that the caller keeps open for the length of this call.
pub fn duplicate(descriptor: i32) -> PyResult<File> {
    if descriptor < 0 {
        return Err(PyValueError::new_err("not a file descriptor"));
    }
    // SAFETY: the caller holds the descriptor open for the length of this call; it is only duplicated.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let owned =
        borrowed.try_clone_to_owned().map_err(|error| to_py(Error::io("duplicating a file descriptor", error)))?;
    Ok(File::from(owned))
}
