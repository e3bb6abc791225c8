"""``heal``: give back what a repository lost, out of another one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strongroom.archive.heal import Blob, Healed, heal, lost_blobs
from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_from_options
from strongroom.cli.shared.opening import locked, one_repository, open_target, targets_of
from strongroom.cli.shared.targets import find_source_target

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Give back what a repository lost, out of another one that has it, such as the local twin of an off-site repository that
the same pass wrote. Packs that are gone or have another size are found here; what else was found damaged a custodian
lists (`strongroom custody wanted NAME`), for --wanted. Each piece is compared with its hash before it is stored. Only
new objects are added, so it works behind an append-only gateway, with no other right than to back up.

  strongroom heal --repo offsite --from local
  strongroom heal --repo rest:https://backup.example/web01/ --from-repo /srv/backup --wanted list.txt
"""
_LINE = re.compile(r"(data|tree) ([0-9a-f]{64})\Z")
_MOST_LISTED = 50_000_000
"""Lines of a list of wanted blobs."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """From where, and what besides."""
    parser.description = _DESCRIPTION
    add_from_options(parser, "the repository to take from")
    parser.add_argument(
        "--wanted", metavar="FILE", help="blobs that are wanted, too, a line each: `data ID`, `tree ID`"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what is missing, and store nothing")


def run(context: Context) -> int:
    """Heal it; 1 when something could be had nowhere."""
    targets = targets_of(context)
    place = find_source_target(context.settings, targets)
    if place is None:
        raise UsageError("from where?", hint="Name a repository that has it with --from-repo.")
    if any(target.url == place.url for target in targets):
        raise UsageError("a repository cannot heal itself", subject=place.label, hint="Name another with --from-repo.")
    wanted = _listed(context.arguments.wanted) if context.arguments.wanted else []
    reporter = context.reporter()
    try:
        with one_repository(context) as target, open_target(context, place) as source, locked(context, source):
            dry = context.arguments.dry_run
            with locked(context, target, writing=not dry) as lock, context.signals.cooperative(reporter):
                target.load_index()
                packs, blobs = lost_blobs(target)
                reporter.message(f"{len(packs)} packs are missing or cut short; {len(blobs)} blobs were in them alone")
                if dry:
                    _say(context, Healed(wanted=len({*blobs, *wanted})), packs, dry=True)
                    return exit_codes.OK
                source.load_index()
                check = lock.check if lock is not None else lambda: None
                result = heal(target, source, [*blobs, *wanted], reporter, check=check)
    finally:
        reporter.close()
    _say(context, result, packs, dry=False)
    return exit_codes.FAILED if result.nowhere else exit_codes.OK


def _listed(path: str) -> list[Blob]:
    found: list[Blob] = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = _LINE.match(line.strip())
                if match is None or number > _MOST_LISTED:
                    raise UsageError(f"line {number} names no blob", subject=path, hint="Write `data ID` or `tree ID`.")
                found.append((match[1], match[2]))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {getattr(error, 'strerror', 'not text')}", subject=path) from None
    return found


def _say(context: Context, result: Healed, packs: list[str], *, dry: bool) -> None:
    if context.json:
        context.out.json(
            {
                "message_type": "summary",
                "dry_run": dry,
                "packs_lost": len(packs),
                "blobs_wanted": result.wanted,
                "blobs_given": result.given,
                "data_added_packed": result.bytes,
                "blobs_nowhere": [f"{kind} {blob}" for kind, blob in result.nowhere],
            }
        )
        return
    if dry:
        context.out.line(f"would look for {result.wanted} blobs")
        return
    context.out.line(f"{result.given} of {result.wanted} blobs were given back")
    if packs and not result.nowhere:
        context.out.line(
            f"The index still names {len(packs)} packs that are gone, so `check` speaks of them; who may delete there "
            "ends that with `strongroom repair index`, or a custodian does."
        )
    for kind, blob in result.nowhere[:20]:
        context.out.warn(
            f"{kind} blob {blob} is in neither repository; `strongroom find --blob {blob[:10]}` names files"
        )
    if result.nowhere[20:]:
        context.out.warn(f"and {len(result.nowhere) - 20} more")
