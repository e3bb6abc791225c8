//! Backups, as Python's senders and readers see them.

mod options;
mod report;
mod run;
mod target;

use crate::pack_buffer::Pack;
use pyo3::prelude::*;
use report::{BackupEvent, BackupOutcome, BackupProgress, BackupSummary, BackupTargetSummary};
use run::Backup;
use target::BackupTarget;

/// Add what this module offers.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BackupTarget>()?;
    module.add_class::<Backup>()?;
    module.add_class::<BackupProgress>()?;
    module.add_class::<BackupSummary>()?;
    module.add_class::<BackupTargetSummary>()?;
    module.add_class::<BackupOutcome>()?;
    module.add_class::<BackupEvent>()?;
    module.add_class::<Pack>()
}
