"""The threat catalogue at a gateway before a bucket: rows S-1 and G-7, and what holds only there."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from strongroom.receipts.log.leaf import LeafType
from strongroom.storage.options import StoreOptions
from strongroom.storage.s3.policy import bucket_policy
from strongroom.storage.s3.url import parse
from tests.support.buckets import delete, keys, overwrite, unmark
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.servers.liar import Liar
from tests.support.servers.minio import running
from tests.support.waiting import until

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)


def prefix_of(gateway: Gateway) -> str:
    """The gateway's prefix in its bucket."""
    return gateway.store.partition("?")[0].rpartition("/")[2]


def test_s_1_an_emptied_bucket_is_an_incident_and_no_new_place(tmp_path: Path) -> None:
    """S-1: with delete markers on every object nobody may begin anew, and all is as before when they are taken away."""
    minio = running()
    minio.bucket("emptied", versions=True)
    with over_bucket(tmp_path, "emptied") as gateway:
        config = gateway.make()
        snapshot = b"a snapshot"
        assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
        assert gateway.put(f"/web01/snapshots/{name_of(snapshot)}", snapshot) == 200
        found = keys(minio, "emptied", prefix_of(gateway))
        for key in found:
            delete(minio, "emptied", key)
        for _ in range(2):  # while the gateway remembers where the repository was, and when it has to look again
            assert gateway.ask("GET", "/web01/config").status == 500
            assert gateway.ask("HEAD", "/web01/config").status == 500
            assert gateway.put("/web01/?create=true", b"") == 200  # as clients do first; nothing is made by it
            assert gateway.put("/web01/config", b"another polynomial") == 403
            assert gateway.put("/web01/config", config) == 403
            planted = b"the intruder's key"
            assert gateway.put(f"/web01/keys/{name_of(planted)}", planted) == 403
            assert gateway.ask("GET", "/web01/snapshots/").body == b"[]"  # the store is the truth about what is there
            gateway.stop()
            gateway.start()
        assert gateway.ask("GET", "/web01/config").status == 500
        assert gateway.ask("GET", "/health").status == 503
        assert "emptied" in gateway.said()
        gateway.stop()
        assert unmark(minio, "emptied", prefix_of(gateway)) >= len(found)
        gateway.start()
        assert gateway.ask("GET", "/web01/config").body == config
        assert gateway.ask("GET", f"/web01/data/{NAME}").body == DATA
        assert gateway.ask("GET", "/health").status == 200
        receipts = leaves(gateway)
    assert len({receipt.repository for receipt in receipts}) == 1
    assert {receipt.type for receipt in receipts} == {LeafType.CREATE}


def test_an_operator_may_give_an_emptied_path_away(tmp_path: Path) -> None:
    """Only after an operator has said so in the log is an emptied prefix free for a new repository, with a new ID."""
    minio = running()
    with over_bucket(tmp_path) as gateway:
        gateway.make()
        for key in keys(minio, "plain", f"{prefix_of(gateway)}/web01/"):
            delete(minio, "plain", key)
        assert gateway.put("/web01/config", b"another") == 403
        assert operate(gateway, "reconcile", "web01", "--reason", "moved away")[0] == 0
        gateway.stop()
        gateway.start()
        assert gateway.ask("GET", "/web01/config").status == 404
        gateway.make()
        first, gone, second = leaves(gateway)
    assert (first.type, gone.type, second.type) == (LeafType.CREATE, LeafType.RECONCILED, LeafType.CREATE)
    assert first.repository == gone.repository != second.repository


