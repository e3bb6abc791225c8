"""``cat``: print an internal object as it is inside its encryption."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, UsageError
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.repository.keyring import read_key_file
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import complete_prefix, find_snapshot

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

_KINDS = {"snapshot": Kind.SNAPSHOT, "index": Kind.INDEX, "key": Kind.KEY, "lock": Kind.LOCK, "pack": Kind.DATA}
_INDENTED = ("snapshot", "lock", "config")


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's: a kind, and an ID unless there is one object only."""
    parser.description = (
        "Print an internal object: config, masterkey, snapshot ID, index ID, key ID, lock ID, pack ID (encrypted),\n"
        "blob ID, or tree SNAPSHOT:FOLDER. A snapshot may be `latest` or `latest~1`. An ID may be shortened where\n"
        "that leaves no doubt."
    )
    parser.add_argument(
        "kind", metavar="KIND", help="config, masterkey, snapshot, index, key, lock, pack, blob or tree"
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="which object; config and masterkey need none")


def run(context: Context) -> int:
    """Print the object. Raises ``UsageError`` for a kind or an ID that makes no sense."""
    kind, ids = context.arguments.kind, context.arguments.ids
    if kind not in (*_KINDS, "config", "masterkey", "blob", "tree"):
        raise UsageError(f"there is no kind of object called {kind!r}", hint="`strongroom cat --help` lists them.")
    if len(ids) != 1 and kind not in ("config", "masterkey"):  # restic overlooks what stands behind those two
        raise UsageError("one ID is needed", subject=f"cat {kind}")
    with one_repository(context) as repository, locked(context, repository):
        _print(context, repository, kind, ids[0] if ids else "")
    return 0


def _print(context: Context, repository: Repository, kind: str, name: str) -> None:
    if kind == "masterkey":
        encrypt, k, r = (base64.b64encode(part).decode() for part in repository.key.material())
        _indented(context, {"mac": {"k": k, "r": r}, "encrypt": encrypt})
    elif kind == "tree":
        found = find_snapshot(repository, name)
        load_to_read(repository)
        context.out.raw(repository.load_blob("tree", _folder(repository, found.snapshot.tree, found.subfolder)))
    elif kind == "blob":
        if not is_object_name(name):
            raise UsageError("a blob is named by its whole ID", subject=name, hint="64 digits from 0 to 9 and a to f.")
        load_to_read(repository)
        types = [blob_type for blob_type in ("data", "tree") if repository.locations(blob_type, name)]
        if not types:
            raise UsageError("no index knows this blob", subject=f"blob {name[:8]}")
        context.out.raw(repository.load_blob(types[0], name))
    elif kind == "config":
        _indented(context, json.loads(repository.load_unpacked(Kind.CONFIG)))
    else:
        _print_object(context, repository, kind, name)


def _print_object(context: Context, repository: Repository, kind: str, name: str) -> None:
    """An object that has a name of its own."""
    what = _KINDS[kind]
    if kind == "snapshot" and name.startswith("latest"):
        name = find_snapshot(repository, name).id
    whole = complete_prefix(name, (info.name.name for info in repository.store.list(what)), kind)
    if kind == "pack":
        _print_pack(context, repository, whole)
    elif kind == "key":
        file = read_key_file(repository.store, whole)
        _indented(context, json.loads(file.encode()))
    else:
        plaintext = repository.load_unpacked(what, whole)
        if kind in _INDENTED:
            _indented(context, json.loads(plaintext))
        else:
            context.out.raw(plaintext)


def _print_pack(context: Context, repository: Repository, name: str) -> None:
    """A pack as it is stored. One that does not fit its name is read a second time, and shown all the same.

    Raises ``Damaged`` then.
    """
    import hashlib
    import tempfile

    with tempfile.SpooledTemporaryFile(32 << 20, prefix="strongroom-") as held:
        for _ in range(2):
            held.seek(0)
            held.truncate()
            found = hashlib.sha256()
            with repository.store.read(ObjectName(Kind.DATA, name)) as reader:
                while data := reader.read(1 << 20):
                    held.write(data)
                    found.update(data)
            if found.hexdigest() == name:
                break
        held.seek(0)
        while data := held.read(1 << 20):
            context.out.raw(data)
    if found.hexdigest() != name:
        raise Damaged(f"does not have the content that its name promises: {found.hexdigest()}", subject=f"data/{name}")


def _folder(repository: Repository, tree: str, path: str) -> str:
    """The tree of a folder below a tree. Raises ``UsageError``."""
    for part in filter(None, path.split("/")):
        wanted = part.encode("utf-8", "surrogateescape")
        nodes = [node for node in repository.load_tree(tree).nodes if node.name == wanted]
        if not nodes or nodes[0].subtree is None:
            raise UsageError("the snapshot has no such folder", subject=path)
        tree = nodes[0].subtree
    return tree


def _indented(context: Context, value: Any) -> None:
    context.out.line(json.dumps(value, indent=2, ensure_ascii=False))
