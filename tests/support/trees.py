"""Source trees: an ordinary one, and one with all that a file system can hold against a backup program."""

from __future__ import annotations

import os
import random
import socket
import struct
from pathlib import Path

HOSTILE_NAMES: tuple[bytes, ...] = (
    b"plain.txt",
    b"two words",
    b" leading and trailing ",
    b'"double"',
    b"'single'",
    b"back\\slash",
    b"\\x41 \\u0041 \\n",
    b"new\nline",
    b"carriage\rreturn",
    b"tab\tbell\x07escape\x1b[31m",
    b"\x01\x02\x1f\x7f",
    b"\xff\xfe not utf-8",
    b"\xc3",
    b"caf\xe9",
    b"\xed\xa0\x80 surrogate",
    b"\xf4\x90\x80\x80 beyond",
    b"\xc0\xaf overlong",
    "caf\u00e9 composed".encode(),
    "cafe\u0301 decomposed".encode(),
    "\u0378 unassigned".encode(),
    "\U000e0080 unassigned too".encode(),
    "\ue000 private".encode(),
    "\ufffd replacement".encode(),
    "\uffff noncharacter".encode(),
    "\u2028 line separator \u2029".encode(),
    "\u00ad soft hyphen \u200b \ufeff".encode(),
    "\U0001f512 \U0010ffff".encode(),
    b"<html> & 'more'",
    b"-r",
    b"--delete",
    b"*",
    b"[a-z]?{x,y}",
    b"!negated",
    b"#comment",
    b"$HOME ${PATH} `id` %s %d",
    b"C:\\Windows",
    b"a:b",
    b".hidden",
    b"...",
    b"~",
    b"n" * 255,
    "\u00e9".encode() * 127 + b"x",
    b"\xfe" * 255,
)

_ACL_XATTR = "system.posix_acl_access"
_ACL_DEFAULT_XATTR = "system.posix_acl_default"


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL as the kernel stores it: tag, permission bits and ID of each entry (linux/posix_acl_xattr.h)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _named_user_acl() -> bytes:
    none = 0xFFFFFFFF
    return acl((0x01, 6, none), (0x02, 4, 12345), (0x04, 4, none), (0x10, 6, none), (0x20, 0, none))


