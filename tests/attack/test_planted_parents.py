"""Threats P-1 and P-2: a parent that lies must not make the next honest backup store its lie."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.objects import Kind, ObjectName
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from tests.support.backing_up import Host

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400


def _plant(host: Host, source: Path) -> str:
    """What an intruder with the repository's password does: the newest snapshot, metadata true, content false."""
    repository = host.open("repository")
    repository.load_index()
    (_, honest), *_ = sorted(repository.snapshots(), key=lambda pair: pair[1].time_ns)
    builder = {kind: _kernel.PackBuilder(repository.key) for kind in ("data", "tree")}
    lie = b"not what the file holds"
    builder["data"].add("data", _kernel.sha256_hex(lie), lie)

    def forge(tree: str) -> str:
        nodes = []
        for node in repository.load_tree(tree).nodes:
            forged = node.copy()
            if node.subtree is not None:
                forged.subtree = forge(node.subtree)
            elif node.content:
                forged.content = [_kernel.sha256_hex(lie)]
            nodes.append(forged)
        encoded = _kernel.encode_tree(nodes)
        name = _kernel.sha256_hex(encoded)
        builder["tree"].add("tree", name, encoded)
        return name

    tree = forge(honest.tree)
    packs = []
    for pack in builder.values():
        name, data, entries = pack.finish()
        repository.store.create(ObjectName(Kind.DATA, name), data)
        packs.append((name, entries))
    repository.save_unpacked(Kind.INDEX, _kernel.encode_index(packs))
    planted = Snapshot(
        time=Timestamp(honest.time_ns + 3600 * 10**9), tree=tree, paths=(str(source),), hostname=honest.hostname
    )
    repository.save_snapshot(planted)
    repository.close()
    return tree


def _content(host: Host, path: Path) -> bytes:
    repository = host.open("repository")
    repository.load_index()
    node = host.nodes()[str(path)]
    data = b"".join(repository.load_blob("data", blob) for blob in node.content or ())
    repository.close()
    return data


def test_p_1_a_planted_snapshot_is_no_parent(tmp_path: Path) -> None:
    """P-1: the parent is what this host recorded, so the newest snapshot in the repository changes nothing."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"the truth, in all its length")
    host = Host(tmp_path / "host")
    host.backup(source)
    _plant(host, source)
    host.machine.clock.seconds += 2 * 3600
    host.backup(source)
    assert _content(host, source / "file") == b"the truth, in all its length"


def test_p_1_parent_latest_says_what_it_trusts(tmp_path: Path) -> None:
    """P-1: restic's own rule, when it is asked for, takes the planted parent; the user is warned of just that."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"the truth")
    host = Host(tmp_path / "host")
    host.backup(source)
    _plant(host, source)
    host.machine.clock.seconds += 2 * 3600
    run = host.backup(source, parent="latest")
    assert any("trusts" in warning for warning in run.heard.warnings)
    assert _content(host, source / "file") == b"not what the file holds"
    host.machine.clock.seconds += 2 * 3600
    run = host.backup(source, force=True)
    assert _content(host, source / "file") == b"the truth"


def test_p_2_every_file_is_read_again_within_ninety_days(tmp_path: Path) -> None:
    """P-2: content that changed under the same metadata is found by daily runs within the period, and stored."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(60):
        (source / f"file{number}").write_bytes(b"honest %d" % number)
    host = Host(tmp_path / "host")
    first = host.backup(source)
    assert first.summary.files_reread == 0
    root = _plant(host, source)
    repository = host.open("repository")
    assert repository.state is not None
    last = repository.state.last_run(host.machine.hostname, [str(source)])
    assert last is not None
    # Suppose that the lie got into this host's own record, too.
    repository.state.record_run(host.machine.hostname, [str(source)], type(last)(last.snapshot, root, last.started_ns))
    repository.close()
    reread = differing = 0
    for _ in range(18):
        host.machine.clock.seconds += 5 * DAY
        run = host.backup(source)
        reread += run.summary.files_reread
        differing += run.summary.files_reread_different
    assert (reread, differing) == (60, 60)
    assert _content(host, source / "file7") == b"honest 7"


def test_a_lost_record_costs_a_whole_read(tmp_path: Path) -> None:
    """Without the state directory everything is read again, and the run is good all the same."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(1000))
    host = Host(tmp_path / "host")
    host.backup(source)
    for file in (host.folder / "state").iterdir():
        file.unlink()
    run = host.backup(source)
    assert run.summary.files_new == 1 and run.summary.data_blobs == 0
