"""A custodian of several repositories, one of which does not answer."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.several.test_several_repositories import place
from tests.support.custody.custodian import Custodian
from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer
from tests.support.waiting import PATIENCE, until


@pytest.mark.parametrize("fault", ["stall", "drip"])
def test_a_server_that_gives_nothing_holds_up_no_other_round(
    strongroom: Strongroom, tmp_path: Path, fault: str
) -> None:
    """The repository behind it in the list has its round meanwhile, and a signal ends all, which is no incident.

    One server says nothing at all; the other one answers at first, and then its lists come byte by byte.
    """
    (tmp_path / "file").write_text("text")
    with RestServer() as server:
        custodian = Custodian(strongroom, tmp_path / "state")
        for name, where in (("first", place(server)), ("second", str(tmp_path / "repository"))):
            strongroom.init(where)
            strongroom.backup(where, tmp_path / "file")
            custodian.adopt(name, where)
        if fault == "stall":
            server.fail("GET", "stall", 1000, matching="/")
            server.fail("HEAD", "stall", 1000, matching="/")
        else:
            server.fail("GET", "drip", 1000, matching="/snapshots/")
        output = tmp_path / "output"
        words = [str(strongroom.executable), "custody", "round", "--all", "--state", str(custodian.state)]
        with (
            output.open("wb") as file,
            subprocess.Popen(words, env=strongroom.env, stdin=subprocess.DEVNULL, stdout=file, stderr=file) as round_,
        ):
            try:
                until(lambda: custodian.verdicts("second"), output.read_text)
                assert round_.poll() is None
                round_.send_signal(signal.SIGINT)
                assert round_.wait(PATIENCE) == 130
            finally:
                round_.kill()
        assert custodian.incidents("first") == []