def test_g_7_a_store_that_replaces_is_refused_or_serialised(tmp_path: Path) -> None:
    """G-7: a provider that ignores If-None-Match is found out; allowed all the same, of twenty racers one wins."""
    minio = running()
    with Liar(minio) as liar:
        gateway = over_bucket(tmp_path, endpoint=liar.endpoint, workers=2)
        listen = ("--listen", "127.0.0.1:0", "--no-auth")
        refused = run(
            [STRONGROOM, "gateway", "serve", *gateway.where, *listen],
            env=environment(tmp_path, gateway.variables),
        )
        assert refused.code != 0
        assert "--allow-unconditional" in refused.err
        assert "start server" not in refused.err
        gateway.flags = ("--no-auth", "--append-only", "--allow-unconditional")
        with gateway:
            assert "replaces" in gateway.said()
            health = gateway.ask("GET", "/health").json()
            assert health["promises"]["create only if absent"] == "not kept"
            assert "not kept" in health["promises"]["sum checked on arrival"]
            assert gateway.put("/web01/?create=true", b"") == 200
            answers: list[tuple[int, bytes]] = []
            barrier = threading.Barrier(20)

            def create(body: bytes) -> None:
                barrier.wait()
                answers.append((gateway.put("/web01/config", body), body))

            threads = [threading.Thread(target=create, args=(b"config %d" % n,)) for n in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(answers) == 20
            (winner,) = [body for status, body in answers if status == 200]
            assert {status for status, _ in answers} == {200, 403}
            assert gateway.ask("GET", "/web01/config").body == winner
            assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
            assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
            assert [r.sha256 for r in leaves(gateway)] == [name_of(winner), NAME]


def test_the_gateways_key_needs_no_right_to_delete(tmp_path: Path) -> None:
    """With a key that can neither delete nor (by the bucket's policy) anything but create and read, all works."""
    minio = running()
    minio.bucket("nodelete")
    address = parse(f"{minio.endpoint}/nodelete", StoreOptions(environment={}))
    document = json.loads(bucket_policy(address, "gateway", "*"))
    document["Statement"] = [one for one in document["Statement"] if one["Sid"] != "NeverReplace"]  # AWS's alone
    minio.put("nodelete", "policy=", json.dumps(document).encode())
    flags = ("--append-only", "-o", "s3.unsafe-anonymous-auth=true")
    gateway = over_bucket(tmp_path, "nodelete", flags=flags, users={"x": "y"})
    gateway.variables = {}
    with gateway:
        said = {who: operate(gateway, "principal", "add", who, "--repository", "r", "--role", role)[1].strip()
                for who, role in (("host", "host"), ("judge", "custodian"))}  # fmt: skip
        host, judge = (f"{who}:{said[who]}" for who in ("host", "judge"))
        gateway.make("r", host)
        assert gateway.put(f"/r/data/{NAME}", DATA, host) == 200
        lock = b"a lock"
        assert gateway.put(f"/r/locks/{name_of(lock)}", lock, host) == 200
        assert gateway.ask("GET", f"/r/locks/{name_of(lock)}", user=judge).body == lock
        assert gateway.ask("GET", "/r/locks/", user=judge).json() == [name_of(lock)]
        other = b"another lock"
        assert gateway.put(f"/r/locks/{name_of(other)}", other, judge) == 200
        assert gateway.ask("DELETE", f"/r/locks/{name_of(other)}", user=host).status == 403
        assert gateway.ask("DELETE", f"/r/locks/{name_of(lock)}", user=host).status == 200
        assert gateway.ask("GET", "/r/locks/", user=judge).json() == [name_of(other)]
        for user in (host, judge):
            refused = gateway.ask("DELETE", f"/r/data/{NAME}", user=user)
            assert refused.status == 403
            assert gateway.ask("GET", f"/r/data/{NAME}", user=user).body == DATA
        assert operate(gateway, "trash", "list", "r")[0] != 0
    assert not any("/locks/" in key for key in keys(minio, "nodelete", prefix_of(gateway)))


def test_a_6_a_stored_copy_that_was_replaced_is_an_incident(tmp_path: Path) -> None:
    """A-6: the same bytes again over a copy that somebody replaced in the bucket are no success, and nothing of ours
    replaces it."""
    minio = running()
    with over_bucket(tmp_path) as gateway:
        gateway.make()
        path = f"/web01/data/{NAME}"
        assert gateway.put(path, b"other") == 400
        assert gateway.put(path, DATA) == 200
        assert gateway.put(path, b"other") == 403
        stored = f"{prefix_of(gateway)}/web01/data/{NAME[:2]}/{NAME}"
        overwrite(minio, "plain", stored, DATA[:-1] + b"X")
        assert gateway.put(path, DATA) == 500
        assert gateway.ask("GET", path).body == DATA[:-1] + b"X"
        assert "damaged" in gateway.said()
        delete(minio, "plain", stored)
        assert gateway.put(path, DATA) == 200
        assert operate(gateway, "reconcile", "web01", "--reason", "tidied up")[0] == 0
        assert [r.type for r in leaves(gateway)] == [LeafType.CREATE, LeafType.CREATE]


def test_s_9_a_bucket_that_keeps_nothing_is_found_out(tmp_path: Path) -> None:
    """S-9: one that answers 200 and keeps nothing lets no gateway start; if it begins later, no snapshot is receipted
    that is not there, /health says so, and all is well once it keeps what it takes."""
    with Liar(running(), honest=True) as proxy, over_bucket(tmp_path, endpoint=proxy.endpoint) as gateway:
        gateway.make()
        assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
        proxy.swallows = "objects"
        snapshot, pack = b"a snapshot", b"another pack"
        for kind, data in (("snapshots", snapshot), ("data", pack)):
            answer = gateway.ask("POST", f"/web01/{kind}/{name_of(data)}", data)
            assert answer.status == 503
            assert b"said that it took the object, and has it not" in answer.body
        health = gateway.ask("GET", "/health")
        assert health.status == 503
        assert "the store answers that it takes objects, and has them not" in health.json()["problems"]
        proxy.swallows = ""
        for kind, data in (("snapshots", snapshot), ("data", pack)):
            assert gateway.put(f"/web01/{kind}/{name_of(data)}", data) == 200
            assert gateway.ask("GET", f"/web01/{kind}/{name_of(data)}").body == data
        assert gateway.ask("GET", "/health").status == 200
        assert len(leaves(gateway)) == 4
        proxy.swallows = "all"
        again = over_bucket(tmp_path / "again", endpoint=proxy.endpoint)
        (tmp_path / "again").mkdir()
        words = ["gateway", "serve", *again.where, "--no-auth", "--listen", "127.0.0.1:0"]
        done = run([STRONGROOM, *words], env=environment(tmp_path / "again", again.variables))
        assert done.code == 1
        assert "the store answers that it takes objects, and has them not" in done.err


def test_a_right_that_lacks_is_named(tmp_path: Path) -> None:
    """Without s3:ListBucket no gateway starts, and both the refusal and `check` of a repository there name that right;
    where it is taken away later, standard error and /health do."""
    minio = running()
    minio.bucket("unlisted")
    url = f"{minio.endpoint}/unlisted/web01"
    text = json.loads(bucket_policy(parse(url, StoreOptions(environment={})), "restic", "*"))
    whole = json.dumps(text).encode()
    for statement in text["Statement"]:
        actions = statement["Action"]
        statement["Action"] = [one for one in ([actions] if isinstance(actions, str) else actions) if "List" not in one]
    text["Statement"] = [statement for statement in text["Statement"] if statement["Action"]]
    flags = ("--no-auth", "--append-only", "-o", "s3.unsafe-anonymous-auth=true")
    gateway = Gateway(tmp_path, store=f"s3:{url}", flags=flags)
    minio.put("unlisted", "policy=", json.dumps(text).encode())
    (tmp_path / "state").mkdir()
    env = environment(tmp_path, {"STRONGROOM_PASSWORD": "pw"})
    done = run([STRONGROOM, "gateway", "serve", *gateway.where, "--listen", "127.0.0.1:0", *flags], env=env)
    assert done.code == 1
    assert "this needs s3:ListBucket" in done.err
    done = run([STRONGROOM, "-r", f"s3:{url}", "-o", "s3.unsafe-anonymous-auth=true", "check"], env=env)
    assert done.code != 0
    assert "s3:ListBucket" in done.err
    minio.put("unlisted", "policy=", whole)
    with gateway:
        gateway.make()
        minio.put("unlisted", "policy=", json.dumps(text).encode())
        assert gateway.ask("GET", "/web01/data/").status == 500
        assert "this needs s3:ListBucket" in gateway.said()
        until(lambda: gateway.ask("GET", "/health").status == 503, pause=0.5)
        assert "s3:ListBucket" in gateway.ask("GET", "/health").json()["problems"][0]
        minio.put("unlisted", "policy=", whole)
        until(lambda: gateway.ask("GET", "/health").status == 200, pause=0.5)
