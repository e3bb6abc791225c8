//! Packs: `blob | … | blob | header | u32le(length of header)`, each blob and the header an envelope.

mod builder;
mod header;
mod open;

pub use builder::{FinishedPack, PackBuilder};
pub use header::{MAX_HEADER, encode_header, header_length, parse_header};
pub(crate) use open::{MOST_PAIRED, prove};
pub use open::{Opener, limit_of};

#[cfg(test)]
mod tests;
