"""Running a gateway: reloads, principals, files that change behind its back, metrics, a witness, a rotated log."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.entries import entries
from strongroom.receipts.audit.log_source import FolderSource, HttpSource
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log import promise
from strongroom.receipts.log.leaf import LeafType, hash_of
from strongroom.receipts.log.note import Verifier, parse_note
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateways import V2, Gateway, name_of, over_bucket
from tests.support.servers.witnesses import witness
from tests.support.waiting import PATIENCE, kept, until

DATA = os.urandom(1000)
NAME = name_of(DATA)


def test_promises_are_kept_and_the_log_is_read_over_http(tmp_path: Path) -> None:
    """The leaf of each promise is in the log at the gateway within five seconds, as an auditor of the gateway sees."""
    with Gateway(tmp_path) as gateway:
        gateway.make()
        verifier = Verifier.parse(gateway.key)
        source = HttpSource(f"http://{gateway.address}/.strongroom/log")
        sent = 0

        def published() -> float:
            nonlocal sent
            promised = set()
            for _ in range(5):
                data = b"object %d" % sent
                reply = gateway.ask("POST", f"/web01/data/{name_of(data)}", data)
                receipt = promise.check(verifier, reply.headers["strongroom-receipt"])
                assert receipt.size == len(data)
                promised.add(hash_of(receipt.encode()))
                sent += 1
            begun = time.monotonic()
            until(lambda: promised <= {hash_of(receipt.encode()) for _, receipt in entries(source, 0, 100)}, pause=0.1)
            return time.monotonic() - begun

        kept(5, published)
        assert audit(source, key=verifier, state=str(tmp_path / "follower")).head.size == sent + 1
        done = run(
            [STRONGROOM, "log", "verify", f"http://{gateway.address}/.strongroom/log", "--key", gateway.key],
            env=environment(tmp_path),
        )
        assert done.code == 0
        assert f"{sent + 1} entries, all good" in done.out


def test_policy_principals_and_rotation(tmp_path: Path) -> None:
    """Rules and tokens decide; a broken policy leaves the old one in force and is told; an old token can live on."""
    policy = tmp_path / "gateway.toml"
    rule = '[[rule]]\nprincipal = "eye"\nrepositories = ["*"]\nrole = "auditor"\n'
    policy.write_text(f"version = 1\n{rule}")
    users = {"eye": "pw"}
    flags = ("--append-only", "--private-repos", "--config", str(policy))
    with Gateway(tmp_path, flags=flags, users=users) as gateway:
        place = ("--path", str(gateway.data))

        def principal(*words: str) -> str:
            done = run([STRONGROOM, "gateway", "principal", *words, *place], env=environment(tmp_path))
            assert done.code == 0, done.err
            return f"{words[1]}:{done.out.strip()}"

        first = principal("add", "web01", "--repository", "web01")
        gateway.make("web01", first)
        assert gateway.put("/web02/?create=true", b"", first) == 403
        assert gateway.ask("GET", "/web01/config", user="eye").status == 200
        assert gateway.put("/web01/?create=true", b"", "eye") == 403
        second = principal("rotate", "web01")
        assert gateway.ask("GET", "/web01/config", user=first).status == 200
        assert gateway.ask("GET", "/web01/config", user=second).status == 200
        narrow = principal("add", "far", "--repository", "web01", "--address", "192.0.2.0/24")
        assert gateway.ask("GET", "/web01/config", user=narrow).status == 401
        again = run([STRONGROOM, "gateway", "principal", "add", "web01", *place], env=environment(tmp_path))
        assert again.code == 1
        policy.write_text("version = 1\n[[rule]]\nprincipal = 5\n")
        until(lambda: gateway.ask("GET", "/health").status == 503, gateway.said, pause=0.1)
        assert gateway.ask("GET", "/web01/config", user="eye").status == 200
        policy.write_text("version = 1\n")
        until(lambda: gateway.ask("GET", "/web01/config", user="eye").status == 403, gateway.said, pause=0.1)
        until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said, pause=0.1)


def test_the_store_is_the_truth(tmp_path: Path) -> None:
    """Files that come and go behind the gateway's back are seen at the next list, and an operator can log why."""
    with Gateway(tmp_path) as gateway:
        gateway.make()
        for data in (b"one", b"two"):
            assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
        folder = gateway.data / "web01/data"
        (folder / name_of(b"one")[:2] / name_of(b"one")).unlink()
        (folder / name_of(b"new")[:2]).mkdir(exist_ok=True)
        (folder / name_of(b"new")[:2] / name_of(b"new")).write_bytes(b"new")
        listed = gateway.ask("GET", "/web01/data/", headers={"Accept": V2}).json()
        assert {one["name"] for one in listed} == {name_of(b"two"), name_of(b"new")}
        done = run(
            [STRONGROOM, "gateway", "reconcile", "web01", "--reason", "tidied", "--path", str(gateway.data)],
            env=environment(tmp_path),
        )
        assert done.out.startswith("1 objects have gone, 1 "), done.err
    found = [(r.type, r.name) for _, r in entries(FolderSource(str(gateway.log)), 0, 100)][3:]
    assert found == [(LeafType.RECONCILED, name_of(b"one")), (LeafType.ADOPTED, name_of(b"new"))]


