//! The disk, one entry at a time: reached without leaving the target, written, described, recognised.

mod attributes;
pub(super) mod beneath;
pub(super) mod bytes;
pub(super) mod choice;
pub(super) mod limits;
pub(super) mod metadata;
pub(super) mod stamp;
