"""A link named ``restic`` to our command, and the newest restic, for tests that run with each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import command
from tests.support.programs import Program, Restic

if TYPE_CHECKING:
    from pathlib import Path


class Linked(Program):
    """Our command under restic's name."""

    name = "link"

    def __init__(self, home: Path) -> None:
        link = home / "bin" / "restic"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(command.STRONGROOM)
        super().__init__(home, link)


@pytest.fixture(params=[Linked, Restic], ids=lambda kind: kind.name)
def program(request: pytest.FixtureRequest, home: Path, repository: Path) -> Program:
    """Our link, and restic; the repository is in the environment, as wrappers have it."""
    made: Program = request.param(home)
    made.env["RESTIC_REPOSITORY"] = str(repository)
    return made
