//! Whom restored entries belong to, and which of their attributes come back.

use crate::Result;
use crate::filter::PatternList;
use crate::restore::options::Options;
use crate::tree::Node;
use nix::unistd::{Group, User};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

type Known = Mutex<HashMap<String, Option<u32>>>;

/// What was asked for beyond what snapshots say. Absent for nearly all restores.
#[derive(Debug)]
pub(in crate::restore) struct Choice {
    by_name: bool,
    users: Known,
    groups: Known,
    include: PatternList,
    exclude: PatternList,
}

impl Choice {
    /// # Errors
    /// [`crate::Error::Unsupported`] naming every malformed pattern.
    pub(in crate::restore) fn new(options: &Options) -> Result<Option<Self>> {
        let include = PatternList::new(&options.include_attributes, false)?;
        let exclude = PatternList::new(&options.exclude_attributes, false)?;
        if !options.ownership_by_name && include.is_empty() && exclude.is_empty() {
            return Ok(None);
        }
        let by_name = options.ownership_by_name;
        Ok(Some(Self { by_name, users: Known::default(), groups: Known::default(), include, exclude }))
    }

    /// Owner and group: by their names where this machine knows those, else by their numbers.
    pub(in crate::restore) fn owner(&self, node: &Node) -> (u32, u32) {
        if !self.by_name {
            return (node.uid, node.gid);
        }
        let user = |name: &str| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
        let group = |name: &str| Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
        (
            number(&self.users, &node.user, user).unwrap_or(node.uid),
            number(&self.groups, &node.group, group).unwrap_or(node.gid),
        )
    }

    /// Whether an attribute of this name comes back; one that does not is left as it is on what is there already.
    pub(in crate::restore) fn takes(&self, name: &[u8]) -> bool {
        (self.include.is_empty() || self.include.matches(name)) && !self.exclude.matches(name)
    }
}

fn number(known: &Known, name: &str, ask: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    if name.is_empty() || name.contains('\0') {
        return None;
    }
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = known.get(name) {
        return *number;
    }
    let number = ask(name);
    known.insert(name.to_owned(), number);
    number
}
