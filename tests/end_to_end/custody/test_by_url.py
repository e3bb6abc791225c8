"""A repository that is cared for by its URL, with the custodian's token in it: what is shown, printed and tried."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from strongroom.storage.locate import restic_place
from strongroom.storage.options import StoreOptions
from tests.support.custody.custodian import Custodian, part
from tests.support.forge import Forge, node
from tests.support.programs import Restic, Strongroom
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, over_tls
from tests.support.servers.witnesses import witness


def _made(tmp_path: Path) -> Gateway:
    """A gateway over a repository with one snapshot, not started yet."""
    made = Gateway(tmp_path / "gateway", flags=("--append-only",), users={"x": "y"})
    forge = Forge(made.data / "r")
    (blob,) = forge.pack(("data", b"small"))
    forge.snapshot(forge.tree(node("small", "file", content=[blob], size=5)), paths=["/"])
    forge.index()
    return made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Gateway]:
    """One that runs."""
    with _made(tmp_path) as gateway:
        yield gateway


def _adopted(strongroom: Strongroom, gateway: Gateway, tmp_path: Path) -> tuple[Custodian, str]:
    """Adopted as the guide says it; and the custodian's token."""
    token = operate(gateway, "principal", "add", "care", "--repository", "r", "--role", "custodian")[1].strip()
    place = f"http://care:{token}@{gateway.address}/r/"
    if gateway.context is not None:
        place = place.replace("http:", "https:").replace("127.0.0.1", "localhost")
    url = f"rest:{place}"
    custodian = Custodian(strongroom, tmp_path / "state")
    refused = custodian.run("adopt", "web01", "--store", url)
    hint = re.search(r"strongroom gateway (keys open r --key \w+ --for 1h) --path FOLDER", refused.err)
    assert refused.code == 1 and hint, refused.err
    assert operate(gateway, *hint[1].split())[0] == 0
    custodian.adopt("web01", url)
    custodian.round().expect(0)
    return custodian, token


def test_the_token_in_a_url_is_shown_nowhere(
    strongroom: Strongroom, restic: Restic, served: Gateway, tmp_path: Path
) -> None:
    """Neither a table, nor JSON, nor the kit, nor the arguments of the restic that drills has the custodian's
    token; and that restic restores by it all the same."""
    custodian, token = _adopted(strongroom, served, tmp_path)
    shown = [
        custodian.run("repositories").expect(0).out,
        custodian.run("repositories", "--json").expect(0).out,
        custodian.run("kit", "web01").expect(0).out,
        custodian.run("last-good", "web01", "/small").expect(0).out,
    ]
    program = tmp_path / "restic"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\nexec {restic.executable} "$@"\n')
    program.chmod(0o755)
    drilled = custodian.run("drill", "web01", "--json", "--restic", program).expect(0)
    assert drilled.json()["faults"] == []
    shown += [drilled.out, (tmp_path / "arguments").read_text()]
    assert " restore " in shown[-1]
    assert not [text for text in shown if token in text]
    assert f"restic -r rest:http://{served.address}/r/ " in shown[2]


def test_the_kit_has_what_vouches_for_the_server(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """A certificate that an authority of one's own signed: the page has that, and its lines restore by it alone."""
    with over_tls(_made(tmp_path)) as gateway:
        authority = gateway.folder / "authority.pem"
        strongroom.env["STRONGROOM_CACERT"] = str(authority)
        custodian, token = _adopted(strongroom, gateway, tmp_path)
        kit = custodian.run("kit", "web01").expect(0).out
        custodian.run("kit", "web01", "--html", tmp_path / "kit.html").expect(0)
        (tmp_path / "ca.pem").write_bytes(part(kit, "ca.txt"))
        sealed = part(kit, "sealed.txt")
        password = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(custodian.recovery)]).decode()
        line = re.search(r"    (restic .* restore \w{64} --target restored)", kit)
        assert line is not None and " --cacert ca.pem " in line[1], kit
        (tmp_path / "password.txt").write_text(password)
        login = {"RESTIC_REST_USERNAME": "care", "RESTIC_REST_PASSWORD": token}
        restic.run(*shlex.split(line[1])[1:], cwd=tmp_path, env=login).expect(0)
        assert (tmp_path / "restored" / "small").read_bytes() == b"small"
    assert (tmp_path / "ca.pem").read_bytes() == authority.read_bytes()
    assert base64.b64encode(authority.read_bytes()).decode()[:76] in (tmp_path / "kit.html").read_text()


