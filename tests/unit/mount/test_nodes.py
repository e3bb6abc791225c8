"""The numbers by which the kernel knows what is in a mount."""

from __future__ import annotations

import pytest

from strongroom.mount.folders import MountEntry
from strongroom.mount.nodes import Nodes
from strongroom.mount.protocol import ROOT
from strongroom.mount.tree_view import Inode


def _link(target: str) -> Inode:
    return Inode(5, "/latest", entry=MountEntry(link=target), identity=target)


def test_a_number_stands_for_one_thing_until_it_is_forgotten() -> None:
    """What was told twice must be forgotten twice, then its number is gone; the mount's own is never."""
    nodes = Nodes(Inode(1, ""))
    root = nodes.find(ROOT)
    number = nodes.tell(root, "latest", _link("2024"))
    assert nodes.tell(root, "latest", _link("2024")) == number
    assert not nodes.forget(number, 1) and nodes.find(number).name == "latest"
    assert nodes.forget(number, 1) and not nodes.forget(number, 1)
    with pytest.raises(OSError, match="Stale"):
        nodes.find(number)
    assert not nodes.forget(ROOT, 9) and nodes.find(ROOT) is root
    assert nodes.tell(root, "latest", _link("2024")) > number


def test_a_link_that_leads_elsewhere_is_another_thing() -> None:
    """The kernel keeps where a link leads: another target has another number, and the old one stays as it was."""
    nodes = Nodes(Inode(1, ""))
    root = nodes.find(ROOT)
    before, after = (nodes.tell(root, "latest", _link(target)) for target in ("2024", "2025"))
    assert before != after
    kept = nodes.find(before).inode
    assert kept is not None and kept.entry is not None and kept.entry.link == "2024"
