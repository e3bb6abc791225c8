//! Folders with work left in them, of which only so many are open at a time.
//!
//! A deep tree leaves work behind in each folder on the way down, and a descriptor each would be more than a process
//! may have. The folder that was opened longest ago is closed first, since the stack of tasks comes back to it last; it is
//! opened again from the nearest one above it that is open, name by name, never through a link, and has to be the
//! same folder then.

use crate::{Error, Result, sync::lock};
use rustix::fs::{Mode, OFlags, fstat, openat};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

/// The folders that are open.
pub(in crate::archive) struct Folders {
    limit: usize,
    open: AtomicUsize,
    /// The longest open one first, among others that are gone.
    order: Mutex<VecDeque<Weak<Folder>>>,
}

/// A folder that can be opened again.
pub(in crate::archive) struct Folder {
    above: Above,
    name: Vec<u8>,
    handle: Mutex<Handle>,
    folders: Arc<Folders>,
}

/// What a folder's name is below.
enum Above {
    /// The name is a path as the user wrote it, whose links are followed.
    User,
    Folder(Arc<Folder>),
}

enum Handle {
    Open(Arc<OwnedFd>),
    /// Device and inode, by which it is known again.
    Closed(u64, u64),
}

impl Folders {
    /// At most so many folders are kept open, beside those that are in use just now.
    pub(in crate::archive) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, open: AtomicUsize::new(0), order: Mutex::default() })
    }

    /// A folder that is open, by a path of the user's.
    pub(in crate::archive) fn named(self: &Arc<Self>, path: &[u8], fd: OwnedFd) -> Arc<Folder> {
        self.add(Above::User, path, fd)
    }

    fn add(self: &Arc<Self>, above: Above, name: &[u8], fd: OwnedFd) -> Arc<Folder> {
        let handle = Mutex::new(Handle::Open(Arc::new(fd)));
        let folder = Arc::new(Folder { above, name: name.to_vec(), handle, folders: Arc::clone(self) });
        self.opened(&folder);
        folder
    }

    /// One more is open: close what was opened longest ago.
    fn opened(&self, folder: &Arc<Folder>) {
        self.open.fetch_add(1, Relaxed);
        let mut order = lock(&self.order);
        if order.len() > 4 * self.limit {
            order.retain(|folder| folder.strong_count() > 0);
        }
        order.push_back(Arc::downgrade(folder));
        let mut closed = Vec::new(); // a folder that goes away with its last task is dropped without the lock
        while self.open.load(Relaxed) > self.limit && order.len() > 1 {
            let Some(oldest) = order.pop_front() else { break };
            closed.extend(oldest.upgrade().inspect(|oldest| oldest.close()));
        }
        drop(order);
    }
}

impl Folder {
    /// A folder in this one that is open.
    pub(in crate::archive) fn below(self: &Arc<Self>, name: &[u8], fd: OwnedFd) -> Arc<Self> {
        self.folders.add(Above::Folder(Arc::clone(self)), name, fd)
    }

    /// Its descriptor, opened again where it was closed, for as long as somebody has it.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened any more, or another folder has its name now.
    pub(in crate::archive) fn open(self: &Arc<Self>) -> Result<Arc<OwnedFd>> {
        let mut way = vec![Arc::clone(self)];
        let mut fd = loop {
            let last = &way[way.len() - 1];
            match (&*lock(&last.handle), &last.above) {
                (Handle::Open(fd), _) => break Some(Arc::clone(fd)),
                (Handle::Closed(..), Above::User) => break None,
                (Handle::Closed(..), Above::Folder(_)) => {}
            }
            let Above::Folder(above) = &last.above else { break None };
            let above = Arc::clone(above);
            way.push(above);
        };
        if fd.is_some() {
            way.pop();
        }
        for folder in way.iter().rev() {
            fd = Some(folder.open_below(fd.as_deref())?);
        }
        fd.ok_or_else(|| Error::Internal("a folder without a way to it".into()))
    }