def test_an_audit_tries_each_credential_as_itself(strongroom: Strongroom, served: Gateway, tmp_path: Path) -> None:
    """What stands in the custodian's URL is nobody's but its own: a host's row is of the host's token, the stranger's
    of none, and the custodian's own right to put into the trash is no fault."""
    custodian, care = _adopted(strongroom, served, tmp_path)
    host = operate(served, "principal", "add", "web01", "--repository", "r")[1].strip()

    def states(user: str, token: str) -> dict[tuple[str, str], str]:
        file = tmp_path / f"{user}.env"
        file.write_text(f"STRONGROOM_REST_USERNAME={user}\nSTRONGROOM_REST_PASSWORD={token}\n")
        rows = custodian.run("audit", "web01", "--host", file, "--json").json()
        return {(row["credential"], row["what"]): row["state"] for row in rows if row["credential"]}

    found = states("web01", host)
    assert found["host", "take an object away"] == found["stranger", "read without a credential"] == "held"
    assert states("care", care)["host", "take an object away"] == "not held"
    own = custodian.run("audit", "web01").expect(0)
    assert "executor" in own.out and "all that was tried was held" in own.out


def test_policy_and_log_are_changed_after_adoption(strongroom: Strongroom, served: Gateway, tmp_path: Path) -> None:
    """Who adopted a folder first gives it its gateway's log, by a verb that `adopt` names; settings change by their
    names, and what does not fit changes nothing. A token that was rotated goes into the file of credentials."""
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", served.data / "r")
    token = operate(served, "principal", "add", "care", "--repository", "r", "--role", "custodian")[1].strip()
    log = ("--gateway", f"http://care:{token}@{served.address}/r/", "--log-key", served.key)
    assert "custody change NAME" in custodian.run("adopt", "web01", "--store", str(served.data / "r"), *log).err
    changed = custodian.run("change", "web01", *log).expect(0)
    assert token not in changed.out and served.address in changed.out
    operate(served, "reconcile", "r", "--reason", "the custodian's key")
    custodian.round().expect(0)
    (standing,) = custodian.run("status", "--json").expect(0).json()
    assert "receipts are proven" in standing["log"]
    custodian.run("change", "web01", "--policy", "daily=30", "--policy", "hold=14", "--json").expect(0)
    (one,) = custodian.run("repositories", "--json").expect(0).json()
    assert (one["policy"]["daily"], one["policy"]["hold"], one["policy"]["weekly"]) == (30, 14, 8)
    for words, said in ((("expiry=3",), "expiry: must be"), (("operators=1",), "custody operator require web01")):
        refused = custodian.run("change", "web01", "--policy", *words)
        assert refused.code == 1 and said in refused.err
    assert custodian.run("repositories", "--json").expect(0).json() == [one]


def test_a_witness_stays_until_another_is_named_or_none(
    strongroom: Strongroom, served: Gateway, tmp_path: Path
) -> None:
    """The gateway's URL with a new token keeps the witness; one that begins anew is named alone, without the log's
    key; where none is to be, what was said against the last one is over."""
    custodian, token = _adopted(strongroom, served, tmp_path)
    place = f"http://care:{token}@{served.address}/r/"

    def change(*words: str) -> str:
        return custodian.run("change", "web01", *words).expect(0).out

    def witness_problems() -> list[str]:
        custodian.round()
        return [thing for code, thing in custodian.incidents("web01") if code == "witness"]

    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    with witness(tmp_path / "first", served.key) as (url, key, _process):
        change("--gateway", place, "--log-key", served.key, "--witness", url, "--witness-key", key)
        assert witness_problems() == []
    assert witness_problems() == ["the witness"]
    assert f"countersigned by {url}" in change("--gateway", place)
    assert witness_problems() == ["the witness"]
    with witness(tmp_path / "second", served.key) as (url, key, _process):
        assert f"countersigned by {url}" in change("--witness", url, "--witness-key", key)
        assert witness_problems() == []
    assert witness_problems() == ["the witness"]
    assert "countersigned" not in change("--no-witness")
    assert witness_problems() == []


