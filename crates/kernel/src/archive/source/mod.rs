//! The source: what is to be saved is laid out, listed, compared with the parent snapshot and read.

pub(super) mod base;
pub(super) mod entries;
mod entry;
pub(in crate::archive) mod folders;
pub(super) mod holes;
pub(super) mod listing;
pub(super) mod places;
pub(super) mod plan;
mod reading;
pub(super) mod scan;
mod stream;
