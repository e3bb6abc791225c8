"""`custody follow` by the installed command: what a host planted is said though the fleet's server is away."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.support.command import STRONGROOM
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.repositories import PASSWORD
from tests.support.servers.ports import reserve
from tests.support.servers.sinks import web_sink
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs import Strongroom


def test_a_custodian_speaks_by_ways_of_its_own(strongroom: Strongroom, tmp_path: Path) -> None:
    """M-2: A planted key is said in words, and no sign that all is well is given; custody.toml names both URLs."""
    forge = Forge(tmp_path / "repository")
    tree = forge.tree(node("file", "file", content=forge.pack(("data", b"content")), size=7))
    forge.index()
    os.utime(forge.snapshot(tree))
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    forge.key()
    custodian.run("round", "--all")
    with reserve() as keeper, web_sink() as ping, web_sink() as alarm, (tmp_path / "said").open("wb") as said:
        file = tmp_path / "state" / "custody.toml"
        file.write_text(f'version = 1\n[follow]\nping = "{ping.url}"\nalarm = "{alarm.url}"\n')
        file.chmod(0o600)
        away = f"https://127.0.0.1:{keeper.getsockname()[1]}"
        refused = custodian.run("follow", "--server", away, "--once", "--alarm", alarm.url)
        assert refused.code == 1 and "Leave --once out" in refused.err
        command = [str(STRONGROOM), "custody", "follow", "--server", away, "--state", str(tmp_path / "state")]
        with subprocess.Popen(command, env=strongroom.env, stdout=said, stderr=said) as process:
            try:
                until(lambda: alarm.posted, (tmp_path / "said").read_text)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)
        assert ping.asked == [] and b"web01/planted-key/" in alarm.posted[0][1]
