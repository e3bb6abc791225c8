"""Somebody who types what the guides say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import command, peers
from tests.support.cheap_keys.tool import make_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
PLACES = ("/backup/local", "/other/disk", "/srv/restic", "/srv/backup", "/etc/strongroom", "/mnt/backup", "/tmp/")
"""What the guides name, and this test has in a folder of its own."""


class Reader:
    """Somebody with a home, some documents, and the programs in the search path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home" / "ann"
        (self.home / "Documents").mkdir(parents=True)
        (self.home / "Documents" / "letter.txt").write_text("Dear Bob\n")
        (self.home / "Documents" / "draft.tmp").write_text("no\n")
        (self.home / ".restic-password").write_text("of the repository\n")
        for place in PLACES:
            (folder / place.strip("/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        self.env = command.environment(self.home) | {"USER": "ann", "LOGNAME": "ann"}
        self.env.pop("RESTIC_PASSWORD", None)
        tools = make_tool(folder / "tools").parent
        self.env["PATH"] = f"{tools}:{peers.cache() / 'bin'}:{self.env['PATH']}"

    def script(self, text: str) -> list[str]:
        """Commands for bash, with the places of the guides in our folder."""
        text = re.sub(rf"(?<![\w.])(?:{'|'.join(PLACES)})", lambda place: f"{self.folder}{place[0]}", text)
        text = text.replace("--target / ", f"--target {self.folder}/all ")
        return ["bash", "-euo", "pipefail", "-c", text]

    def type(self, *texts: str) -> str:
        """Run commands in one shell; what they print."""
        ended = subprocess.run(
            self.script("\n".join(texts)), cwd=self.home, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False,
        )  # fmt: skip
        said = ended.stdout.decode()
        assert ended.returncode == 0, said
        return said


def blocks_of(guide: str) -> Iterator[tuple[str, str]]:
    """The shell blocks of a guide, each with the word behind ``sh``."""
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    yield from re.findall(r"^```sh ?(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
