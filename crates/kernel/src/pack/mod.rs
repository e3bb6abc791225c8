//! Packs: `blob | … | blob | header | u32le(length of header)`, each blob and the header an envelope.

mod builder;
mod header;
mod open;

pub use builder::{FinishedPack, PackBuilder};
pub use header::{MAX_HEADER, encode_header, header_length, parse_header};
pub use open::{limit_of, open_blob};
pub(crate) use open::{open_unproven, prove};

#[cfg(test)]
mod tests;
