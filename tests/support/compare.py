"""Two trees, compared by all that a restore should bring back."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Scan:
    """A tree as found: facts of each path below the root, and its groups of hard links."""

    facts: dict[bytes, dict[str, object]] = field(default_factory=dict)
    groups: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)


def _content(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _attributes(path: bytes) -> dict[str, bytes]:
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in sorted(names)}


def scan(root: Path) -> Scan:
    """Everything below ``root``, which is not itself among it."""
    found = Scan()
    base = os.fsencode(root)
    pending = [b""]
    while pending:
        folder = pending.pop()
        for entry in os.scandir(os.path.join(base, folder)):
            path = os.path.join(folder, entry.name)
            full = os.path.join(base, path)
            status = os.lstat(full)
            facts: dict[str, object] = {
                "type": stat.S_IFMT(status.st_mode),
                "uid": status.st_uid,
                "gid": status.st_gid,
                "mtime": status.st_mtime_ns,
            }
            if not stat.S_ISLNK(status.st_mode):
                facts["mode"] = stat.S_IMODE(status.st_mode)
                facts["attributes"] = _attributes(full)
            if stat.S_ISREG(status.st_mode):
                facts["content"] = _content(full)
                if status.st_nlink > 1:
                    found.groups.setdefault((status.st_dev, status.st_ino), []).append(path)
            elif stat.S_ISLNK(status.st_mode):
                facts["target"] = os.readlink(full)
            elif stat.S_ISDIR(status.st_mode):
                pending.append(path)
            elif stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
                facts["device"] = status.st_rdev
            found.facts[path] = facts
    return found


def differences(expected: Path, actual: Path, *, ignore: frozenset[str] = frozenset()) -> list[str]:
    """What differs between the trees below two folders, one line each; empty when nothing does.

    ``ignore`` holds names of facts that do not count: mtime, uid, gid, mode, attributes, links.
    """
    left, right = scan(expected), scan(actual)
    found = [f"missing: {path!r}" for path in sorted(left.facts.keys() - right.facts.keys())]
    found += [f"additional: {path!r}" for path in sorted(right.facts.keys() - left.facts.keys())]
    for path in sorted(left.facts.keys() & right.facts.keys()):
        for fact, value in left.facts[path].items():
            other = right.facts[path].get(fact)
            if fact not in ignore and value != other:
                found.append(f"{fact} of {path!r}: {_short(value)} became {_short(other)}")
    if "links" not in ignore:
        before = sorted(sorted(group) for group in left.groups.values())
        after = sorted(sorted(group) for group in right.groups.values())
        if before != after:
            found.append(f"hard links: {before} became {after}")
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 120 else f"{text[:100]}... ({len(text)} characters)"


def assert_same(expected: Path, actual: Path, *, ignore: frozenset[str] = frozenset()) -> None:
    """Fail with the first differences, unless the trees below two folders are the same."""
    found = differences(expected, actual, ignore=ignore)
    assert not found, "\n".join(found[:20])


def restored(target: Path, source: Path) -> Path:
    """Where restic's layout puts ``source`` below a restore's ``target``."""
    return target / source.relative_to("/")
