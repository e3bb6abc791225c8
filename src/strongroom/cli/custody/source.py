"""``custody source``: what is known of sources, and what an operator says of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    operator,
    store_for,
)
from strongroom.cli.output.table import table
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Sources are hosts with the paths that they save. Without SOURCE all are listed. With one, say what is no wonder there:

  strongroom custody source web01
  strongroom custody source web01 web01:/srv --canary /srv/do-not-touch.docx
  strongroom custody source web01 web01:/srv --longest-backup 120 --most-a-day 100

A canary is a file that nobody has a reason to change: from now on each snapshot in which it is other than in the newest
good one, or gone, is suspicious.
"""


def arguments_source(parser: argparse.ArgumentParser) -> None:
    """Which source, and what is said of it."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="as `custody snapshots` shows it")
    parser.add_argument("--canary", action="append", default=[], metavar="PATH", help="a file that must not change")
    parser.add_argument("--no-canary", action="append", default=[], metavar="PATH", help="one that may change again")
    parser.add_argument("--longest-backup", type=int, metavar="HOURS", help="so long may a backup take (default: 48)")
    parser.add_argument(
        "--most-a-day", type=int, metavar="NUMBER", help="snapshots a day that are no wonder (default: 48)"
    )
    add_state(parser, identity=True)


def run_source(context: Context) -> int:
    """Change it where something is said, and list."""
    from strongroom.base.errors import UsageError
    from strongroom.cli.shared.opening import surroundings
    from strongroom.custody.adopting import open_adopted
    from strongroom.custody.evidence.words import arrival_evidence
    from strongroom.custody.sources import change_source, sources_of

    arguments = context.arguments
    numbers = {"longest_backup": arguments.longest_backup, "most_a_day": arguments.most_a_day}
    said = arguments.canary or arguments.no_canary or any(value is not None for value in numbers.values())
    if said and arguments.source is None:
        raise UsageError("of which source?", hint="Name it; without options all are listed.")
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        if arguments.canary:
            with store_for(context, adopted) as store:
                repository = open_adopted(adopted, store, identity_of(context), surroundings(context))
                words = {"canaries": arguments.canary, "drop": arguments.no_canary, "repository": repository}
                change_source(state, adopted, arguments.source, operator(), **numbers, **words)
        elif said:
            change_source(state, adopted, arguments.source, operator(), drop=arguments.no_canary, **numbers)
        found = [one for one in sources_of(state, adopted) if arguments.source in (None, one.name)]
        how = {one.last_good: arrival_evidence(state, adopted, "snapshots", one.last_good or "") for one in found}
    if context.json:
        context.out.json(
            [
                {
                    "repository": adopted.name,
                    "source": one.name,
                    "accepted": one.accepted,
                    "last_good": None if one.last_good_ns is None else rfc3339.format_utc(one.last_good_ns),
                    "last_good_by": how[one.last_good].code or None,
                    "sent_by": how[one.last_good].principal or None,
                    "canaries": sorted(one.settings.canaries),
                    "longest_backup": one.settings.longest_backup,
                    "most_a_day": one.settings.most_a_day,
                }
                for one in found
            ]
        )
        return 0
    rows = [
        [
            one.name,
            "yes" if one.accepted else "no",
            "never" if one.last_good_ns is None else rfc3339.format_utc(one.last_good_ns)[:16],
            how[one.last_good].code,
            f"{one.settings.longest_backup} h",
            str(one.settings.most_a_day),
            ", ".join(sorted(one.settings.canaries)),
        ]
        for one in found
    ]
    for line in table(("Source", "Accepted", "Last good (UTC)", "By", "Longest backup", "A day", "Canaries"), rows):
        context.out.line(line)
    return 0
