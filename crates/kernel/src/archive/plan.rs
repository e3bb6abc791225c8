//! The shape of the root tree: which of the user's paths stand where in the snapshot, as restic places them.

use super::blobs::Scratch;
use super::directory::{Directory, Opening, list_names};
use super::entries::{Base, LeafTask, join};
use super::events::Action;
use super::file::{FileJob, OpenFile};
use super::run::Shared;
use super::stream::cut_stream;
use super::tasks::Task;
use crate::time::Timestamp;
use crate::tree::{Node, NodeType};
use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, statat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// What a run saves.
pub struct Plan {
    /// Paths as the user gave them, absolute or relative to `working`.
    pub targets: Vec<Vec<u8>>,
    /// The working directory, absolute.
    pub working: Vec<u8>,
    /// A stream instead of paths.
    pub stdin: Option<StdinSource>,
}

impl Plan {
    /// A target's absolute path.
    pub(super) fn absolute(&self, target: &[u8]) -> Vec<u8> {
        absolute(&self.working, target)
    }
}

fn absolute(working: &[u8], target: &[u8]) -> Vec<u8> {
    if target.starts_with(b"/") { clean(target) } else { clean(&join(working, target)) }
}

/// A stream that is saved as one file.
pub struct StdinSource {
    /// Where the bytes come from.
    pub file: File,
    /// The file's name in the snapshot, with the folders above it.
    pub name: Vec<u8>,
    /// Its modification time.
    pub time: Timestamp,
}

/// One place of the root tree.
#[derive(Default)]
struct Place {
    /// The folder that the first component is relative to; it tells apart roots of the same name.
    root: Vec<u8>,
    /// Where a folder's metadata comes from.
    info: Option<Vec<u8>>,
    /// What is saved here: a path, and whether the user named just this one.
    target: Option<(Vec<u8>, bool)>,
    below: BTreeMap<Vec<u8>, Place>,
}

/// A path without `.`, empty and needless `..` components, as Go's `path.Clean` leaves it.
fn clean(path: &[u8]) -> Vec<u8> {
    let is_rooted = path.starts_with(b"/");
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match kept.last() {
                Some(&last) if last != b".." => drop(kept.pop()),
                _ if is_rooted => {}
                _ => kept.push(part),
            },
            _ => kept.push(part),
        }
    }
    let joined = kept.join(&b'/');
    match (is_rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// The components of a cleaned path below the folder that it starts from, and that folder.
fn split(path: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let (ups, names): (Vec<&[u8]>, Vec<&[u8]>) = parts.partition(|part| *part == b"..");
    let root = if path.starts_with(b"/") {
        b"/".to_vec()
    } else if ups.is_empty() {
        b".".to_vec()
    } else {
        ups.join(&b'/')
    };
    (root, names.into_iter().map(<[u8]>::to_vec).collect())
}

fn list(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let what = || format!("list {}", String::from_utf8_lossy(path));
    let fd = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).map_err(|error| Error::io(what(), error))?;
    list_names(&fd)
}

impl Place {
    /// Put a path of the user into its place.
    fn add(&mut self, target: &[u8], is_explicit: bool) -> Result<()> {
        let target = clean(target);
        let (root, names) = split(&target);
        let Some((first, rest)) = names.split_first() else {
            // Nothing but dots or the root: its entries stand at the top.
            for name in list(&target)? {
                self.add(&join(&target, &name), false)?;
            }
            return Ok(());
        };
        let mut name = first.clone();
        for number in 1.. {
            match self.below.get(&name) {
                Some(other) if other.root != root => {
                    name = [first.as_slice(), format!("-{number}").as_bytes()].concat()
                }
                _ => break,
            }
        }
        let mut place = self.below.entry(name).or_insert_with(|| Self { root: root.clone(), ..Self::default() });
        let mut path = if root == b"." { first.clone() } else { join(&root, first) };
        for name in rest {
            place.info.get_or_insert_with(|| path.clone());
            path = join(&path, name);
            place = place.below.entry(name.clone()).or_default();
        }
        place.target = Some((target, is_explicit));
        Ok(())
    }

    /// Where a target holds another target, save its entries one by one.
    fn unroll(&mut self) -> Result<()> {
        if let Some((path, _)) = self.target.take_if(|_| !self.below.is_empty()) {
            for name in list(&path)? {
                let target = join(&path, &name);
                self.below.entry(name).or_insert_with(|| Self { target: Some((target, false)), ..Self::default() });
            }
            self.info = Some(path);
        }
        self.below.values_mut().try_for_each(Self::unroll)
    }
}

/// Where in the snapshot the targets stand, to be built by the first worker.
pub(super) struct PlanTask {
    plan: Plan,
}

impl PlanTask {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan }
    }

    pub(super) fn run(self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        let old_subtrees = shared.parent_roots.clone();
        let opening = Opening { up: None, path: Vec::new(), snapshot_path: b"/".to_vec(), node: None, old_subtrees };
        if let Some(stdin) = self.plan.stdin {
            return save_stream(shared, scratch, opening, stdin);
        }
        let mut root = Place::default();
        for target in &self.plan.targets {
            root.add(target, true)?;
        }
        root.unroll()?;
        build(shared, scratch, opening, root, &self.plan.working)
    }
}

