//! Which rows of the index belong to a pack.

use super::records::Row;
use super::table::Table;
use crate::BlobEntry;

/// Rows that are looked through one by one rather than sorted: a backup asks for packs of its parent while it adds
/// packs of its own, and sorting all rows each time would cost more than everything else.
const FEW: usize = 10_000;

/// Rows sorted by pack, as far as they were there when they were sorted last.
#[derive(Default)]
pub(super) struct ByPack {
    /// The rows of pack `p` are `rows[starts[p]..starts[p + 1]]`.
    starts: Vec<u32>,
    /// Each the number of the table in its upper 8 bits and the number of the row in its lower 24.
    rows: Vec<u32>,
    /// How many rows of each table are sorted.
    sorted: Vec<usize>,
}

impl ByPack {
    /// The blobs of a pack, in no particular order.
    pub fn entries(&mut self, pack: u32, tables: &[Table<Row>], packs: usize) -> Vec<BlobEntry> {
        let all: usize = tables.iter().map(Table::len).sum();
        if all - self.rows.len() > FEW + self.rows.len() / 4 || self.sorted.is_empty() {
            self.sort(tables, packs);
        }
        let place = pack as usize;
        let known = match (self.starts.get(place), self.starts.get(place + 1)) {
            (Some(start), Some(end)) => &self.rows[*start as usize..*end as usize],
            _ => &[],
        };
        let known = known.iter().map(|row| tables[(row >> 24) as usize].get(row & 0xff_ffff));
        let new = tables.iter().zip(&self.sorted).flat_map(|(table, sorted)| table.iter_from(*sorted));
        known.chain(new.filter(|row| row.pack() == pack)).map(Row::entry).collect()
    }

    fn sort(&mut self, tables: &[Table<Row>], packs: usize) {
        let numbered = || (0u32..).zip(tables).flat_map(|(table, rows)| (table << 24..).zip(rows.iter()));
        let mut starts = vec![0u32; packs + 1];
        for (_, row) in numbered() {
            starts[row.pack() as usize + 1] += 1;
        }
        for number in 1..starts.len() {
            starts[number] += starts[number - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; next.last().map_or(0, |end| *end as usize)];
        for (place, row) in numbered() {
            let slot = &mut next[row.pack() as usize];
            rows[*slot as usize] = place;
            *slot += 1;
        }
        *self = Self { starts, rows, sorted: tables.iter().map(Table::len).collect() };
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        (self.starts.capacity() + self.rows.capacity()) * 4 + self.sorted.capacity() * size_of::<usize>()
    }
}
