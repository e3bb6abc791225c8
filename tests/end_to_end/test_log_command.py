"""``log show`` and ``log verify`` as a user types them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateways import Gateway, name_of


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that runs, whose log has 111 entries."""
    with Gateway(tmp_path_factory.mktemp("log"), flags=("--no-auth", "--append-only")) as made:
        made.make()
        bodies = [b"%d" % number for number in range(110)]
        for start in range(0, 110, 22):
            made.put_at_once([(f"/web01/data/{name_of(body)}", body) for body in bodies[start : start + 22]])
        made.settle()
        yield made


def test_a_log_that_goes_on_says_so_and_how(gateway: Gateway) -> None:
    """Standard error tells how many entries follow, and the words that show them; at the end of a log nothing."""
    env = environment(gateway.folder)
    shown = run([STRONGROOM, "log", "show", str(gateway.data)], env=env)
    assert shown.code == 0
    assert len(shown.out.splitlines()) == 100
    assert "the log has 111 entries, and 11 follow: `--first 100`" in shown.err
    rest = run([STRONGROOM, "log", "show", str(gateway.data), "--first", "100"], env=env)
    assert (len(rest.out.splitlines()), rest.err) == (11, "")
    assert run([STRONGROOM, "log", "show", str(gateway.data), "--first", "-1"], env=env).code != 0


def test_a_gateways_own_address_leads_to_its_log(gateway: Gateway, tmp_path: Path) -> None:
    """``log verify`` takes the gateway's URL, its data folder and the log itself; what has no log is an error."""
    env = environment(gateway.folder)
    url = f"http://{gateway.address}"
    for where in (url, f"{url}/", f"{url}/.strongroom/log", str(gateway.data), str(gateway.log)):
        done = run([STRONGROOM, "log", "verify", where, "--key", gateway.key], env=env)
        assert done.code == 0, (where, done.err)
        assert "111 entries, all good" in done.out
    assert "there is no log here" in run([STRONGROOM, "log", "verify", str(tmp_path)], env=env).err
