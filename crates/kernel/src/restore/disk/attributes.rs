//! Extended attributes of an open file: their names, their values, and which of them are ours to remove.

use rustix::fd::OwnedFd;
use rustix::io::Errno;

/// A name that the system call can take: a NUL would end it early.
pub(super) fn checked(name: &[u8]) -> rustix::io::Result<&[u8]> {
    if name.is_empty() || name.contains(&0) { Err(Errno::INVAL) } else { Ok(name) }
}

/// Whether an attribute that the snapshot does not have is removed: not those that the system gives to each file
/// (labels), whose absence from the snapshot says nothing.
pub(super) fn is_ours_to_remove(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_") || name == b"security.capability"
}

/// The names of the attributes that `list` gives, none where there are none or too many.
pub(super) fn names(list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> Vec<Vec<u8>> {
    let mut small = [0u8; 1024];
    let mut large = Vec::new();
    let names: &[u8] = match list(&mut small) {
        Ok(0) | Err(Errno::NOTSUP) => return Vec::new(),
        Ok(length) => &small[..length],
        Err(_) => {
            large.resize(64 << 10, 0);
            match list(&mut large) {
                Ok(length) => &large[..length],
                Err(_) => return Vec::new(),
            }
        }
    };
    names.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The value of an attribute of an open file.
pub(super) fn value(handle: &OwnedFd, name: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 64 << 10];
    let length = rustix::fs::fgetxattr(handle, checked(name).ok()?, buffer.as_mut_slice()).ok()?;
    buffer.truncate(length);
    Some(buffer)
}