def test_a_token_that_was_rotated_goes_into_the_file(strongroom: Strongroom, served: Gateway, tmp_path: Path) -> None:
    """The URL keeps the old token; what custody.toml names comes before it."""
    custodian, token = _adopted(strongroom, served, tmp_path)
    operate(served, "principal", "disable", "care")
    fresh = operate(served, "principal", "enable", "care")[1].strip().splitlines()[-1]
    assert fresh != token
    failed = custodian.run("round", "web01", "-o", "retry-for=0")
    assert failed.code != 0 and "does not know this user and password" in failed.err
    credentials = tmp_path / "web01.env"
    credentials.write_text(f"STRONGROOM_REST_USERNAME=care\nSTRONGROOM_REST_PASSWORD={fresh}\n")
    credentials.chmod(0o600)
    (custodian.state / "custody.toml").write_text(f'version = 1\n[repository.web01]\ncredentials = "{credentials}"\n')
    custodian.round().expect(0)


def test_a_host_of_a_folder_is_not_tried_as_who_runs_the_audit(strongroom: Strongroom, tmp_path: Path) -> None:
    """A host does not see the custodian's folder: its file has to say what it sees."""
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", Forge(tmp_path / "r").place)
    (tmp_path / "host").write_text("STRONGROOM_REST_USERNAME=web01\n")
    said = custodian.run("audit", "web01", "--host", tmp_path / "host")
    assert said.code == 1 and "STRONGROOM_REPOSITORY=rest:https://" in said.err


def test_a_restic_that_is_too_old_is_no_failed_drill(strongroom: Strongroom, tmp_path: Path) -> None:
    """Debian 12 has restic 0.14, which knows no `--include-file`: that is said, and no incident is opened."""
    forge = Forge(tmp_path / "r")
    (blob,) = forge.pack(("data", b"small"))
    forge.snapshot(forge.tree(node("small", "file", content=[blob], size=5)), paths=["/"])
    forge.index()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    custodian.round().expect(0)
    old = tmp_path / "restic"
    old.write_text("#!/bin/sh\necho restic 0.14.0 compiled with go1.19.8 on linux/amd64\n")
    old.chmod(0o755)
    said = custodian.run("drill", "web01", "--restic", old)
    assert said.code == 1 and "is restic 0.14, and a drill needs 0.17 or newer" in said.err
    assert custodian.incidents("web01") == []


@pytest.mark.parametrize(
    ("url", "restics"),
    [
        ("s3://vault/web01?endpoint=https://s3.example.org:9000", "s3:https://s3.example.org:9000/vault/web01"),
        ("s3://vault/web01", "s3:https://s3.eu-1.amazonaws.com/vault/web01"),
        ("s3:https://s3.example.org/vault/web01", "s3:https://s3.example.org/vault/web01"),
        ("gs://vault/web01", "gs:vault:/web01"),
        ("az://vault/web01", "azure:vault:/web01"),
        ("rest:https://care:TOKEN@backup.example/web01/", "rest:https://backup.example/web01/"),
        ("/srv/gateway/web01", "/srv/gateway/web01"),
    ],
)
def test_places_are_printed_as_stock_restic_reads_them(url: str, restics: str) -> None:
    """restic takes `s3://vault/web01` for a server called vault, and a kit is read on the worst day."""
    assert restic_place(url, StoreOptions(environment={"AWS_REGION": "eu-1"})) == restics
