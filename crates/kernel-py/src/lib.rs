//! The Python face of the kernel: conversions, errors and the released interpreter lock, nothing else.

mod archive;
mod codec;
mod data;
mod error;
mod filter;
mod index;
mod key;
mod memory;
mod node;
mod pack;
mod pack_buffer;
mod reach;
mod restore;
mod sets;
mod time;
mod transfer;
mod transfer_plan;
mod tree;
mod usage;
mod verify;

use pyo3::prelude::*;

/// The compiled part of Strongroom.
#[pymodule(name = "_kernel")]
mod kernel {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        memory::settle();
        memory::register(module)?;
        error::register(module)?;
        key::register(module)?;
        codec::register(module)?;
        index::register(module)?;
        pack::register(module)?;
        transfer::register(module)?;
        transfer_plan::register(module)?;
        restore::register(module)?;
        verify::register(module)?;
        time::register(module)?;
        node::register(module)?;
        tree::register(module)?;
        reach::register(module)?;
        sets::register(module)?;
        usage::register(module)?;
        filter::register(module)?;
        archive::register(module)?;
        Ok(())
    }
}
