"""Which repositories are written to: none that this machine does not know unless the user says so, none twice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.storage.locate import place_of
from strongroom.storage.options import StoreOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.repository.opened import Repository


def admit(context: Context, repository: Repository) -> None:
    """See that a repository may be written to: ask once where this machine knows another at its place.

    Raises ``RepositoryError`` where nobody can be asked, or the answer is no.
    """
    stranger = repository.stranger
    if stranger is None:
        return
    if not context.settings.get("accept_repository") and not _answered_yes(context, str(stranger)):
        raise stranger
    repository.admit()


def _answered_yes(context: Context, text: str) -> bool:
    if context.json or sys.stdin is None or not sys.stdin.isatty():
        return False
    context.out.warn(text)
    context.out.warn("Write to it, and know both here from now on? [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def refuse_twice(targets: Sequence[Target]) -> None:
    """Raise ``UsageError`` when two of these are one place, however it is written. Nothing is contacted.

    Copies of a repository in two places have one ID as well; they are two repositories, and each is used. What only
    looks different, as a server and the folder that it serves, is found out by our lock, which shows in both.
    """
    if len(targets) < 2:
        return
    seen: dict[object, str] = {}
    for target in targets:
        try:
            place = place_of(target.url, StoreOptions())
        except UsageError:  # it fails by itself, and keeps no other from its work
            continue
        first = seen.setdefault(place, target.label)
        if first != target.label:
            raise UsageError(
                f"the same repository is given twice, as {first} and as {target.label}",
                subject=target.label,
                hint="Name each one once.",
            )
