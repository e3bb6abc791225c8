"""``init``: make a repository, or several whose chunk boundaries agree."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments import options
from strongroom.cli.shared import passwords
from strongroom.cli.shared.opening import cache_of, open_target, state_of, store_of, surroundings, targets_of
from strongroom.cli.shared.targets import Target, find_source_target
from strongroom.repository.key_removal import withdraw_key
from strongroom.repository.opening import initialise

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

_VERSIONS = {"1": 1, "2": 2, "stable": 2, "latest": 2}

_WORDS = """
Please note that knowledge of your password is required to access
the repository. Losing your password means that your data is
irrecoverably lost."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's ``init`` and ``--from-*``."""
    parser.description = (
        "Make a new repository. With several --repo they share the polynomial that cuts files into chunks,\n"
        "so that one backup run serves them all without doing its work twice."
    )
    parser.add_argument(
        "--repository-version",
        metavar="VERSION",
        default="stable",
        choices=tuple(_VERSIONS),
        help="format: 1, 2, stable or latest (default: stable, which is 2)",
    )
    parser.add_argument(
        "--copy-chunker-params",
        action="store_true",
        help="cut files like the repository of --from-repo does",
    )
    options.add_from_options(parser)


def run(context: Context) -> int:
    """Make each repository that is given. Stops at the first that cannot be made."""
    targets = targets_of(context)
    polynomial = _polynomial_to_copy(context, targets)
    for target in targets:
        with _made(context, target, polynomial) as repository:
            polynomial = repository.polynomial
            _say(context, repository, target)
    return 0


def _polynomial_to_copy(context: Context, targets: list[Target]) -> int | None:
    source = find_source_target(context.settings, targets)
    if not context.arguments.copy_chunker_params:
        if context.arguments.from_repo or context.arguments.from_repository_file:
            raise UsageError("--from-repo alone has no effect", hint="Add --copy-chunker-params.")
        return None
    if source is None:
        raise UsageError("--copy-chunker-params needs a repository to copy from", hint="Name it with --from-repo.")
    with open_target(context, source) as repository:
        return repository.polynomial


def _made(context: Context, target: Target, polynomial: int | None) -> Repository:
    store = store_of(context, target)
    try:
        return initialise(
            store,
            passwords.fetch(target.password, label=target.label, new=True),
            version=_VERSIONS[context.arguments.repository_version],
            polynomial=polynomial,
            surroundings=surroundings(context),
            cache=cache_of(context),
            state=state_of(context),
            beside_known=bool(context.settings.get("accept_repository")),
            withdraw=partial(withdraw_key, store),
        )
    except BaseException:
        store.close()
        raise


def _say(context: Context, repository: Repository, target: Target) -> None:
    if context.json:
        context.out.json({"message_type": "initialized", "id": repository.id, "repository": target.label})
    elif context.verbosity > 0:
        context.out.line(f"created restic repository {repository.id[:10]} at {target.label}")
        if context.arguments.copy_chunker_params:
            context.out.line(" with chunker parameters copied from secondary repository")
        context.out.line(_WORDS)
