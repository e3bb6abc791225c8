"""The commands of the guides, run one after the other as somebody would who types them."""

from __future__ import annotations

import functools
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.pages.reader import Reader, blocks_of
from tests.support import peers, waiting
from tests.support.programs import Restic
from tests.support.servers import mounts, ports


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Somebody new."""
    return Reader(tmp_path)


def test_the_quickstart_works(reader: Reader) -> None:
    """Every command of the guide ends well, and the file is restored."""
    reader.type(*(block for _, block in blocks_of("quickstart")))
    restored = reader.folder / "tmp" / "restored" / str(reader.home).lstrip("/") / "Documents" / "letter.txt"
    assert restored.read_text() == "Dear Bob\n"


def test_restoring_works(reader: Reader) -> None:
    """Every command of the guide brings back what it says; restic's part where it is, the mount where FUSE is."""
    quickstart = [block for _, block in blocks_of("quickstart")]
    reader.type(*quickstart[:3])
    blocks = list(blocks_of("restore"))
    plain = [block for kind, block in blocks if not kind]
    (reader.folder / "all").mkdir()
    reader.type(*plain)
    for copy in ("tmp/letter.txt", "tmp/documents/letter.txt", f"all{reader.home}/Documents/letter.txt"):
        assert (reader.folder / copy).read_text() == "Dear Bob\n"
    if peers.find("restic"):
        reader.type(*(block for kind, block in blocks if kind == "restic"))
        assert (reader.folder / f"tmp/by-restic{reader.home}/Documents/letter.txt").is_file()
    mounts.require_fuse()
    reader.type(blocks[0][1], *(block for kind, block in blocks if kind == "mount"))
    assert (reader.folder / "tmp" / "copy.txt").read_text() == "Dear Bob\n"


def test_hooks_and_databases_work(reader: Reader) -> None:
    """Every command of the guide ends well; the hooks have run, and the dump is the database."""
    with sqlite3.connect(reader.home / "app.db") as database:
        database.execute("CREATE TABLE orders (id)")
    quickstart = [block for _, block in blocks_of("quickstart")]
    reader.type(*quickstart[:2], *(block for _, block in blocks_of("host")))
    assert not (reader.folder / "tmp" / "shop-is-stopped").exists()
    copy = sqlite3.connect(reader.folder / "tmp" / "orders.db")
    assert copy.execute("SELECT name FROM sqlite_schema").fetchall() == [("orders",)]


@pytest.mark.peer("restic")
def test_the_gateway_takes_the_place_of_rest_server(reader: Reader) -> None:
    """A repository below a password file is served on, to restic and to us, and its log is sound."""
    import bcrypt  # noqa: PLC0415

    place = reader.folder / "srv" / "restic"
    place.mkdir(parents=True)
    (place / ".htpasswd").write_text("web01:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode() + "\n")
    restic = Restic(reader.home)
    restic.run("-r", place / "web01", "init", env={"RESTIC_PASSWORD": "of the repository"}).expect(0)
    blocks = dict(blocks_of("migrate-from-rest-server"))
    with ports.reserve() as keeper:
        address = f"127.0.0.1:{keeper.getsockname()[1]}"
        blocks = {kind: block.replace("127.0.0.1:8000", address) for kind, block in blocks.items()}
        server = subprocess.Popen(reader.script("exec " + blocks["gateway"]), env=reader.env, cwd=reader.home)
        try:
            curl = ["curl", "-fsS", f"http://{address}/health"]
            asked = functools.partial(subprocess.run, curl, capture_output=True, check=False)
            waiting.until(lambda: server.poll() is not None or not asked().returncode)
            assert server.poll() is None
            reader.type(blocks["host"])
            reader.type(blocks["log"])
            token = reader.type(blocks["token"])
            assert "srg1_" in token
        finally:
            server.terminate()
            server.wait(waiting.PATIENCE)
