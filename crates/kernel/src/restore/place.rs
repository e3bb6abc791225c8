//! What is new and whole takes the place of what stands there, at once; what will not be whole is cleared away.

use super::context::{Attempt, Context, os};
use super::directory::Dir;
use super::disk::beneath;
use super::disk::metadata::Time;
use super::disk::stamp::mtime;
use super::options::Overwrite;
use super::remove;
use super::stage::{OLD, fresh_name, is_temporary};
use crate::Error;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::Stat;
use rustix::io::Errno;
use std::sync::Arc;

/// Something new that waits to take its place.
pub(super) struct Waiting<'a> {
    pub(super) dir: &'a Arc<Dir>,
    pub(super) above: &'a OwnedFd,
    pub(super) temporary: &'a [u8],
    pub(super) name: &'a [u8],
    /// When the snapshot's entry was modified.
    pub(super) mtime: Time,
    pub(super) directory: bool,
}

impl Waiting<'_> {
    /// Takes the place. What stands there is looked at once more: time has passed since it was judged.
    pub(super) fn place(&self, context: &Context) -> Attempt<()> {
        let result = self.try_place(context);
        match &result {
            Ok(()) => context.stage.forget(self.temporary),
            Err(_) => self.discard(context),
        }
        result
    }

    /// It will not be whole.
    pub(super) fn discard(&self, context: &Context) {
        remove::quietly(self.above, self.temporary);
        context.stage.forget(self.temporary);
    }

    fn try_place(&self, context: &Context) -> Attempt<()> {
        const WHAT: &str = "cannot replace what is there";
        let there = os("cannot look at what is there", beneath::look(self.above.as_fd(), self.name))?;
        let Some(there) = there else {
            return os(WHAT, beneath::rename(self.above.as_fd(), self.temporary, self.name));
        };
        let newer = match context.options.overwrite {
            Overwrite::Always | Overwrite::IfChanged => false,
            Overwrite::IfNewer => mtime(&there) >= self.mtime,
            Overwrite::Never => true,
        };
        if newer {
            return Err((WHAT, Error::damaged("it came or was changed meanwhile, and stays")));
        }
        let stands = beneath::kind(&there).is_dir();
        match (stands, self.directory) {
            (false, false) => os(WHAT, beneath::rename(self.above.as_fd(), self.temporary, self.name)),
            (true, true) => Err((WHAT, Error::damaged("a directory has come there meanwhile, and stays"))),
            _ => self.change_places(context, &there).map_err(|error| (WHAT, error)),
        }
    }

    /// A directory for something else, or the other way round.
    fn change_places(&self, context: &Context, there: &Stat) -> crate::Result<()> {
        let io = |error: Errno| Error::io("", error);
        let directory = beneath::kind(there).is_dir();
        if directory {
            if !context.options.delete && !beneath::is_empty(self.above.as_fd(), self.name).map_err(io)? {
                return Err(io(Errno::NOTEMPTY));
            }
            if remove::holds_a_mount(context, self.above.as_fd(), self.name, there) {
                return Err(Error::damaged("another file system is mounted in it"));
            }
        }
        let aside = swap(self.above, self.temporary, self.name).map_err(io)?;
        if !directory {
            return beneath::unlink(self.above.as_fd(), &aside).map_err(io);
        }
        match beneath::remove_directory(self.above.as_fd(), &aside) {
            Err(Errno::NOTEMPTY) if context.options.delete => {
                let path = self.dir.path_of(self.name);
                remove::tree(context, self.above.as_fd(), &aside, there, &path, there.st_dev);
                Ok(())
            }
            Err(error) => {
                // Somebody put something into it meanwhile.
                if let Err(problem) = swap(self.above, &aside, self.name) {
                    let lies = String::from_utf8_lossy(&aside).into_owned();
                    context.fail(
                        self.dir.path_of(self.name),
                        &format!("what stood there is called {lies} now"),
                        problem,
                    );
                    return Ok(());
                }
                Err(io(error))
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Puts what lies under a temporary name in the place of what has the name, and returns the temporary name of that.
fn swap(above: &OwnedFd, temporary: &[u8], name: &[u8]) -> rustix::io::Result<Box<[u8]>> {
    match beneath::exchange(above.as_fd(), temporary, name) {
        Ok(()) => Ok(temporary.into()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => swap_in_steps(above, temporary, name),
        Err(error) => Err(error),
    }
}

/// The same where the file system cannot do it at once.
fn swap_in_steps(above: &OwnedFd, temporary: &[u8], name: &[u8]) -> rustix::io::Result<Box<[u8]>> {
    let aside = fresh_name(OLD);
    beneath::rename(above.as_fd(), name, &aside)?;
    if let Err(error) = beneath::rename(above.as_fd(), temporary, name) {
        beneath::rename(above.as_fd(), &aside, name)?;
        return Err(error);
    }
    Ok(aside)
}

/// Clears away what never became whole.
pub(super) fn clear(context: &Context) {
    for (name, lying) in context.stage.take() {
        if let Ok(above) = context.handle(&lying.dir) {
            let _ = context.directories.make_writable(&lying.dir, &above);
            remove::quietly(&above, &name);
        }
    }
}

/// Removes from a directory what an earlier run left behind, except for names in `spared`, which the snapshot has.
/// What was moved aside for something else goes only at the end of the run, when that is there again.
pub(super) fn clear_leftovers(context: &Context, dir: &Arc<Dir>, spared: &[Box<[u8]>]) -> crate::Result<()> {
    let above = context.handle(dir)?;
    let names = beneath::names(above.as_fd()).map_err(|error| Error::io("cannot list the directory", error))?;
    let mut late = Vec::new();
    for name in names.into_iter().filter(|name| is_temporary(name)) {
        if spared.iter().any(|spared| **spared == *name) || context.stage.is_ours(&name) {
            continue;
        }
        if name.starts_with(OLD) {
            late.push(name);
            continue;
        }
        let open = beneath::open_file(above.as_fd(), &name, rustix::fs::OFlags::RDONLY);
        if open.as_ref().is_ok_and(|handle| !beneath::claim(handle)) {
            continue; // somebody is at work on it
        }
        let _ = context.directories.make_writable(dir, &above);
        remove::quietly(&above, &name);
    }
    if !late.is_empty() {
        context.doom(dir, late, false);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};

    #[test]
    fn without_an_exchange_nothing_is_lost_either() {
        let place = std::env::temp_dir().join(format!("strongroom-swap-{}", std::process::id()));
        std::fs::create_dir_all(place.join("folder")).unwrap();
        std::fs::write(place.join("file"), b"old").unwrap();
        let above = rustix::fs::open(&place, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        assert!(swap_in_steps(&above, b"missing", b"file").is_err());
        assert_eq!(std::fs::read(place.join("file")).unwrap(), b"old");
        let aside = swap_in_steps(&above, b"folder", b"file").unwrap();
        assert!(is_temporary(&aside) && place.join("file").is_dir());
        assert_eq!(std::fs::read(place.join(std::str::from_utf8(&aside).unwrap())).unwrap(), b"old");
        std::fs::remove_dir_all(place).unwrap();
    }
}
