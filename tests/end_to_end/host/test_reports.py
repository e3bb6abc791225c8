"""What the server learns of a run by the installed command: what was incomplete, and no name that stays here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.servers import fleets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.fleets import Fleet


PATHS = "src", "takeover plans/of acme"
"""The second is not there."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A server and a gateway."""
    with fleets.running(tmp_path_factory.mktemp("fleet")) as found:
        yield found


def test_a_run_that_could_not_read_all_is_incomplete_and_thrice_a_warning(tmp_path: Path, fleet: Fleet) -> None:
    """The state is `incomplete` after one run, with nothing wrong yet; after three somebody is told."""
    program = fleet.join(tmp_path, "web01", *PATHS)
    for number in (1, 2, 3):
        program.run("schedule", "run", "system").expect(3)
        found = fleet.status(code=77)
        assert [one["state"] for one in found["watches"]] == ["incomplete"]
        assert [one["kind"] for one in found["wrong"]] == (["incomplete"] if number == 3 else [])
    (tmp_path / "takeover plans" / "of acme").mkdir(parents=True)
    program.run("schedule", "run", "system").expect(0)
    assert [one["state"] for one in fleet.status()["watches"]] == ["ok"]


def test_with_paths_false_no_name_of_a_file_leaves_the_host(tmp_path: Path, fleet: Fleet) -> None:
    """Neither the list of a report nor its log has one; the host's own log does, and reasons are told all the same."""
    program = fleet.join(tmp_path, "web02", *PATHS)
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
