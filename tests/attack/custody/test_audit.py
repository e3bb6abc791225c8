"""``custody audit``: what it says of a deployment that holds, and of one that does not; and that it changes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from strongroom.base.objects import CONFIG
from strongroom.custody.audit.terms import AuditState, CredentialHolder, Tried
from strongroom.custody.audit.tries import audit_store
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.s3.policy import bucket_policy
from strongroom.storage.s3.url import parse
from tests.support.buckets import keys
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway
from tests.support.servers.minio import running
from tests.support.waiting import until


def _states(rows: list[Tried]) -> dict[str, AuditState]:
    return {row.what: row.held for row in rows}


def _files(place: Path) -> dict[str, str]:
    found = sorted(path for path in place.rglob("*") if path.is_file() and ".strongroom" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _gateway(gateway: Gateway, who: str, *more: str) -> dict[str, str]:
    code, said = operate(gateway, "principal", "add", who, "--repository", "r", *more)
    assert code == 0, said
    return {"STRONGROOM_REST_USERNAME": who, "STRONGROOM_REST_PASSWORD": said.strip()}


def test_m_3_s_1_k_5_a_gateway_that_is_append_only_holds(tmp_path: Path) -> None:
    """M-3, S-1, K-1, K-5, A-6, G-8: with a host's token and a custodian's nothing that must not work does; a host that
    was given a custodian's is told; and nothing has changed."""
    made = Gateway(tmp_path, flags=("--append-only",))
    made.users = {"x": "y"}
    with made as gateway:
        host, judge = _gateway(gateway, "web01"), _gateway(gateway, "judge", "--role", "custodian")
        pair = f"web01:{host['STRONGROOM_REST_PASSWORD']}"
        gateway.make("r", pair)
        snapshot = b"a snapshot"
        assert gateway.put(f"/r/snapshots/{hashlib.sha256(snapshot).hexdigest()}", snapshot, pair) == 200
        before = _files(gateway.data)

        def audited(holder: CredentialHolder, environment: dict[str, str]) -> dict[str, AuditState]:
            options = StoreOptions(environment=environment, retry_for=0)
            with open_store(f"rest:http://{gateway.address}/r/", options) as store:
                return _states(audit_store(store, holder))

        states = audited(CredentialHolder.HOST, host)
        assert AuditState.NO not in states.values(), states
        assert states["take an object away"] is states["add a key"] is AuditState.YES
        assert states["store bytes under a false name"] is AuditState.YES
        assert audited(CredentialHolder.EXECUTOR, judge)["forge a snapshot"] is AuditState.YES
        assert audited(CredentialHolder.HOST, judge)["take an object away"] is AuditState.NO
        assert audited(CredentialHolder.STRANGER, {}) == {"read without a credential": AuditState.YES}
        assert _files(gateway.data) == before


def test_s_1_s_4_rights_of_a_bucket_are_told() -> None:
    """S-1, S-3, S-4, S-6: with the policy for hosts a bucket holds but for its config; with all rights it holds
    nothing; and the objects are what they were."""
    minio = running()
    minio.bucket("audited", versions=True)
    place = f"s3:{minio.endpoint}/audited/web01"
    address = parse(f"{minio.endpoint}/audited/web01", StoreOptions(environment={}))
    with open_store(place, StoreOptions(environment=minio.environment, retry_for=0)) as store:
        store.create(CONFIG, b"a config")
        before = keys(minio, "audited", "")
        everything = _states(audit_store(store, CredentialHolder.HOST))
    assert everything["take an object away"] is AuditState.NO
    assert everything["end a version for good"] is AuditState.NO
    assert everything["suspend versions"] is AuditState.NO
    minio.put("audited", "policy=", bucket_policy(address, "restic", "*").encode())
    anonymous = StoreOptions(environment={}, extended={"s3.unsafe-anonymous-auth": "true"}, retry_for=0)

    def audited() -> dict[str, AuditState]:
        with open_store(place, anonymous) as store:
            return _states(audit_store(store, CredentialHolder.HOST))

    until(lambda: audited()["add a key"] is AuditState.NO)  # MinIO takes up a policy a moment later
    states = audited()
    for what in ("take an object away", "end a version for good", "suspend versions", "change what expires"):
        assert states[what] is AuditState.YES, what
    assert keys(minio, "audited", "") == before


def test_s_1_a_folder_that_this_user_can_write_is_told(strongroom: Strongroom, tmp_path: Path) -> None:
    """S-1: as an operator types it, over a folder; 75, since whoever runs this can change it."""
    forge = Forge(tmp_path / "repository")
    forge.snapshot(forge.tree(node("file", "file", content=[], size=0)))
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    before = _files(forge.place)
    told = custodian.run("audit", "web01")
    assert told.code == 75
    assert "not held" in told.out
    assert "not tried" in told.out
    assert _files(forge.place) == before
    rows = custodian.run("audit", "web01", "--json").json()
    assert {"repository", "credential", "threats", "what", "state", "answer"} == set(rows[0])
