"""Which policies ``forget`` applies to a repository: the command line's, or those of the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.record import field, record
from strongroom.cli.arguments.policy_options import COUNTS, SPANS, given_policy
from strongroom.cli.arguments.values import tag_list
from strongroom.cli.shared.selecting import filter_of, grouping
from strongroom.repository.selection import EVERYTHING, SnapshotFilter
from strongroom.retention.calendar import Span
from strongroom.retention.faithful import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target

DETECTION_WINDOW = Span(days=14)


@record
class Applied:
    """One policy, the snapshots that it is about, and how they are grouped and counted."""

    policy: Policy
    filter: SnapshotFilter = EVERYTHING
    by: tuple[str, ...] = ("host", "paths")
    guarded: bool = False
    detection: Span = DETECTION_WINDOW
    table: Mapping[str, Any] = field(default_factory=dict)
    """What the configuration file says of it, where it comes from there: pruning, too."""
    name: str = ""


def policies_of(context: Context, target: Target) -> list[Applied]:
    """What is in force for a repository, in the order in which it is applied.

    Options that say what to keep, and IDs, stand in place of the file; filters and groupings given narrow its policies.
    Raises ``UsageError`` where nothing says what to remove.
    """
    arguments = context.arguments
    given = given_policy(arguments)
    if given is not None or arguments.names or arguments.unsafe_allow_remove_all:
        return [_checked(_given(context, given or Policy()), context)]
    tables = context.settings.file.retention if context.settings.file is not None else {}
    found = [
        _checked(_of_file(context, name, table), context)
        for name, table in tables.items()
        if target.name is not None and target.name in table.get("repositories", (target.name,))
    ]
    if not found:
        raise UsageError(
            "no policy was specified, no snapshots will be removed",
            hint="Say what to keep, such as --keep-daily 7 --keep-weekly 5 --keep-monthly 12, or give IDs, or write a "
            "table [retention.NAME] for this repository into the configuration file.",
        )
    return found


def _given(context: Context, policy: Policy) -> Applied:
    arguments = context.arguments
    return Applied(
        policy,
        filter_of(context),
        _by(arguments.group_by, "host,paths"),
        arguments.guarded,
        DETECTION_WINDOW if arguments.detection_window is None else arguments.detection_window,
    )


def _by(given: str | None, otherwise: str) -> tuple[str, ...]:
    return grouping(otherwise if given is None else given)


def _of_file(context: Context, name: str, table: Mapping[str, Any]) -> Applied:
    arguments, asked = context.arguments, filter_of(context)
    filter = SnapshotFilter(
        asked.hosts or table.get("hosts", ()),
        asked.paths or table.get("paths", ()),
        asked.tags or tuple(map(tag_list, table.get("tags", ()))),
    )
    window = arguments.detection_window
    if window is None:
        window = Span.parse(table.get("detection_window", str(DETECTION_WINDOW)))
    guarded = arguments.guarded or table.get("guarded", False)
    by = _by(arguments.group_by, table.get("group_by", "host,paths"))
    return Applied(_policy_of_file(table), filter, by, guarded, window, table, name)


def _policy_of_file(table: Mapping[str, Any]) -> Policy:
    said: dict[str, Any] = {name: table[f"keep_{name}"] for _, name in COUNTS if f"keep_{name}" in table}
    for span in SPANS:
        name = f"within_{span}".rstrip("_")
        if f"keep_{name}" in table:
            said[name] = Span.parse(table[f"keep_{name}"])
    if "keep_tags" in table:
        said["tags"] = tuple(map(tag_list, table["keep_tags"]))
    return Policy(**said)


def _checked(applied: Applied, context: Context) -> Applied:
    arguments = context.arguments
    if applied.policy.is_empty and not arguments.names:
        if applied.table or not arguments.unsafe_allow_remove_all:
            where = f"retention.{applied.name}" if applied.name else ""
            raise UsageError("no policy was specified, no snapshots will be removed", subject=where)
        if applied.filter == EVERYTHING:
            raise UsageError("--unsafe-allow-remove-all is not allowed unless a snapshot filter option is specified")
    if applied.guarded and set(applied.by) != {"host", "paths"}:
        raise UsageError("the guarded rule groups by host and paths", subject="--group-by", hint="Leave it out.")
    return applied
