"""Locks at a gateway without ``--append-only``, where nobody owns one."""

from __future__ import annotations

from pathlib import Path

from tests.support.servers.gateways import Gateway, name_of


def test_locks_are_bounded_where_nobody_owns_them(tmp_path: Path) -> None:
    """1,024 in a repository: locks count in no quota, and are taken in below the floor of free space. A lock that is
    there already is a success all the same, and one that goes makes room."""
    with Gateway(tmp_path, flags=("--no-auth",)) as gateway:
        gateway.make("crowded")
        folder = gateway.data / "crowded" / "locks"
        for number in range(1023):
            (folder / name_of(b"%d" % number)).write_bytes(b"")
        last, more = b"the last", b"one more"
        assert gateway.put(f"/crowded/locks/{name_of(last)}", last) == 200
        refused = gateway.ask("POST", f"/crowded/locks/{name_of(more)}", more)
        assert refused.status == 403 and b"at most 1024 locks" in refused.body
        assert gateway.put(f"/crowded/locks/{name_of(last)}", last) == 200
        assert gateway.ask("DELETE", f"/crowded/locks/{name_of(last)}").status == 200
        assert gateway.put(f"/crowded/locks/{name_of(more)}", more) == 200