fn build(shared: &Shared, scratch: &mut Scratch, opening: Opening, place: Place, working: &[u8]) -> Result<()> {
    let directory = Directory::open(shared, opening, place.below.len());
    for (slot, (name, child)) in place.below.into_iter().enumerate() {
        directory.expect(1);
        if let Some((target, is_explicit)) = child.target {
            let path = absolute(working, &target);
            let directory = Arc::clone(&directory);
            shared.tasks.push([Task::Leaf(LeafTask { directory, slot, name, target, path, is_explicit })]);
            continue;
        }
        let info = child.info.clone().unwrap_or_default();
        match folder_node(shared, &info, &name) {
            Ok(node) => {
                let old_subtrees = directory.old_subtrees_below(&name);
                let opening = Opening {
                    up: Some((Arc::clone(&directory), slot)),
                    path: info,
                    snapshot_path: join(&directory.snapshot_path, &name),
                    node: Some(node),
                    old_subtrees,
                };
                build(shared, scratch, opening, child, working)?;
            }
            Err(error) => {
                shared.fail(&info, &error.to_string());
                directory.release(shared, scratch)?;
            }
        }
    }
    directory.release(shared, scratch)
}

/// A folder above the user's path, with the metadata that it has; a link on the way is followed.
fn folder_node(shared: &Shared, path: &[u8], name: &[u8]) -> Result<Node> {
    let io = |error: rustix::io::Errno| Error::io("stat", error);
    let (base, target) = Base::of(path).map_err(io)?;
    let stat = statat(base.fd(), target, AtFlags::empty()).map_err(io)?;
    let (mut node, _) = shared.metadata.node_from(base.fd(), target, &stat)?;
    node.name = name.to_vec();
    Ok(node)
}

fn save_stream(shared: &Shared, scratch: &mut Scratch, opening: Opening, stdin: StdinSource) -> Result<()> {
    let StdinSource { mut file, name, time } = stdin;
    let (_, mut names) = split(&clean(&join(b"/", &name)));
    let Some(name) = names.pop() else { return Err(Error::damaged("the stream has no file name")) };
    let mut directory = Directory::open(shared, opening, 1);
    let mut guards = vec![Arc::clone(&directory)];
    for folder in names {
        directory.expect(1);
        let opening = Opening {
            up: Some((Arc::clone(&directory), 0)),
            path: folder.clone(),
            snapshot_path: join(&directory.snapshot_path, &folder),
            node: Some(made_up(NodeType::Dir, 0x8000_0000 | 0o755, &folder, time)),
            old_subtrees: directory.old_subtrees_below(&folder),
        };
        directory = Directory::open(shared, opening, 1);
        guards.push(Arc::clone(&directory));
    }
    let is_new = directory.old.first().is_none_or(|old| old.as_ref().is_none_or(|old| old.find(&name).is_none()));
    let action = if is_new { Action::New } else { Action::Changed };
    let open = OpenFile::new(shared, &directory, 0, name.clone(), name.clone(), FileJob { action, expected: None });
    let current = shared.current(&name);
    let size = cut_stream(shared, scratch, &open, |buffer| read_when_ready(&mut file, buffer))?;
    drop(current);
    let mut node = made_up(NodeType::File, 0o644, &name, time);
    node.size = size;
    open.close(shared, scratch, Some(node))?;
    guards.iter().rev().try_for_each(|directory| directory.release(shared, scratch))
}

/// Read what a pipe has. One that stays silent counts as interrupted ten times a second, so that whoever reads looks
/// whether the run was cancelled.
fn read_when_ready(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let tenth = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    if poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&tenth))? == 0 {
        return Err(std::io::ErrorKind::Interrupted.into());
    }
    file.read(buffer)
}

fn made_up(kind: NodeType, mode: u32, name: &[u8], time: Timestamp) -> Node {
    Node {
        name: name.to_vec(),
        kind,
        mode,
        mtime: time,
        atime: time,
        ctime: time,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        ..Node::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(place: &Place) -> Vec<String> {
        place
            .below
            .iter()
            .flat_map(|(name, child)| {
                let name = String::from_utf8_lossy(name).into_owned();
                let below = names(child).into_iter();
                std::iter::once(name.clone()).chain(below.map(move |rest| format!("{name}/{rest}"))).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn paths_stand_where_restic_puts_them() {
        let mut root = Place::default();
        for target in ["/a/b/c", "/a/d", "src", "./x/../y/z"] {
            root.add(target.as_bytes(), true).unwrap();
        }
        assert_eq!(names(&root), ["a", "a/b", "a/b/c", "a/d", "src", "y", "y/z"]);
        assert_eq!(root.below[&b"a"[..]].info.as_deref(), Some(&b"/a"[..]));
        assert_eq!(root.below[&b"y"[..]].info.as_deref(), Some(&b"y"[..]));
    }

    #[test]
    fn roots_of_the_same_name_are_numbered() {
        let mut root = Place::default();
        for target in ["/work", "work", "../work", "../work/below"] {
            root.add(target.as_bytes(), true).unwrap();
        }
        assert_eq!(names(&root), ["work", "work-1", "work-2", "work-2/below"]);
    }

    #[test]
    fn cleaning_is_gos() {
        for (given, cleaned) in
            [("a//b/.", "a/b"), ("/..", "/"), ("../../x", "../../x"), ("a/../..", ".."), ("", "."), ("/a/../b/", "/b")]
        {
            assert_eq!(String::from_utf8(clean(given.as_bytes())).unwrap(), cleaned);
        }
    }
}
