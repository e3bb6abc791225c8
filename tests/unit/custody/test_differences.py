"""What the kernel says of two trees is what a comparison entry by entry says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.custody.adopting import open_adopted
from strongroom.custody.catalogue import load_catalogue
from strongroom.custody.deciding import snapshots_of
from strongroom.custody.judging.measures import changes
from strongroom.storage.local.store import LocalStore
from tests.support.custody.watched import Watched
from tests.support.forge import node

IDS = st.integers(0, 2).map(lambda number: f"{number:064x}")
FILES = st.builds(lambda ids: {"type": "file", "content": ids}, st.none() | st.lists(IDS, max_size=2))
FOLDERS = st.builds(lambda tree: {"type": "dir", "subtree": tree}, st.none() | IDS)
TREES = st.dictionaries(st.sampled_from("abcdef"), FILES | FOLDERS | st.just({"type": "symlink", "linktarget": "t"}))


def _tree(entries: dict[str, dict[str, Any]]) -> _kernel.Tree:
    nodes = [node(name, str(entries[name]["type"])) | entries[name] for name in sorted(entries)]
    return _kernel.decode_tree(json.dumps({"nodes": nodes}).encode())


def _what(one: _kernel.Node | None) -> object:
    """A file is its content, a folder its tree, and all else nothing."""
    if one is None or (one.type == "dir" and one.subtree is None):
        return None
    return {"file": (one.type, one.content), "dir": (one.type, one.subtree)}.get(one.type)


@given(before=TREES, after=TREES)
def test_differences_are_those_of_a_comparison_by_name(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> None:
    """Entries that are alike are left out, whatever else is said of them; the others come in pairs, by name."""
    one, two = _tree(before), _tree(after)
    old, new = ({entry.name: entry for entry in tree.nodes} for tree in (one, two))
    expected = [
        (old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if _what(old.get(name)) != _what(new.get(name))
    ]
    assert one.differences(two) == expected
    assert one.file_names() == [entry.name for entry in one.nodes if entry.type == "file"]
    assert one.subtrees() == [entry.subtree for entry in one.nodes if entry.type == "dir" and entry.subtree]


def test_files_are_counted_alike_with_and_without_their_sizes(tmp_path: Path) -> None:
    """By extension, below a folder that is there twice as well."""
    watched = Watched(tmp_path)
    files = {
        f"{folder}/{number}.{word}": b"x" * number for number, word in enumerate(("a", "b1", "")) for folder in "de"
    }
    watched.backup(files)
    watched.adopt()
    watched.round()
    (snapshot,) = snapshots_of(watched.state, watched.adopted)
    root = json.loads(snapshot.document)["tree"]
    store = LocalStore(str(watched.forge.place))
    with open_adopted(watched.adopted, store, watched.identity, watched.machine.surroundings) as opened:
        opened.index = load_catalogue(watched.state, watched.adopted.id)
        plain, sized = changes(opened, None, root, sizes=False), changes(opened, None, root)
    assert (plain.files_new, plain.new_by_extension) == (sized.files_new, sized.new_by_extension)
    assert set(plain.new_by_extension) == {"a", "b0", ""}
