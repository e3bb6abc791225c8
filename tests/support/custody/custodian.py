"""A custodian of the installed command, with a state of its own."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from tests.support.command import Result
from tests.support.custody.schema import check_output
from tests.support.programs import Strongroom


class Custodian:
    """``custody init`` made its state. Names of repositories stand behind the verb."""

    def __init__(self, program: Strongroom, place: Path) -> None:
        self.program = program
        self.state = place
        made = self.run("init").expect(0)
        found = re.search(r"AGE-SECRET-KEY-1\S+", made.out)
        assert found is not None
        self.recovery = found[0]
        """The recovery identity, as it was printed."""

    def run(self, verb: str, *words: str | Path, **options: Any) -> Result:
        """Run a verb of ``custody``. What it writes as JSON is held against the schema."""
        found = self.program.run("custody", verb, "--state", str(self.state), *map(str, words), **options)
        if "--json" in words and found.out and not found.out.startswith('{"message_type":"exit_error"'):
            check_output([verb, *map(str, words)], found.out)
        return found

    def adopt(self, name: str, store: Path | str, *words: str) -> None:
        """Take a repository into care."""
        self.run("adopt", name, "--store", str(store), *words).expect(0)

    def round(self, *names: str) -> Result:
        """A round; its exit code is the caller's to look at."""
        return self.run("round", *(names or ("--all",)))

    def verdicts(self, name: str) -> dict[str, str]:
        """Each snapshot's verdict by its ID."""
        return {one["id"]: one["verdict"] for one in self.run("snapshots", name, "--json").expect(0).json()}

    def incidents(self, name: str) -> list[tuple[str, str]]:
        """The open incidents as code and object."""
        found = self.run("incidents", name, "--json").expect(0).json()
        return [(one["code"], one["object"]) for one in found]


def part(kit: str, title: str) -> bytes:
    """What stands between the lines of a part of a kit, as it was before base64."""
    found = re.search(rf"-----+ {re.escape(title)} -----\n(.*?)\n----- end", kit, re.DOTALL)
    assert found is not None
    return base64.b64decode(found[1])
