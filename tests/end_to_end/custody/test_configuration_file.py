"""custody.toml: what stands there needs no option, and what is wrong in it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer

FILE = """\
version = 1
[round]
metrics = "{folder}/metrics.prom"
clocks = ["www.example.org"]
[policy]
daily = 30
[repository.web01]
store = "rest:{url}/"
credentials = "web01.env"
"""


@pytest.fixture
def custodian(strongroom: Strongroom, tmp_path: Path) -> Custodian:
    """A custodian whose commands run in the folder of the test."""
    return Custodian(strongroom, tmp_path / "state")


def test_a_repository_by_its_name_alone(
    custodian: Custodian, strongroom: Strongroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Place, credentials, policy and what a round does come from the file; options go before it."""
    monkeypatch.chdir(tmp_path)
    with RestServer(credentials=("care", "right")) as server:
        url = f"http://127.0.0.1:{server.port}/web01"
        strongroom.init(f"rest:{url.replace('//', '//care:right@')}/")
        file = custodian.state / "custody.toml"
        file.write_text(FILE.format(folder=tmp_path, url=url))
        variables = tmp_path / "web01.env"
        variables.write_text("STRONGROOM_REST_USERNAME=care\nSTRONGROOM_REST_PASSWORD=wrong\n")
        variables.chmod(0o600)
        assert "this user and password" in custodian.run("adopt", "web01").err
        variables.write_text("STRONGROOM_REST_USERNAME=care\nSTRONGROOM_REST_PASSWORD=right\n")
        custodian.run("adopt", "web01").expect(0)
        assert "is no URL" in custodian.round().err
        file.write_text(file.read_text().replace('"www', '"http://www').replace("daily", "daiyl"))
        assert "Did you mean 'daily'?" in custodian.round().err
        file.write_text(file.read_text().replace("daiyl", "daily"))
        custodian.run("round", "web01", "--clock", server.url).expect(0)
        metrics = tmp_path / "metrics.prom"
        assert 'repository="web01"' in metrics.read_text()
        metrics.unlink()
        custodian.run("status").expect(0)
        assert not metrics.exists()  # only a round does what stands under [round]


def test_the_file_that_others_can_write_is_refused(custodian: Custodian) -> None:
    """It says where repositories are, and may name a program."""
    file = custodian.state / "custody.toml"
    file.write_text("version = 1\n")
    file.chmod(0o666)
    ended = custodian.run("status")
    assert ended.code == 1
    assert "chmod go-w" in ended.err


def test_config_knows_the_files_of_the_custodian_and_of_the_fleet(strongroom: Strongroom, tmp_path: Path) -> None:
    """What it generates is valid; what it shows has no secret; what is wrong is named."""
    for option in ("--custodian", "--fleet"):
        text = strongroom.run("config", "generate", option).expect(0).out
        file = tmp_path / f"file{option}.toml"
        file.write_text(text.replace('#ping = "https://hc-ping.com/…"', 'ping = "https://hc-ping.com/geheim"'))
        if option == "--custodian":
            assert "valid" in strongroom.run("config", "validate", option, str(file)).expect(0).out
            shown = strongroom.run("config", "show", option, "--config", str(file)).expect(0).out
            assert 'round.ping = "***"' in shown
        assert '"$schema"' in strongroom.run("config", "schema", option).expect(0).out
        file.write_text("version = 1\n[nothing]\n")
        assert "unknown key 'nothing'" in strongroom.run("config", "validate", option, str(file)).err
