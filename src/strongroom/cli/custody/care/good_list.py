"""``custody last-good`` without a path: the newest signed list of good snapshots, from the store alone."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import repository_id, store_for, target_of
from strongroom.cli.shared.opening import store_of
from strongroom.cli.shared.targets import Target, store_options
from strongroom.format import rfc3339
from strongroom.storage.locate import restic_place

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context
    from strongroom.custody.drills.newest_list import FoundList
    from strongroom.custody.state import Adopted, State
    from strongroom.receipts.log.note import Verifier
    from strongroom.storage.contract import Store

_MOST_LINES = 5


def show_list_there(context: Context) -> int:
    """The list at a store that the command line names, with its key and the repository's ID."""
    from strongroom.receipts.log.note import Verifier

    arguments = context.arguments
    if not (arguments.store and arguments.judge and arguments.repository) or arguments.name is not None:
        raise UsageError(
            "name a repository in care, or give --store, --judge and --repository, as its recovery kit has them",
            subject="last-good",
        )
    target = Target("the repository", arguments.store, "--store", None, None, None)
    judge, repository = Verifier.parse(arguments.judge), repository_id(arguments.repository)
    with store_of(context, target) as store:
        place = restic_place(target.url, store_options(context, target))
        return _show(context, store, judge, repository, place, arguments.at_least)


def show_list_of(context: Context, state: State, adopted: Adopted) -> int:
    """The list of a repository in care, by the key that signed the last that this state wrote."""
    from strongroom.custody.good.writing import written_list
    from strongroom.receipts.log.note import Verifier

    written = written_list(state, adopted.id)
    if written is None:
        hint = f"`strongroom custody round {adopted.name}` writes one where it finds a good snapshot."
        raise UsageError("no round has written a list of good snapshots yet", subject=adopted.name, hint=hint)
    place = restic_place(adopted.store, store_options(context, target_of(context, adopted)))
    with store_for(context, adopted) as store:
        return _show(context, store, Verifier.parse(written.judge), adopted.id, place, written.number)


def _show(context: Context, store: Store, judge: Verifier, repository: str, place: str, at_least: int) -> int:
    from strongroom.custody.drills.newest_list import newest_list
    from strongroom.storage.repository_files import files_beside

    found = newest_list(files_beside(store), judge, repository, at_least=at_least)
    for name, why in found.passed[:_MOST_LINES]:
        context.warn(f"passed over {name}, which {why}")
    if len(found.passed) > _MOST_LINES:
        context.warn(f"passed over {len(found.passed) - _MOST_LINES} more files")
    if found.doubt:
        context.warn(f"this list may not be the newest: {found.doubt}")
    if context.json:
        context.out.json(_object(found))
    else:
        _print(context, found, judge, place)
    return exit_codes.PROMISE_OF_CUSTODY_BROKEN if found.doubt else exit_codes.OK


def _object(found: FoundList) -> dict[str, object]:
    made, last = found.list, found.last
    return {
        "message_type": "custody_good",
        "repository": made.repository,
        "file": found.name,
        "number": made.number,
        "made": made.made,
        "before": made.before or None,
        "round": None if last is None else last.number,
        "round_at": None if last is None else rfc3339.format_utc(last.at_ns),
        "doubt": found.doubt or None,
        "passed": [list(one) for one in found.passed],
        "sources": [
            {
                "source": source.name,
                "good": source.good,
                "snapshots": [
                    {"snapshot": one.id, "arrival": one.arrival, "claims": one.claimed, "good_since": one.since}
                    for one in source.snapshots
                ],
            }
            for source in made.sources
        ],
    }


def _print(context: Context, found: FoundList, judge: Verifier, place: str) -> None:
    made, last = found.list, found.last
    context.out.write(made.text())
    context.out.line("")
    context.out.line(f"The signature is by {judge}.")
    rounds = "" if last is None else f"; the newest round there is {last.number}, of {rfc3339.format_utc(last.at_ns)}"
    context.out.line(f"This is list {made.number}, of {made.made}{rounds}.")
    newest = next((one.snapshots[0].id for one in made.sources if one.snapshots), None)
    if newest is None:
        context.out.line("No snapshot is good.")
        return
    context.out.line("To restore the newest, or any other by its ID, with the password that the kit opens:")
    context.out.line(f"restic -r {shlex.quote(place)} restore {newest} --target /somewhere --no-lock")
