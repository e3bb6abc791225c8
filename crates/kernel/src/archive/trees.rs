//! A directory becomes a tree: opened beside the parent's, encoded and saved when its last entry is done.

use super::blobs::{Scope, Scratch, save_blob};
use super::directory::{Directory, Finished, Opening, Variant};
use super::events::{Action, Cost, Event};
use super::parent::ParentTree;
use super::shared::Shared;
use crate::tree::{Node, TreeEncoder};
use crate::{BlobType, Error, Id, Result};
use std::sync::Arc;

/// A directory that waits for `slots` entries, held open by one guard until [`release`].
pub(super) fn open(shared: &Shared, opening: Opening, slots: usize) -> Arc<Directory> {
    let old = opening
        .old_subtrees
        .iter()
        .enumerate()
        .map(|(group, subtree)| subtree.and_then(|id| load_parent(shared, group, id, &opening.path)))
        .collect();
    Directory::new(opening, old, slots)
}

/// One expected thing has arrived; the last one finishes the directory, and perhaps those above it.
pub(super) fn release(directory: &Arc<Directory>, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let mut directory = Arc::clone(directory);
    while directory.arrive() {
        let (node, roots) = finish(&directory, shared, scratch)?;
        let Some((up, slot)) = directory.up.clone() else {
            shared.set_roots(roots);
            return Ok(());
        };
        if let Some(mut node) = node {
            node.subtree = roots.first().copied();
            let others = roots.iter().skip(1).map(|id| Variant::Subtree(*id)).collect();
            up.fill(slot, Finished { node, others });
        }
        directory = up;
    }
    Ok(())
}

fn finish(directory: &Directory, shared: &Shared, scratch: &mut Scratch) -> Result<(Option<Node>, Vec<Id>)> {
    let mut entries = directory.take_entries();
    let mut cost = Cost::default();
    let mut roots = Vec::with_capacity(shared.chunkers.len());
    for group in 0..shared.chunkers.len() {
        let mut encoder = TreeEncoder::new();
        for entry in &mut entries {
            if let Some(variant) = group.checked_sub(1).and_then(|other| entry.others.get(other)) {
                match variant.clone() {
                    Variant::Content(content) => entry.node.content = Some(content),
                    Variant::Subtree(subtree) => entry.node.subtree = Some(subtree),
                }
            }
            encoder.add(&entry.node)?;
        }
        let (root, took) = save_blob(shared, scratch, BlobType::Tree, &encoder.finish(), Scope::Group(group))?;
        roots.push(root);
        cost += took;
    }
    let action = match directory.old_subtrees.first().copied().flatten() {
        None => Action::New,
        Some(old) if roots.first() == Some(&old) => Action::Unchanged,
        Some(_) => Action::Changed,
    };
    if directory.up.is_some() {
        shared.counters.count_directory(action);
        if shared.options.verbose {
            cost.duration = directory.begun.elapsed();
            let path = directory.snapshot_path.clone();
            shared.events.push(Event::Item { path, directory: true, action, cost });
        }
    }
    Ok((directory.take_node(), roots))
}

fn load_parent(shared: &Shared, group: usize, id: Id, path: &[u8]) -> Option<Arc<ParentTree>> {
    match shared.parents.load(&shared.targets, group, id, &|| shared.check_cancelled()) {
        Ok(tree) => Some(tree),
        Err(Error::Cancelled) => None,
        Err(error) => {
            let message =
                format!("tree {id} of the parent snapshot cannot be used ({error}); everything below is read");
            shared.events.push(Event::Warning { path: path.to_vec(), message });
            None
        }
    }
}
