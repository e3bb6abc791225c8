//! Everything but directories: what is wanted of it, and whether what stands in its place may go.

use super::super::directory::Dir;
use super::super::disk::beneath;
use super::super::disk::metadata::{LeftOut, Metadata, Time};
use super::super::disk::stamp::mtime;
use super::super::entry::{File, Link, LinkSource, Other, State, There};
use super::super::options::Overwrite;
use super::{MOST_MEMORY, Walk, words};
use crate::Result;
use crate::tree::{Node, NodeType};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};

impl Walk<'_> {
    /// Takes one entry that is no directory.
    pub(super) fn entry(&mut self, mut node: Node, path: &[u8]) -> Result<()> {
        let report = &self.context.report;
        match &node.kind {
            NodeType::Socket => return Ok(()), // whoever listens on it makes it anew
            NodeType::Dev | NodeType::CharDev if self.context.options.safe => {
                report.left_out(path.to_vec(), "devices");
                return Ok(());
            }
            NodeType::Irregular | NodeType::Unknown(_) => {
                report.failed(
                    path.to_vec(),
                    format!("left out: entries of type \"{}\" cannot be made", node.kind.as_str()),
                );
                return Ok(());
            }
            _ => {}
        }
        let Some(dir) = self.directory(self.stack.len() - 1) else { return Ok(()) };
        let mut left_out = LeftOut::new();
        let metadata =
            Metadata::take(&mut node, self.context.options.safe, self.context.choice.as_ref(), &mut left_out);
        for what in left_out {
            self.context.report.left_out(path.to_vec(), what);
        }
        let there = match self.there(&dir, &node.name) {
            Ok(there) => there,
            Err(error) => {
                self.context.report.failed(path.to_vec(), format!("cannot look at what is there: {error}"));
                return Ok(());
            }
        };
        if there.as_ref().is_some_and(|stat| !self.overwrites(metadata.mtime, mtime(stat))) {
            self.context.report.skipped(|| path.to_vec(), node.size);
            return Ok(());
        }
        if node.kind == NodeType::File {
            if !self.may_go(&dir, &node.name, there.as_ref(), path) {
                self.context.report.found(node.size);
                return Ok(());
            }
            self.file(dir, node, metadata, there);
        } else {
            self.context.report.found(0);
            if self.may_go(&dir, &node.name, there.as_ref(), path) {
                dir.hold();
                let Node { name, kind, linktarget, device, .. } = node;
                let (name, target, replaced) = (name.into(), linktarget.into(), there.is_some());
                self.batch.add_other(Other { dir, name, kind, target, device, metadata, replaced });
            }
        }
        if self.batch.len() >= self.batch_items || self.batch.memory() >= MOST_MEMORY {
            self.send()?;
            self.batch_items = self.batch_items.saturating_mul(2);
        }
        Ok(())
    }

    fn file(&mut self, dir: Arc<Dir>, node: Node, metadata: Metadata, there: Option<rustix::fs::Stat>) {
        let report = &self.context.report;
        let mut source = None;
        if node.links > 1 {
            let key = (node.inode, node.device_id);
            if let Some(first) = self.sources.get(&key) {
                report.found(0);
                first.dir.hold();
                dir.hold();
                let source = Arc::clone(first);
                self.batch.add_link(Link { dir, name: node.name.into(), source, mtime: metadata.mtime });
                return;
            }
            dir.hold(); // its own metadata waits until all links to this file are made
            let name = node.name.as_slice().into();
            let new = Arc::new(LinkSource { dir: Arc::clone(&dir), name, identity: OnceLock::new() });
            self.sources.insert(key, Arc::clone(&new));
            source = Some(new);
        }
        let there = match &there {
            None => There::Nothing,
            Some(stat) if beneath::kind(stat).is_file() => There::File,
            Some(_) => There::Other,
        };
        if there != There::File {
            report.found(node.size);
        }
        dir.hold();
        self.batch.add_file(File {
            dir,
            name: node.name.into(),
            content: node.content.unwrap_or_default().into(),
            metadata,
            size: node.size,
            there,
            source,
            state: Mutex::new(State::New),
            staged: OnceLock::new(),
            remaining: AtomicU32::new(0),
            planned: AtomicBool::new(false),
            length: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        });
    }

    /// What stands where an entry is to be made.
    fn there(&self, dir: &Arc<Dir>, name: &[u8]) -> Result<Option<rustix::fs::Stat>> {
        if dir.fresh || !dir.exists() {
            return Ok(None);
        }
        let handle = self.context.handle(dir)?;
        beneath::look(handle.as_fd(), name).map_err(words)
    }

    pub(super) fn overwrites(&self, snapshot: Time, there: Time) -> bool {
        match self.context.options.overwrite {
            Overwrite::Always | Overwrite::IfChanged => true,
            Overwrite::IfNewer => snapshot > there,
            Overwrite::Never => false,
        }
    }

    /// Whether what stands where an entry is to be made may be replaced by it; reported if not.
    fn may_go(&self, dir: &Arc<Dir>, name: &[u8], there: Option<&rustix::fs::Stat>, path: &[u8]) -> bool {
        const WHAT: &str = "cannot replace what is there";
        if self.context.options.delete || !there.is_some_and(|stat| beneath::kind(stat).is_dir()) {
            return true;
        }
        let empty = self.context.handle(dir).map(|handle| beneath::is_empty(handle.as_fd(), name));
        match empty {
            Ok(Ok(true)) => return true,
            Ok(Ok(false)) => self.context.fail(path.to_vec(), WHAT, Errno::NOTEMPTY),
            Ok(Err(error)) => self.context.fail(path.to_vec(), WHAT, error),
            Err(error) => self.context.failed(path.to_vec(), WHAT, error),
        }
        false
    }
}
