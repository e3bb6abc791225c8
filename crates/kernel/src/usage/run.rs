//! Several trees out of one stretch of a pack: opened and read in one go, in memory that is used again.

use super::Usage;
use crate::envelope::Envelope;
use crate::index::Index;
use crate::pack::Opener;
use crate::{BlobEntry, Id};

/// What several trees say.
#[derive(Debug, Default)]
pub struct RunFindings {
    /// Trees below them that nobody has reached before; they count as reached now.
    pub subtrees: Vec<Id>,
    /// What is wrong: the tree, the name of the node, and a sentence without a subject.
    pub faults: Vec<(Id, Vec<u8>, String)>,
    /// Trees that are not what the index says, or not in the stretch.
    pub bad: Vec<Id>,
}

impl Usage {
    /// Opens and reads the trees in `data`, which holds a pack's bytes from `start` on.
    pub fn read_run(
        &self,
        index: &Index,
        envelope: &Envelope,
        data: &[u8],
        start: u64,
        trees: &[BlobEntry],
    ) -> RunFindings {
        let mut found = RunFindings::default();
        let mut opener = Opener::default();
        let mut plaintext = Vec::new();
        for tree in trees {
            let place = u64::from(tree.offset).checked_sub(start).and_then(|from| {
                let from = usize::try_from(from).ok()?;
                data.get(from..from.checked_add(tree.length as usize)?)
            });
            let opened = place.map(|stored| opener.open(envelope, tree, stored, &mut plaintext));
            if !matches!(opened, Some(Ok(()))) {
                found.bad.push(tree.id);
                continue;
            }
            match self.read(index, &plaintext) {
                Ok(read) => {
                    found.subtrees.extend(read.subtrees);
                    found.faults.extend(read.faults.into_iter().map(|(name, what)| (tree.id, name, what)));
                }
                Err(error) => found.faults.push((tree.id, Vec::new(), error.to_string())),
            }
        }
        found
    }
}
