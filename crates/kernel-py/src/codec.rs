//! Hashes, compression and the chunker.

use crate::data::Data;
use crate::error::detached;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::cell::RefCell;
use strongroom_kernel::Id;
use strongroom_kernel::chunker::Chunker;
use strongroom_kernel::compress::{Compressor, DEFAULT_LEVEL, Decompressor};
use strongroom_kernel::polynomial::Polynomial;

/// The SHA-256 of bytes, as 64 hexadecimal digits.
#[pyfunction]
fn sha256_hex(py: Python<'_>, data: Data) -> PyResult<String> {
    detached(py, || Ok(Id::of(&data).to_hex()))
}

/// One zstd frame with its content size.
#[pyfunction]
#[pyo3(signature = (data, level = DEFAULT_LEVEL))]
fn compress<'py>(py: Python<'py>, data: Data, level: i32) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    detached(py, || {
        Compressor::new(level).compress(&data, &mut out);
        Ok(())
    })?;
    Ok(PyBytes::new(py, &out))
}

thread_local! {
    /// Making a context costs as much as opening a whole snapshot; one has 100 kB.
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// The plaintext of zstd frames, of at most `limit` bytes.
#[pyfunction]
#[pyo3(signature = (frame, limit, expected = None))]
fn decompress<'py>(
    py: Python<'py>,
    frame: Data,
    limit: usize,
    expected: Option<usize>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    detached(py, || DECOMPRESSOR.with_borrow_mut(|one| one.decompress(&frame, expected, limit, &mut out)))?;
    Ok(PyBytes::new(py, &out))
}

/// A new irreducible polynomial of degree 53.
#[pyfunction]
fn random_polynomial(py: Python<'_>) -> PyResult<u64> {
    detached(py, || Ok(Polynomial::random().0))
}

/// Whether a polynomial over GF(2) is irreducible.
#[pyfunction]
fn is_irreducible(p: u64) -> bool {
    Polynomial(p).is_irreducible()
}

/// The lengths of all chunks of a file that holds `data`.
#[pyfunction]
fn chunk_lengths(py: Python<'_>, data: Data, polynomial: u64) -> PyResult<Vec<usize>> {
    detached(py, || {
        let chunker = Chunker::new(Polynomial(polynomial))?;
        let (mut lengths, mut rest) = (Vec::new(), &data[..]);
        while let Some(length) = chunker.cut(rest, true) {
            lengths.push(length);
            rest = &rest[length..];
        }
        Ok(lengths)
    })
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sha256_hex, module)?)?;
    module.add_function(wrap_pyfunction!(compress, module)?)?;
    module.add_function(wrap_pyfunction!(decompress, module)?)?;
    module.add_function(wrap_pyfunction!(random_polynomial, module)?)?;
    module.add_function(wrap_pyfunction!(is_irreducible, module)?)?;
    module.add_function(wrap_pyfunction!(chunk_lengths, module)?)
}
