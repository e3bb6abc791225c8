"""What the server learns of a run by the installed command: what was incomplete, and no name that stays here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from tests.support.command import STRONGROOM, run
from tests.support.programs import Strongroom
from tests.support.servers import fleets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.fleets import Fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A server and a gateway."""
    with fleets.running(tmp_path_factory.mktemp("fleet")) as found:
        yield found


def joined(folder: Path, fleet: Fleet, name: str) -> Strongroom:
    """A host that has joined, and names a path that is not there."""
    program = Strongroom(folder / "home")
    program.env["STRONGROOM_CONFIG"] = str(folder / "etc" / "config.toml")
    (folder / "src").mkdir()
    (folder / "src" / "a").write_text("text")
    (folder / "token").write_text(fleet.invite(name))
    paths = [word for path in ("src", "takeover plans/of acme") for word in ("--path", str(folder / path))]
    words = ["--token-file", str(folder / "token"), "--name", name, "--custodian", fleet.words, "--no-backup"]
    program.run("host", "enrol", *words, *paths).expect(0)
    return program


def status(fleet: Fleet) -> dict[str, Any]:
    """All that `fleet status` says."""
    words = [str(STRONGROOM), "fleet", "status", "--json", "--state", str(fleet.folder / "fleet")]
    found: dict[str, Any] = json.loads(run(words, env=fleet.env).stdout)
    return found


def test_a_run_that_could_not_read_all_is_incomplete_and_thrice_a_warning(tmp_path: Path, fleet: Fleet) -> None:
    """The state is `incomplete` after one run, with nothing wrong yet; after three somebody is told."""
    program = joined(tmp_path, fleet, "web01")
    for number in (1, 2, 3):
        program.run("schedule", "run", "system").expect(3)
        found = status(fleet)
        assert [one["state"] for one in found["watches"]] == ["incomplete"]
        assert [one["kind"] for one in found["wrong"]] == (["incomplete"] if number == 3 else [])
    (tmp_path / "takeover plans" / "of acme").mkdir(parents=True)
    program.run("schedule", "run", "system").expect(0)
    assert [one["state"] for one in status(fleet)["watches"]] == ["ok"]


def test_with_paths_false_no_name_of_a_file_leaves_the_host(tmp_path: Path, fleet: Fleet) -> None:
    """Neither the list of a report nor its log has one; the host's own log does, and reasons are told all the same."""
    program = joined(tmp_path, fleet, "web02")
    member = tmp_path / "etc" / "fleet.toml"
    member.write_text(member.read_text() + "paths = false\n")
    said = program.run("schedule", "run", "system").expect(3).out
    assert "takeover plans/of acme" in said
    token = fleet.run("fleet", "tokens", "add", "reader", "--state", str(fleet.folder / "fleet")).out.split()[0]
    with urllib3.PoolManager(ca_certs=str(fleet.folder / "fleet" / "certificate.pem")) as pool:
        where, head = f"{fleet.url}/api/v1/hosts/web02/reports", {"Authorization": f"Bearer {token}"}
        answer = pool.request("GET", where, headers=head)
    reports = answer.data.decode()
    assert "snapshot" in reports and "something could not be read" in reports and "ended with exit code 3" in reports
    assert not [word for word in ("takeover", "acme", "test_with_paths") if word in reports]