def ordinary(root: Path, *, files: int = 60, seed: int = 1, largest: int = 300_000) -> Path:
    """A tree of folders with files of random sizes and contents, half of them compressible; the same for a seed."""
    chance = random.Random(seed)
    for number in range(files):
        folder = root / f"folder{number % 7}" / f"sub{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        size = int(largest ** chance.random())
        line = b"%d line of text\n" % number
        content = chance.randbytes(size) if number % 2 else line * (size // 16 + 1)
        (folder / f"file{number}").write_bytes(content[:size])
    return root


def large(root: Path, *, megabytes: int, seed: int = 2) -> Path:
    """One file of incompressible bytes below ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    with (root / f"large{seed}").open("wb") as out:
        for _ in range(megabytes):
            out.write(chance.randbytes(1 << 20))
    return root


def hostile(root: Path, *, attributes: bool = True, special: bool = True) -> Path:
    """Everything at once: names, kinds of node, links, times, modes, attributes; as root also owners and devices."""
    root.mkdir(parents=True, exist_ok=True)
    base = os.fsencode(root)
    hostile_names(base)
    _links(os.path.join(base, b"links"))
    _times_and_modes(os.path.join(base, b"times"))
    _sparse(os.path.join(base, b"sparse"))
    if attributes:
        _attributes(os.path.join(base, b"attributes"))
    if special:
        _special(os.path.join(base, b"special"))
    return root


def hostile_names(base: bytes) -> None:
    """A file, and a folder with a file, of each hostile name."""
    for folder in (b"names", b"folders"):
        os.makedirs(os.path.join(base, folder))
    for number, name in enumerate(HOSTILE_NAMES):
        _write(os.path.join(base, b"names", name), b"content %d of a file with a hostile name" % number)
        os.mkdir(os.path.join(base, b"folders", name))
        _write(os.path.join(base, b"folders", name, name), b"inner %d" % number)


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as out:
        out.write(content)


def _links(base: bytes) -> None:
    os.mkdir(base)
    _write(os.path.join(base, b"first"), b"shared by three names\n" * 100)
    os.link(os.path.join(base, b"first"), os.path.join(base, b"second"))
    os.mkdir(os.path.join(base, b"deeper"))
    os.link(os.path.join(base, b"first"), os.path.join(base, b"deeper", b"third"))
    _write(os.path.join(base, b"empty one"), b"")
    os.link(os.path.join(base, b"empty one"), os.path.join(base, b"empty two"))
    for name, target in (
        (b"relative", b"first"),
        (b"absolute", b"/nonexistent/absolute"),
        (b"dangling", b"nowhere"),
        (b"upwards", b"../names"),
        (b"to itself", b"to itself"),
        (b"quotes", b'"double" \\back\nline'),
        (b"long", b"x/" * 1000),
    ):
        os.symlink(target, os.path.join(base, name))


def _times_and_modes(base: bytes) -> None:
    os.mkdir(base)
    moments = {
        b"epoch": 0,
        b"before the epoch": -86_400 * 10**9 - 1,
        b"one nanosecond": 1,
        b"trailing zeros": 1_600_000_000_120_000_000,
        b"all nine digits": 1_600_000_000_123_456_789,
        b"far future": 7_258_118_400 * 10**9,
    }
    for name, moment in moments.items():
        path = os.path.join(base, name)
        _write(path, name)
        os.utime(path, ns=(moment, moment))
    for mode in (0o000, 0o400, 0o755, 0o4755, 0o2755, 0o1777, 0o6711):
        path = os.path.join(base, b"mode %o" % mode)
        _write(path, b"%o" % mode)
        os.chmod(path, mode)
    for mode in (0o500, 0o700, 0o1777, 0o2775):
        path = os.path.join(base, b"folder %o" % mode)
        os.mkdir(path)
        os.chmod(path, mode)
    os.mkdir(os.path.join(base, b"empty folder"))
    _write(os.path.join(base, b"empty file"), b"")
    os.utime(os.path.join(base, b"empty folder"), ns=(10**18, 10**18 + 5))


def _sparse(base: bytes) -> None:
    os.mkdir(base)
    with open(os.path.join(base, b"hole in the middle"), "wb") as out:
        out.write(b"begin")
        out.seek(9 << 20)
        out.write(b"end")
    with open(os.path.join(base, b"nothing but a hole"), "wb") as out:
        out.truncate(3 << 20)
    with open(os.path.join(base, b"hole at the end"), "wb") as out:
        out.write(b"begin" * 1000)
        out.truncate(2 << 20)


def _attributes(base: bytes) -> None:
    os.mkdir(base)
    for name in (b"file", b"folder"):
        path = os.path.join(base, name)
        if name == b"file":
            _write(path, b"with attributes")
        else:
            os.mkdir(path)
        os.setxattr(path, "user.plain", b"value")
        os.setxattr(path, "user.empty", b"")
        os.setxattr(path, "user.binary", bytes(range(256)))
        os.setxattr(path, _ACL_XATTR, _named_user_acl())
    os.setxattr(os.path.join(base, b"folder"), _ACL_DEFAULT_XATTR, _named_user_acl())


def _special(base: bytes) -> None:
    os.mkdir(base)
    os.mkfifo(os.path.join(base, b"fifo"), 0o640)
    if os.geteuid() != 0:
        return
    os.mknod(os.path.join(base, b"block"), 0o060640, os.makedev(7, 200))
    os.mknod(os.path.join(base, b"character"), 0o020666, os.makedev(1, 3))
    path = os.path.join(base, b"owned")
    _write(path, b"by somebody")
    os.chown(path, 12345, 54321)
    os.chmod(path, 0o4750)
    os.symlink(b"owned", os.path.join(base, b"owned link"))
    os.chown(os.path.join(base, b"owned link"), 12345, 54321, follow_symlinks=False)


def unix_socket(path: Path) -> socket.socket:
    """A listening socket in the file system; the caller closes it."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    return server
