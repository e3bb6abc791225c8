"""Which file system a folder is on, so that SQLite is kept from network mounts.

SQLite's write-ahead log needs shared memory and locks that all writers see; over a network they are missing or lie
(https://sqlite.org/wal.html, "all processes using a database must be on the same host computer").
"""

from __future__ import annotations

import os

NETWORK = frozenset(
    """
    nfs nfs4 cifs smb3 smbfs ncpfs afs ceph lustre glusterfs beegfs gpfs orangefs pvfs2 coda davfs davfs2
    fuse.sshfs fuse.glusterfs fuse.ceph fuse.ceph-fuse fuse.rclone fuse.s3fs fuse.goofys fuse.gcsfuse fuse.davfs
    fuse.juicefs fuse.mount-s3
    """.split()  # noqa: SIM905 - one word a line reads badly
)


def network_file_system(folder: str, mounts: str = "/proc/self/mountinfo") -> str | None:
    """The type of the network file system that the folder lies on, or None when it is local or cannot be told."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return None
    real = os.path.realpath(folder)
    best, found = "", ""
    for line in lines:
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _unescape(fields[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, after.split(" ", 1)[0]
    return found if found in NETWORK else None


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
