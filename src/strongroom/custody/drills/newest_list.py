"""The newest list beside a repository, from the store alone: with the judge's public key and the repository's ID."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Missing, Refused, StoreError
from strongroom.base.record import record
from strongroom.custody.continuity.records import Crowded, newest_record
from strongroom.custody.good.text import FOLDER, NAME, GoodList, parse_list
from strongroom.format import rfc3339
from strongroom.storage.names import OWN_PLACE

if TYPE_CHECKING:
    from strongroom.custody.continuity.records import RoundRecord
    from strongroom.receipts.log.note import Verifier
    from strongroom.storage.own.contract import OwnFiles

_PLACE = f"{OWN_PLACE}/{FOLDER}"
_MOST_STRANGERS = 100
"""So many files that are no lists of this key are looked at."""


@record
class FoundList:
    """The list that is to be believed, and the file that it stands in. ``passed``: files with no lower number, and what
    is wrong with each. ``doubt``: why it may not be the newest, in words; else empty. ``last``: the record of the
    newest round that is there."""

    name: str
    list: GoodList
    passed: tuple[tuple[str, str], ...]
    doubt: str
    last: RoundRecord | None


def newest_list(files: OwnFiles, verifier: Verifier, repository: str, *, at_least: int = 0) -> FoundList:
    """The newest list that this key signed. ``at_least``: the number of one that is known to have been there.

    Raises ``Missing`` where there is none, in words what was there instead; ``Refused`` where others wrote too many
    files; and the store's errors."""
    crowd = ""
    try:
        last = newest_record(files, verifier, repository)
    except Crowded as problem:
        last, crowd = None, problem.what
    passed: list[tuple[str, str]] = []
    for name in _in_turn(files, last):
        if len(passed) >= _MOST_STRANGERS and (last is None or name != last.good):
            continue  # what the newest record names is looked at, however many others wrote
        try:
            found = parse_list(name, files.read(f"{FOLDER}/{name}"), verifier, repository)
        except Missing:
            passed.append((name, "is not there"))
            continue
        except Damaged as problem:
            passed.append((name, problem.what))
            continue
        except (LimitExceeded, StoreError) as problem:
            passed.append((name, f"cannot be read: {problem.what}"))
            continue
        later = tuple((one, why) for one, why in passed if int(one[:10]) >= found.number)
        return FoundList(name, found, later, crowd or _doubt(found, name, last, dict(passed), at_least), last)
    if len(passed) >= _MOST_STRANGERS:
        hint = "Take what is not the custodian's away by the store's own means."
        raise Refused(f"others wrote {_MOST_STRANGERS} files there", subject=_PLACE, hint=hint)
    what = "; ".join(f"{name} {why}" for name, why in passed[:3])
    hint = "A round writes one. Are key and repository those of the recovery kit?"
    raise Missing(f"no list of good snapshots by this key{': ' if what else ''}{what}", subject=_PLACE, hint=hint)


def _in_turn(files: OwnFiles, last: RoundRecord | None) -> list[str]:
    """Names of lists: those of later rounds than the newest record, then the one that it names, then all others."""
    names = sorted((name for name in files.names(FOLDER) if NAME.match(name)), reverse=True)
    if last is None or NAME.match(last.good) is None:
        return names
    later = [name for name in names if int(name[:10]) > last.number]
    return [*later, last.good, *(name for name in names if name not in later and name != last.good)]


def _doubt(found: GoodList, name: str, last: RoundRecord | None, passed: dict[str, str], at_least: int) -> str:
    if found.number < at_least:
        return f"it is list {found.number}, of {found.made}, and list {at_least} was written: somebody took that away"
    if last is None:
        return "no record of a round by this key is there: somebody took them away, or put an old list there"
    if last.good == name or found.number > last.number:  # a round that was killed before it wrote its record
        return ""
    when = rfc3339.format_utc(last.at_ns)
    why = passed.get(last.good, "is none")
    return f"round {last.number} of {when} names list {last.good}, which {why}: this one is older"
