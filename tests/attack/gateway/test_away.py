"""The threat catalogue at the gateway: row S-1, a disk that is not where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.servers.liar import Liar
from tests.support.servers.minio import running
from tests.support.waiting import until

PACK = b"a pack"


def state_elsewhere(folder: Path) -> Gateway:
    """A gateway whose state outlives its data's disk."""
    (folder / "state").mkdir()
    return Gateway(folder, flags=("--no-auth", "--append-only", "--state", str(folder / "state")))


@pytest.mark.parametrize("away", ["data", "data/web01"])
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_s_1_nobody_begins_anew_where_a_disk_is_not_mounted(tmp_path: Path, away: str, restarted: bool) -> None:
    """S-1: an empty mount point is no new place: 500, and 503 at /health, until the disk is back; then all is well."""
    with state_elsewhere(tmp_path) as gateway:
        config = gateway.make()
        assert gateway.put(f"/web01/data/{name_of(PACK)}", PACK) == 200
        gateway.settle()  # else the log is not signed either, which lies on the same disk
        disk, mounted = tmp_path / "disk", tmp_path / away
        mounted.rename(disk)
        mounted.mkdir()  # what is below the mount
        if restarted:
            gateway.stop()
            gateway.start()
        for path in ("config", "snapshots/", f"data/{name_of(PACK)}"):
            assert gateway.ask("GET", f"/web01/{path}").status == 500, path
        assert gateway.put("/web01/?create=true", b"") == 500
        assert gateway.put("/web01/config", b"another") == 500
        assert gateway.put("/web01/data/" + name_of(b"new"), b"new") == 500
        assert list(mounted.rglob("config")) == []
        health = gateway.ask("GET", "/health")
        assert health.status == 503
        assert health.json()["problems"] == ["repositories whose folders are nowhere: 1; is the disk mounted?"]
        gateway.make("web02")  # others go on
        assert gateway.ask("GET", "/web01/config").status == 500
        mounted.rename(tmp_path / "below")
        disk.rename(mounted)
        until(lambda: gateway.ask("GET", "/web01/config").body == config, gateway.said)
        assert gateway.ask("GET", f"/web01/data/{name_of(PACK)}").body == PACK
        assert gateway.put("/web01/data/" + name_of(b"new"), b"new") == 200


def test_an_operator_gives_the_path_of_a_removed_repository_away(tmp_path: Path) -> None:
    """What was removed for good is said with reconcile; then the path is free, and a renamed folder's path at once."""
    with state_elsewhere(tmp_path) as gateway:
        gateway.make()
        (gateway.data / "web01").rename(tmp_path / "removed")
        assert gateway.put("/web01/?create=true", b"") == 500
        code, said = operate(gateway, "reconcile", "web01", "--reason", "retired", "--state", str(tmp_path / "state"))
        assert (code, said.splitlines()[0]) == (0, "1 objects have gone, 0 were there without a receipt")
        gateway.make()
        assert gateway.ask("GET", "/health").status == 200
        (gateway.data / "web01").rename(gateway.data / "moved")
        assert gateway.ask("GET", "/health").status == 200
        assert gateway.ask("GET", "/moved/config").status == 200
        gateway.make()
        assert len({one.repository for one in leaves(gateway)}) == 3


def test_health_says_that_a_bucket_does_not_answer(tmp_path: Path) -> None:
    """A store that is silent, or gone, is 503 at /health within seconds, which needs no credentials; well when it is
    back."""
    with Liar(running(), honest=True) as proxy, over_bucket(tmp_path, endpoint=proxy.endpoint) as gateway:
        gateway.make()

        def problems() -> str:
            answer = gateway.ask("GET", "/health", user="")
            said = answer.json()["problems"]
            assert answer.status == (503 if said else 200)
            return " ".join(said)

        until(lambda: not problems(), gateway.said, pause=0.2)
        proxy.away = "silent"
        until(lambda: "the store does not answer" in problems(), gateway.said)
        proxy.away = ""
        until(lambda: not problems(), gateway.said)
        proxy.away = "gone"
        until(lambda: "the store cannot be used" in problems(), gateway.said)
        proxy.away = ""
        until(lambda: not problems(), gateway.said)


def test_a_bucket_that_takes_nothing_in_any_more_is_told_of(tmp_path: Path) -> None:
    """A key that may not write any more: whoever uploads is told whose fault it is, standard error has the bucket's
    word, and `/health` warns. It goes on when the key may write again."""
    with Liar(running(), honest=True) as proxy, over_bucket(tmp_path, endpoint=proxy.endpoint) as gateway:
        gateway.make()
        pack = b"a pack"
        path = f"/web01/data/{name_of(pack)}"
        proxy.faults = ["403 AccessDenied"] * 20
        answer = gateway.ask("POST", path, pack)
        assert (answer.status, b"the gateway's own store refuses this" in answer.body) == (500, True), answer.body
        assert "403 AccessDenied" in gateway.said()
        warning = "requests were answered with 500 within the last hour; standard error says why"
        until(lambda: warning in gateway.ask("GET", "/health").json()["warnings"], gateway.said)
        proxy.faults = []
        assert gateway.put(path, pack) == 200
