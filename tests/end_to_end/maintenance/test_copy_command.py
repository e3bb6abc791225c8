"""`copy` as a user runs it: names of the file, several repositories, a damaged source, a repository that fails."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from strongroom import _kernel
from strongroom.repository.opened import Repository
from tests.support import trees
from tests.support.command import PASSWORD
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make, opened
from tests.support.waiting import PATIENCE, until

FROM = {"RESTIC_FROM_PASSWORD": PASSWORD}


def _node(repository: Repository, tree: str, path: bytes) -> _kernel.Node:
    """The node at a path below a tree."""
    first, _, rest = path.partition(b"/")
    (node,) = [node for node in repository.load_tree(tree).nodes if node.name == first]
    return _node(repository, node.subtree, rest) if rest and node.subtree else node


def _pack_of(repository: Repository, kind: str, blob: str, place: Path) -> Path:
    pack = repository.locations(kind, blob)[0].pack
    path = place / "data" / pack[:2] / pack
    path.chmod(0o600)
    return path


def test_chunks_agree_after_init_copied_the_parameters(
    restic: Restic, strongroom: Strongroom, tmp_path: Path, source: Path
) -> None:
    """A repository made with `--copy-chunker-params` takes copies without a warning, and a backup adds little there."""
    origin, target, another = (tmp_path / name for name in ("origin", "target", "another"))
    make(origin)
    restic.backup(origin, source)
    strongroom.on(target, "init", "--copy-chunker-params", "--from-repo", str(origin), env=FROM).expect(0)
    strongroom.init(another)
    ended = strongroom.run("-r", target, "-r", another, "copy", "--from-repo", str(origin), env=FROM).expect(0)
    assert ended.err.count("other places") == 1 and f"{another} cuts files" in ended.err
    (source / "file").write_bytes(b"x")
    summary = strongroom.on(target, "backup", "--json", source).expect(0).lines()[-1]
    assert summary["data_blobs"] == 1
    strongroom.check(target)


def test_names_of_the_file(strongroom: Strongroom, tmp_path: Path, source: Path) -> None:
    """`copy --from NAME` copies to all other repositories of the file, each with its own password; once only."""
    (tmp_path / "password").write_text(PASSWORD)
    text = "version = 1\n"
    for name in ("local", "office", "cloud"):
        make(tmp_path / name)
        text += f'[repository.{name}]\nurl = "{tmp_path / name}"\npassword = {{ file = "{tmp_path / "password"}" }}\n'
    (tmp_path / "config.toml").write_text(text)
    strongroom.backup(tmp_path / "local", source)
    use = ("--config", tmp_path / "config.toml")
    for saved in (1, 0):
        ended = strongroom.run(*use, "copy", "--from", "local", "--json").expect(0)
        summaries = [line for line in ended.lines() if line["message_type"] == "summary"]
        assert [(line["repository"], line["snapshots_copied"]) for line in summaries] == [
            ("office", saved),
            ("cloud", saved),
        ]
    strongroom.check(tmp_path / "cloud")
    (tmp_path / "cloud" / "config").unlink()
    strongroom.backup(tmp_path / "local", source)
    ended = strongroom.run(*use, "copy", "--from", "local").expect(71)
    assert "cloud" in ended.err and "saved in office" in ended.out
    assert len(strongroom.snapshots(tmp_path / "office")) == 2


def test_what_makes_no_sense(strongroom: Strongroom, tmp_path: Path) -> None:
    """Without a source, or onto the source itself, nothing is done and the message says so."""
    make(tmp_path / "one")
    assert "--from-repo" in strongroom.on(tmp_path / "one", "copy").expect(1).err
    same = strongroom.on(tmp_path / "one", "copy", "--from-repo", f"{tmp_path}/./one", env=FROM).expect(1)
    assert "given twice" in same.err


@pytest.mark.parametrize("damage", ["data", "tree", "missing"])
def test_a_damaged_source(damage: str, strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """A snapshot that needs what is damaged is not saved and its files are named; the others are, whole."""
    origin, target = tmp_path / "origin", tmp_path / "target"
    make(origin)
    make(target)
    for name in ("one", "two", "three"):
        folder = tmp_path / name / "sub"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(name.encode() * 1000)
        (folder / "same").write_bytes(b"same" * 1000)
        restic.backup(origin, tmp_path / name)
    repository = opened(origin)
    repository.load_index()
    (two,) = [listed for listed in repository.snapshots() if listed[1].paths == (str(tmp_path / "two"),)]
    folder_node = _node(repository, two[1].tree, f"{tmp_path}/two/sub"[1:].encode())
    assert folder_node.subtree is not None
    content = (_node(repository, folder_node.subtree, b"file").content or [""])[0]
    kind, blob = ("tree", folder_node.subtree) if damage == "tree" else ("data", content)
    pack = _pack_of(repository, kind, blob, origin)
    if damage == "missing":
        pack.unlink()
    else:
        data = bytearray(pack.read_bytes())
        data[repository.locations(kind, blob)[0].offset + 20] ^= 1
        pack.write_bytes(bytes(data))
    ended = strongroom.on(target, "copy", "--from-repo", str(origin), env=FROM).expect(1)
    assert f"snapshot {two[0][:8]}" in ended.err and blob in ended.err
    assert kind == "tree" or f"{tmp_path}/two/sub/file" in ended.err
    saved = sorted(snapshot["paths"][0] for snapshot in restic.snapshots(target))
    assert saved == [str(tmp_path / "one"), str(tmp_path / "three")]
    restic.check(target)


def test_a_copy_that_is_interrupted(strongroom: Strongroom, tmp_path: Path) -> None:
    """SIGINT ends a copy with 130; what it has stored by then is indexed, and the next run brings the rest alone."""
    origin, target = tmp_path / "origin", tmp_path / "target"
    make(origin)
    make(target)
    strongroom.backup(origin, trees.large(tmp_path / "source", megabytes=30))
    words = ("-r", target, "copy", "--from-repo", origin, "--pack-size", "4", "--limit-upload", "3000")
    process = strongroom.start(*words)
    until(lambda: len(list((target / "data").glob("*/*"))) >= 2 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    stored = len(list((target / "data").glob("*/*")))
    assert list((target / "index").iterdir()) and not list((target / "snapshots").iterdir())
    added = strongroom.run(*words[:5], "--json").expect(0).lines()[-1]["data_added_packed"]
    assert stored and 0 < added < 28 << 20
    strongroom.check(target)
