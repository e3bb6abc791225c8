//! Points in time, as restic writes them.

use crate::error::to_py;
use pyo3::prelude::*;
use std::hash::{Hash, Hasher};
use strongroom_kernel::time::{self, Zone};

const BILLION: i128 = 1_000_000_000;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Timestamp>()
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
