//! What a user decides about a backup, as Python's record of options has it.

use crate::error::to_py;
use crate::filter::{Raw, raw};
use pyo3::prelude::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use strongroom_kernel::archive::Options;
use strongroom_kernel::filter::{Excludes, TagFile};

/// Those attributes of the record that the kernel reads, by their names there.
#[derive(FromPyObject)]
pub struct UserOptions {
    pub paths: Vec<Vec<u8>>,
    excludes: Vec<Raw>,
    iexcludes: Vec<Raw>,
    exclude_if_present: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    exclude_larger_than: Option<u64>,
    own_folders: Vec<Vec<u8>>,
    one_file_system: bool,
    ignore_inode: bool,
    ignore_ctime: bool,
    with_atime: bool,
    dry_run: bool,
    extra_verify: bool,
}

impl UserOptions {
    /// The options of a run, without what the user does not decide.
    pub fn options(self) -> PyResult<Options> {
        let tags = self.exclude_if_present.into_iter();
        let tags = tags.map(|(name, header)| TagFile { name, header: header.unwrap_or_default() }).collect();
        let (excludes, iexcludes) = (raw(self.excludes), raw(self.iexcludes));
        Ok(Options {
            extra_verify: self.extra_verify,
            dry_run: self.dry_run,
            with_atime: self.with_atime,
            ignore_inode: self.ignore_inode,
            ignore_ctime: self.ignore_ctime,
            one_file_system: self.one_file_system,
            excludes: Excludes::new(&excludes, &iexcludes, tags, self.exclude_larger_than).map_err(to_py)?,
            own_folders: self.own_folders.iter().map(|path| PathBuf::from(OsStr::from_bytes(path))).collect(),
            threads: 0,
            parent_is_own: false,
            reread: None,
            spool: None,
            scan: false,
            verbose: false,
        })
    }
}
