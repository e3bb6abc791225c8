//! The shape of the root tree: which of the user's paths stand where in the snapshot, as restic places them.

use super::base::{join, list_names};
use crate::filter::Excludes;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::os::fd::AsFd;

/// One place of the root tree.
#[derive(Default)]
pub(in crate::archive) struct Place {
    /// The folder that the first component is relative to; it tells apart roots of the same name.
    root: Vec<u8>,
    /// Where a folder's metadata comes from.
    pub(in crate::archive) info: Option<Vec<u8>>,
    /// What is saved here: a path, and whether the user named just this one.
    pub(in crate::archive) target: Option<(Vec<u8>, bool)>,
    /// The numbers of the places below.
    pub(in crate::archive) below: BTreeMap<Vec<u8>, usize>,
}

/// All places by number, the root first: a path may have more components than a stack has room for.
pub(in crate::archive) struct Places(pub(in crate::archive) Vec<Place>);

/// Names of a folder, and whether its tag files leave each out.
type Listed = Vec<(Vec<u8>, bool)>;

/// A path without `.`, empty and needless `..` components, as Go's `path.Clean` leaves it.
pub(in crate::archive) fn clean(path: &[u8]) -> Vec<u8> {
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

/// A target's absolute path.
pub(in crate::archive) fn absolute(working: &[u8], target: &[u8]) -> Vec<u8> {
    if target.starts_with(b"/") { clean(target) } else { clean(&join(working, target)) }
}

/// The components of a cleaned path below the folder that it starts from, and that folder.
pub(in crate::archive) fn split(path: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
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

/// What is in a folder of which not all is saved as a whole. A tag file that cannot be read is the walk's to tell.
fn list(path: &[u8], excludes: &Excludes) -> Result<Listed> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let what = || format!("list {}", String::from_utf8_lossy(path));
    let fd = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).map_err(|error| Error::io(what(), error))?;
    let tags = excludes.tags_in(fd.as_fd(), &mut Vec::new());
    let names = list_names(&fd)?;
    Ok(names.into_iter().map(|name| (Excludes::by_tags(&tags, &name), name)).map(|(out, name)| (name, out)).collect())
}

impl Places {
    /// The places of these targets. A folder that holds another target is listed, since its entries stand one by one.
    ///
    /// # Errors
    /// [`Error::Io`] when such a folder cannot be listed.
    pub(in crate::archive) fn of(targets: &[Vec<u8>], excludes: &Excludes) -> Result<Self> {
        let mut places = Self(vec![Place::default()]);
        for target in targets {
            places.add(target, true, excludes)?;
        }
        places.unroll(excludes)?;
        Ok(places)
    }

    /// The number of the place below another one, made when it is not there.
    fn below(&mut self, number: usize, name: Vec<u8>, root: Vec<u8>) -> usize {
        let next = self.0.len();
        let found = *self.0[number].below.entry(name).or_insert(next);
        if found == next {
            self.0.push(Place { root, ..Place::default() });
        }
        found
    }

    /// Put a path of the user into its place.
    fn add(&mut self, target: &[u8], is_explicit: bool, excludes: &Excludes) -> Result<()> {
        let target = clean(target);
        let (root, names) = split(&target);
        let Some((first, rest)) = names.split_first() else {
            // Nothing but dots or the root: its entries stand at the top.
            for (name, is_out) in list(&target, excludes)? {
                if !is_out {
                    self.add(&join(&target, &name), false, excludes)?;
                }
            }
            return Ok(());
        };
        let mut name = first.clone();
        for number in 1.. {
            match self.0[0].below.get(&name) {
                Some(other) if self.0[*other].root != root => {
                    name = [first.as_slice(), format!("-{number}").as_bytes()].concat()
                }
                _ => break,
            }
        }
        let mut path = if root == b"." { first.clone() } else { join(&root, first) };
        let mut place = self.below(0, name, root);
        for name in rest {
            self.0[place].info.get_or_insert_with(|| path.clone());
            path = join(&path, name);
            place = self.below(place, name.clone(), Vec::new());
        }
        let known = self.0[place].target.take();
        let was_named = known.is_some_and(|(_, named)| named);
        self.0[place].target = Some((target, is_explicit || was_named));
        Ok(())
    }

    /// Where a target holds another target, save its entries one by one.
    fn unroll(&mut self, excludes: &Excludes) -> Result<()> {
        let mut waiting = vec![0];
        while let Some(number) = waiting.pop() {
            let place = &mut self.0[number];
            if let Some((path, _)) = place.target.take_if(|_| !place.below.is_empty()) {
                place.info = Some(path.clone());
                for (name, is_out) in list(&path, excludes)? {
                    let target = (join(&path, &name), false);
                    match self.0[number].below.get(&name).copied() {
                        // What stands on the way to a target is saved whole, too; tags say nothing of it, as in restic.
                        Some(known) => drop(self.0[known].target.get_or_insert(target)),
                        None if is_out => {}
                        None => {
                            let below = self.below(number, name, Vec::new());
                            self.0[below].target = Some(target);
                        }
                    }
                }
            }
            waiting.extend(self.0[number].below.values());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(targets: &[&str]) -> Places {
        let mut places = Places(vec![Place::default()]);
        for target in targets {
            places.add(target.as_bytes(), true, &Excludes::default()).unwrap();
        }
        places
    }

    fn names(places: &Places, number: usize) -> Vec<String> {
        places.0[number]
            .below
            .iter()
            .flat_map(|(name, child)| {
                let name = String::from_utf8_lossy(name).into_owned();
                let below = names(places, *child).into_iter();
                std::iter::once(name.clone()).chain(below.map(move |rest| format!("{name}/{rest}"))).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn paths_stand_where_restic_puts_them() {
        let root = places(&["/a/b/c", "/a/d", "src", "./x/../y/z"]);
        assert_eq!(names(&root, 0), ["a", "a/b", "a/b/c", "a/d", "src", "y", "y/z"]);
        let info = |name: &[u8]| root.0[root.0[0].below[name]].info.clone();
        assert_eq!(info(b"a").as_deref(), Some(&b"/a"[..]));
        assert_eq!(info(b"y").as_deref(), Some(&b"y"[..]));
    }

    #[test]
    fn roots_of_the_same_name_are_numbered() {
        let root = places(&["/work", "work", "../work", "../work/below"]);
        assert_eq!(names(&root, 0), ["work", "work-1", "work-2", "work-2/below"]);
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
