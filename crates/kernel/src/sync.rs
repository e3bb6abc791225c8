//! A lock is taken also where a thread ended while it held it: what is behind ours is whole at each step.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the lock, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
