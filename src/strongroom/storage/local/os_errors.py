"""What the operating system's errors mean to a store."""

from __future__ import annotations

import errno
import os

from strongroom.base import errors
from strongroom.base.own_files import advice

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR}
_HINTS = {
    errno.EROFS: "Mount it for writing.",
    errno.ENOTDIR: "A file stands where a folder is needed.",
}
_OWNERS = {errno.EACCES, errno.EPERM, errno.EROFS}
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS}


def store_error(error: OSError, subject: str) -> errors.StoreError:
    """The store error for a fault of a file system; ``subject`` is the object or path that it befell.

    What is neither space, nor permission, nor absence counts as passing: ``Unavailable``.
    """
    what = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.ENOENT:
        return errors.Missing(what, subject=subject)
    if error.errno in _FULL:
        return errors.Full(what, subject=subject, hint="Make room there, or raise the quota; then run again.")
    if error.errno in _REFUSED:
        return errors.Refused(what, subject=subject, hint=_hint(error))
    if error.errno in _UNSUPPORTED:
        return errors.Unsupported(what, subject=subject)
    return errors.Unavailable(what, subject=subject)


def _hint(error: OSError) -> str:
    if error.errno in _OWNERS and isinstance(error.filename, str):
        return advice(error.filename)
    return _HINTS.get(error.errno or 0, "Check who owns the folder and its permissions.")