    fn open_below(self: &Arc<Self>, above: Option<&OwnedFd>) -> Result<Arc<OwnedFd>> {
        let io = |error| Error::io("open the folder again", error);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match above {
            Some(above) => openat(above, &self.name, flags | OFlags::NOFOLLOW, Mode::empty()),
            None => rustix::fs::open(&self.name, flags, Mode::empty()),
        };
        let fd = Arc::new(fd.map_err(io)?);
        let found = identity(&fd).map_err(io)?;
        let mut handle = lock(&self.handle);
        match &*handle {
            Handle::Open(other) => return Ok(Arc::clone(other)), // another worker was quicker
            Handle::Closed(device, inode) if found == (*device, *inode) => {}
            Handle::Closed(..) => {
                return Err(Error::Unavailable("another folder has taken its place while it was read".into()));
            }
        }
        *handle = Handle::Open(Arc::clone(&fd));
        drop(handle);
        self.folders.opened(self);
        Ok(fd)
    }

    fn close(&self) {
        let mut handle = lock(&self.handle);
        if let Handle::Open(fd) = &*handle
            && let Ok((device, inode)) = identity(fd)
        {
            *handle = Handle::Closed(device, inode);
            self.folders.open.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if matches!(&*lock(&self.handle), Handle::Open(_)) {
            self.folders.open.fetch_sub(1, Relaxed);
        }
    }
}

fn identity(fd: &Arc<OwnedFd>) -> rustix::io::Result<(u64, u64)> {
    fstat(fd.as_fd()).map(|stat| (stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    /// A folder of its own for a test, removed with it.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("folders-{name}-{}", std::process::id()));
            std::fs::create_dir_all(path.join("one/two/three")).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn directory(path: &Path) -> OwnedFd {
        rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    /// The folders `one`, `two` and `three` below each other, of which only the last is left open.
    fn chain(place: &Path) -> (Arc<Folders>, Vec<Arc<Folder>>) {
        let folders = Folders::new(1);
        let one = folders.named(place.join("one").as_os_str().as_encoded_bytes(), directory(&place.join("one")));
        let two = one.below(b"two", directory(&place.join("one/two")));
        let three = two.below(b"three", directory(&place.join("one/two/three")));
        (folders, vec![one, two, three])
    }

    fn is_open(folder: &Folder) -> bool {
        matches!(&*lock(&folder.handle), Handle::Open(_))
    }

    #[test]
    fn only_so_many_are_open_and_the_same_are_opened_again() {
        let place = Place::new("again");
        let (folders, chain) = chain(&place.0);
        assert_eq!(chain.iter().map(|folder| is_open(folder)).collect::<Vec<_>>(), [false, false, true]);
        let other = chain[0].below(b"two", directory(&place.0.join("one/two")));
        let fd = chain[2].open().unwrap();
        assert_eq!(identity(&fd).unwrap(), identity(&Arc::new(directory(&place.0.join("one/two/three")))).unwrap());
        assert_eq!(folders.open.load(Relaxed), 1);
        drop((chain, other));
        assert_eq!(folders.open.load(Relaxed), 0);
    }

    #[test]
    fn another_folder_under_the_name_is_refused_and_no_link_is_followed() {
        let place = Place::new("other");
        let (_folders, chain) = chain(&place.0);
        let two = place.0.join("one/two");
        std::fs::rename(&two, place.0.join("moved")).unwrap();
        assert!(chain[1].open().unwrap_err().is_missing());
        std::os::unix::fs::symlink(place.0.join("moved"), &two).unwrap();
        assert!(chain[1].open().is_err());
        std::fs::remove_file(&two).unwrap();
        std::fs::create_dir(&two).unwrap();
        assert!(chain[1].open().unwrap_err().to_string().contains("another folder"));
        std::fs::remove_dir(&two).unwrap();
        std::fs::rename(place.0.join("moved"), &two).unwrap();
        assert!(chain[1].open().is_ok());
    }
}
