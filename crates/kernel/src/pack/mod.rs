//! Packs: `blob | … | blob | header | u32le(length of header)`, each blob and the header an envelope.

mod builder;
mod bytes;
mod header;
mod open;
mod packers;
mod place;
mod together;
mod transfer;
mod writer;

pub use builder::{FinishedPack, PackBuilder};
pub use bytes::PackBytes;
pub use header::{MAX_HEADER, encode_header, header_length, parse_header};
pub(crate) use open::{MOST_PAIRED, allow_length, allow_plain, named, prove};
pub use open::{Opener, limit_of};
pub(crate) use packers::Piece;
pub use packers::{DATA_PACKS, Outgoing, Packers};
pub(crate) use place::Place;
pub use together::{MAX_RANGE, Range, Shelf, open_together};
pub use transfer::{Scratch, Source, Transferred, transfer};
pub use writer::{PackWriter, WriterOptions};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod together_tests;
#[cfg(test)]
mod transfer_tests;
