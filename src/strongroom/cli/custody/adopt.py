"""``custody adopt``: take a repository into care."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.custody.shared import add_state, identity_of, open_state, operator

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Take a repository into care, whoever made it: Strongroom, restic or rustic. It is opened once with a password of its
own; a key for the custodian is added, whose password is random and sealed to its identity. Then everything that is
there is pinned: the config, the keys, and at the first round each object.

  strongroom custody adopt web01 --store /backup/web01
  strongroom custody adopt web01 --store s3:https://s3.example/vault/web01 --password-file web01.txt
"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")


def arguments_adopt(parser: argparse.ArgumentParser) -> None:
    """Its name, its place, its policy."""
    parser.description = _DESCRIPTION
    parser.add_argument("name", metavar="NAME", help="what it is called here")
    parser.add_argument("--store", metavar="REPOSITORY", help="its place, as after --repo, with the custodian's rights")
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="SETTING=NUMBER",
        help="what to keep and how long to wait, such as daily=30; `custody explain` and the guide list them",
    )
    add_state(parser, identity=True)


def run_adopt(context: Context) -> int:
    """Adopt it, and say what comes next."""
    from strongroom.cli.shared.opening import one_repository
    from strongroom.custody.adopting import adopt
    from strongroom.custody.policy import CustodyPolicy, adjusted
    from strongroom.custody.recovery.recipients import recipients

    arguments = context.arguments
    if not _NAME.match(arguments.name):
        raise UsageError(
            "is no name", subject=arguments.name, hint="Letters, digits, dots, dashes and underscores, 64 at most."
        )
    if arguments.store:
        if arguments.repositories:
            raise UsageError("the place is given twice", subject=arguments.store, hint="Leave out --repo.")
        arguments.repositories = [("place", arguments.store)]
    policy = adjusted(CustodyPolicy(), dict(map(_setting, arguments.policy)))
    identity = identity_of(context)
    with open_state(context) as state, one_repository(context) as repository:
        url = context_url(context)
        key = adopt(
            state,
            repository,
            arguments.name,
            url,
            identity,
            policy,
            recipients=recipients(state),
            who=operator(),
        )
        identity_text = repository.id
    if context.json:
        context.out.json({"message_type": "custody_adopt", "name": arguments.name, "id": identity_text, "key": key})
    else:
        context.out.line(f"adopted {arguments.name}: repository {identity_text[:10]}, custody key {key[:8]}")
        context.out.line(f"Next: strongroom custody round {arguments.name}")
    return 0


def context_url(context: Context) -> str:
    """The place as the user wrote it, made absolute where it is a path."""
    from strongroom.cli.shared.opening import targets_of
    from strongroom.repository.state import pin_url

    return pin_url(targets_of(context)[0].url)


def _setting(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.isdecimal() or len(number) > 6:
        raise UsageError("is no setting", subject=f"--policy {text}", hint="Write it as daily=30.")
    return name, int(number)