@pytest.mark.parametrize("make", [Gateway, over_bucket])
def test_a_sealed_key_is_written_once(tmp_path: Path, make: Callable[[Path], Gateway]) -> None:
    """The place for a sealed custody key takes one value, gives it back, and is logged, on a disk and in a bucket."""
    with make(tmp_path) as gateway:
        gateway.make()
        with sqlite3.connect(f"{gateway.home}/{'' if gateway.store else '.strongroom/'}gateway.db") as database:
            (repository,) = database.execute("SELECT id FROM repository").fetchone()
        path = f"/.strongroom/v1/repositories/{repository}/sealed/{NAME}"
        assert gateway.ask("PUT", path, b"age...").status == 200
        assert gateway.ask("PUT", path, b"age...").status == 200
        assert gateway.ask("PUT", path, b"other").status == 403
        assert gateway.ask("GET", path).body == b"age..."
        assert gateway.ask("DELETE", path).status == 405
    assert [r.kind for _, r in entries(gateway.source, 0, 100)] == ["config", "sealed"]


@pytest.mark.parametrize("flag", ["--prometheus", "--log-format=json"])
def test_metrics_and_json_log(tmp_path: Path, flag: str) -> None:
    """Metrics need authentication unless told otherwise; the JSON log has one object a line."""
    log = tmp_path / "access.log"
    flags = ("--append-only", flag, "--log", str(log))
    with Gateway(tmp_path, flags=flags, users={"alice": "pw"}, user="alice", workers=2) as gateway:
        gateway.make("alice")
        assert gateway.ask("GET", "/metrics", user="alice:no").status == 401
        if flag == "--prometheus":
            pages = itertools.count()

            def all_are_counted() -> bool:
                """Two to make the repository, and each page before: an answer counts when it has been sent."""
                reply = gateway.ask("GET", "/metrics")
                assert reply.status == 200
                return b'strongroom_answers_total{status="200"} %d.0' % (2 + next(pages)) in reply.body

            until(all_are_counted, pause=0.2)
        else:
            assert gateway.ask("GET", "/metrics").status == 404
    if flag != "--prometheus":
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        # Each line is written when its answer has been sent, so the next one's may be first.
        assert sorted(row["status"] for row in rows) == [200, 200, 401, 404]
        assert {row["user"] for row in rows} == {"alice"}


def test_a_witness_countersigns_what_the_gateway_says(tmp_path: Path) -> None:
    """With a witness running as a command of its own, the newest head carries its cosignature, and a fork gets none."""
    gateway = Gateway(tmp_path)
    gateway.start()
    gateway.make()
    gateway.stop()
    with witness(tmp_path, gateway.key) as (url, key, process):
        gateway.flags = (*gateway.flags, "--witness", url, "--witness-key", key)
        gateway.start()
        begun = time.time()
        cosigned = "/.strongroom/log/checkpoint.cosigned"
        until(lambda: gateway.ask("GET", cosigned).status != 404, gateway.said, pause=0.1)
        when = Verifier.parse(key).verify(parse_note(gateway.ask("GET", cosigned).body))
        assert when is not None
        assert begun - 60 < when < time.time() + 60
        gateway.stop()
        # The whole state is lost but the key: the log would begin anew, and contradict what the witness saw.
        for path in (gateway.data / ".strongroom").glob("gateway.db*"):
            path.unlink()
        shutil.rmtree(gateway.log)
        gateway.start()
        data = b"after the loss"
        assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
        until(lambda: "not signed" in str(gateway.ask("GET", "/health").body), gateway.said, pause=0.1)
        assert gateway.ask("GET", "/.strongroom/log/checkpoint").status == 404
        gateway.stop()
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_rotated_log_begins_with_the_end_of_the_old_one(tmp_path: Path) -> None:
    """After rotate-log the old log verifies to its end, the new one under its new key, and names the old one's head."""
    with Gateway(tmp_path) as gateway:
        gateway.make()
        old_key = gateway.key
        gateway.stop()
        done = run([STRONGROOM, "gateway", "rotate-log", "--path", gateway.data], env=environment(tmp_path))
        assert done.code == 0, done.err
        gateway.start()
        assert gateway.key == done.out.strip()
        assert gateway.key != old_key
        assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
        old_name = Verifier.parse(old_key).name
        shown = gateway.ask("GET", f"/.strongroom/log/checkpoint?origin={old_name}").body  # it can be asked for on
        assert gateway.ask("GET", f"/.strongroom/log/tile/0/000.p/1?origin={old_name}").status == 200
        for page in ("log/checkpoint?", "log/tile/0/000.p/1?", "v1/receipts?repository=web01&"):
            assert gateway.ask("GET", f"/.strongroom/{page}origin=another").status == 404
        gateway.stop()
    old = audit(FolderSource(str(gateway.log)), key=Verifier.parse(old_key)).head
    assert checkpoints.open_checkpoint(shown, Verifier.parse(old_key)).root == old.root
    source = FolderSource(str(gateway.log) + "2")
    assert audit(source, key=Verifier.parse(gateway.key)).head.origin == "backup.example/.strongroom/log2"
    found = [receipt for _, receipt in entries(source, 0, 10)]
    assert [(r.type, r.detail) for r in found] == [(LeafType.ORIGIN, old.text()), (LeafType.CREATE, "")]
    assert found[1].sequence == 1
