//! The names of users and groups, each asked for once.

use nix::unistd::{Gid, Group, Uid, User};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

type Cache = RwLock<HashMap<u32, Arc<str>>>;

/// A cache of user and group names. An ID without a name has the empty name.
#[derive(Debug, Default)]
pub struct Names {
    users: Cache,
    groups: Cache,
}

impl Names {
    /// The user's name, by the system's name services.
    pub fn user(&self, uid: u32) -> Arc<str> {
        cached(&self.users, uid, |uid| User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name))
    }

    /// The group's name, by the system's name services.
    pub fn group(&self, gid: u32) -> Arc<str> {
        cached(&self.groups, gid, |gid| Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name))
    }
}

fn cached(cache: &Cache, id: u32, ask: impl Fn(u32) -> Option<String>) -> Arc<str> {
    if let Some(name) = cache.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(name);
    }
    let name: Arc<str> = ask(id).unwrap_or_default().into();
    cache.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&name));
    name
}
