//! What is new lies whole under a temporary name beside what stands there, and then takes its place at once.
//!
//! A run that ends before its time, whatever ends it, costs nothing that was there. What a killed one leaves behind has
//! names that nobody else gives, and goes with the next restore into the same directory, unless a running one is at work
//! on it.

use super::directory::Dir;
use super::disk::beneath;
use crate::Id;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What temporary names begin with: of what is not whole yet, or was replaced.
const NEW: &[u8] = b".strongroom-new-";
/// The same of what is about to be replaced where two entries cannot change places at once.
pub(super) const OLD: &[u8] = b".strongroom-old-";
/// Hexadecimal digits of the random part, and of what must follow from it.
const DIGITS: usize = 16;
/// How often another name is tried.
const TRIES: usize = 8;

/// What lies under temporary names now.
#[derive(Default)]
pub(super) struct Stage {
    lying: Mutex<HashMap<Box<[u8]>, Lying>>,
}

/// What has a temporary name.
pub(super) struct Lying {
    pub(super) dir: Arc<Dir>,
    /// Open as long as a directory is filled, so that others can tell that it is in use.
    _claim: Option<OwnedFd>,
}

/// A name that nobody else gives.
pub(super) fn fresh_name(prefix: &[u8]) -> Box<[u8]> {
    let mut bytes = [0; DIGITS / 2];
    getrandom::fill(&mut bytes).expect("the system has no randomness to give");
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [prefix, digits.as_bytes(), &check_digits(digits.as_bytes())].concat().into()
}

fn check_digits(random: &[u8]) -> Vec<u8> {
    Id::of(&[NEW, random].concat()).to_hex().as_bytes()[..DIGITS].to_vec()
}

/// Whether it is a name that only a restore gives: the second half of its digits follows from the first.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let digits = name.strip_prefix(NEW).or_else(|| name.strip_prefix(OLD));
    digits.is_some_and(|digits| digits.len() == 2 * DIGITS && digits[DIGITS..] == check_digits(&digits[..DIGITS]))
}

impl Stage {
    fn lying(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Lying>> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is whole, or gone.
    pub(super) fn forget(&self, name: &[u8]) {
        self.lying().remove(name);
    }

    /// Makes something under a new temporary name; `make` gets the name.
    pub(super) fn make<T>(
        &self,
        dir: &Arc<Dir>,
        mut make: impl FnMut(&[u8]) -> rustix::io::Result<T>,
    ) -> rustix::io::Result<(Box<[u8]>, T)> {
        for _ in 0..TRIES {
            let name = fresh_name(NEW);
            // Known before it is there: whoever is stopped between the two has it cleared away.
            self.lying().insert(name.clone(), Lying { dir: Arc::clone(dir), _claim: None });
            match make(&name) {
                Ok(made) => return Ok((name, made)),
                Err(error) => {
                    self.forget(&name);
                    if error != Errno::EXIST && error != Errno::STALE {
                        return Err(error);
                    }
                }
            }
        }
        Err(Errno::EXIST)
    }

    /// A new file under a temporary name, which others see to be in use as long as it is open.
    pub(super) fn file(&self, dir: &Arc<Dir>, above: &OwnedFd, mode: u32) -> rustix::io::Result<(Box<[u8]>, OwnedFd)> {
        self.make(dir, |name| {
            let handle = beneath::create(above.as_fd(), name, mode)?;
            // Another run may have taken it for a leftover before it was claimed.
            if !beneath::claim(&handle) || rustix::fs::fstat(&handle)?.st_nlink == 0 {
                return Err(Errno::STALE);
            }
            Ok(handle)
        })
    }

    /// Keeps a directory marked as in use. Of many not all are: each costs an open file.
    pub(super) fn claim(&self, name: &[u8], handle: &OwnedFd, most: usize) {
        let mut lying = self.lying();
        let open = lying.values().filter(|lying| lying._claim.is_some()).count();
        if let Some(lying) = lying.get_mut(name).filter(|_| open < most)
            && let Ok(own) = rustix::io::fcntl_dupfd_cloexec(handle, 0)
        {
            beneath::claim(&own);
            lying._claim = Some(own);
        }
    }

    /// Whether this run has given that name.
    pub(super) fn is_ours(&self, name: &[u8]) -> bool {
        self.lying().contains_key(name)
    }

    /// What never became whole, by its name; nobody knows of it afterwards.
    pub(super) fn take(&self) -> HashMap<Box<[u8]>, Lying> {
        std::mem::take(&mut *self.lying())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_are_temporary() {
        for prefix in [NEW, OLD] {
            let name = fresh_name(prefix);
            assert!(is_temporary(&name) && beneath::is_name(&name));
            let mut other = name.clone();
            let last = other.len() - 1;
            other[last] = if other[last] == b'0' { b'1' } else { b'0' };
            assert!(!is_temporary(&other) && !is_temporary(&name[1..]) && !is_temporary(&[&name[..], b"0"].concat()));
        }
        assert!(!is_temporary(b".strongroom-new-") && !is_temporary(b"file"));
    }
}
