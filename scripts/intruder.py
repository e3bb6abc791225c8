"""Play an intruder who has everything that this host has, against this host's own off-site repository.

``python scripts/intruder.py rest:http://HOST:PORT/REPOSITORY/``, with the host's environment: what it shows to the
gateway, and the repository's password. Called by ``make quickstart``, on the repository that it has just made. Each
attempt is printed with what came of it.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.repository.opened import Repository
from strongroom.repository.opening import open_repository
from strongroom.storage.locate import open_store

COMMAND = Path(sys.executable).parent / "strongroom"
HOST = os.uname().nodename


def main() -> int:
    """Try it all; 1 when the gateway let something be taken away."""
    address = sys.argv[1]
    with open(os.environ["STRONGROOM_PASSWORD_FILE"], "rb") as file:
        password = file.read().rstrip(b"\n")
    with open_store(address) as store, open_repository(store, password) as repository:
        names = [info.name for kind in (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA, Kind.KEY) for info in store.list(kind)]
        taken = _try("delete every object", address, "DELETE", [name.path for name in names])
        taken += _try("delete the config", address, "DELETE", ["config"])
        packs = [name.path for name in names if name.kind is Kind.DATA]
        _try("overwrite every pack with garbage", address, "POST", packs)
        _add_a_key(address)
        _plant_an_index(repository)
    _forge_snapshots(address)
    return 1 if taken else 0


def _try(what: str, address: str, method: str, paths: list[str]) -> int:
    """Send a request for each path; how many were obeyed."""
    answers: dict[str, int] = {}
    for path in paths:
        parts = path.split("/")
        url = address.removeprefix("rest:") + (f"{parts[0]}/{parts[-1]}" if len(parts) > 1 else path)
        answer = _ask(url, method)
        answers[answer] = answers.get(answer, 0) + 1
    said = ", ".join(f"{count} times {answer}" for answer, count in answers.items())
    obeyed = sum(count for answer, count in answers.items() if answer.startswith("2"))
    print(f"  {what}: {said}")
    return obeyed if method == "DELETE" else 0


def _ask(url: str, method: str) -> str:
    request = urllib.request.Request(url, b"garbage" if method == "POST" else None, method=method)
    login = f"{os.environ['STRONGROOM_REST_USERNAME']}:{os.environ['STRONGROOM_REST_PASSWORD']}"
    request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return f"{answer.status} {answer.reason}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"


def _add_a_key(address: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".password") as file:
        file.write("known to the intruder\n")
        file.flush()
        words = [str(COMMAND), "key", "add", "--repo", address, "--new-password-file", file.name]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
    said = ended.stderr.strip().splitlines()
    print(f"  add a key: {'it was stored' if ended.returncode == 0 else said[0] if said else 'refused'}")


def _plant_an_index(repository: Repository) -> None:
    """An index that says an honest pack holds a blob that it does not: the password is enough to write that."""
    repository.load_index()
    pack = repository.index.packs()[0]
    honest = repository.index.pack_entries(pack)
    false = _kernel.BlobEntry("data", "00" * 32, honest[0].offset, honest[0].length, honest[0].uncompressed_length)
    name = repository.save_index([(pack, [false])])
    print(f"  plant an index that lies about a pack: stored as {name[:10]}, as any index a host writes")


def _forge_snapshots(address: str) -> None:
    """Empty backups with dates to come: they would push all good ones out of a policy that believes them."""
    with tempfile.TemporaryDirectory() as folder:
        for year in (2031, 2032, 2033):
            words = [
                str(COMMAND),
                "backup",
                "--quiet",
                "--repo",
                address,
                "--force",
                "--time",
                f"{year}-01-01 00:00:00",
            ]
            subprocess.run([*words, folder], check=True, capture_output=True)
    print("  forge three snapshots of an empty folder, dated 2031 to 2033: stored, as any snapshot a host writes")


if __name__ == "__main__":
    raise SystemExit(main())
