"""What a round would do and cost, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.quantities import format_bytes
from strongroom.format import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.custody.foreseen.ahead import Ahead
    from strongroom.custody.foreseen.forecast import Forecast, ReadAmount
    from strongroom.custody.foreseen.prices import Prices
    from strongroom.custody.spending.counted import Requests

_MOST_LINES = 20


def forecast_object(found: Forecast, prices: Prices | None) -> dict[str, Any]:
    """What programs read of it: of a round, and of a month."""
    month = found.month
    return {
        "objects": found.there.objects,
        "bytes": found.there.bytes,
        "read": found.read.objects,
        "read_bytes": found.read.bytes,
        "read_again": found.read_again.objects,
        "read_again_bytes": found.read_again.bytes,
        "unread": found.left.unread,
        "unread_again": found.left.unread_again,
        "spent": sorted(found.left.spent),
        "judges": found.judges,
        "requests": _requests(found.requests),
        "cost": _cost(found.requests, found.read.bytes + found.read_again.bytes, prices),
        "currency": None if prices is None else prices.currency,
        "month": {
            "rounds_a_day": round(month.rounds, 2),
            "read": month.read.objects,
            "read_bytes": month.read.bytes,
            "requests": _requests(month.requests),
            "cost": _cost(month.requests, month.read.bytes, prices),
        },
    }


def dry_run_object(name: str, identity: str, found: Forecast, ahead: Ahead, prices: Prices | None) -> dict[str, Any]:
    """The same, with what is news and what would go."""
    return {
        "message_type": "custody_dry_run",
        "name": name,
        "id": identity,
        "forecast": forecast_object(found, prices),
        "new": list(map(str, found.new)),
        "changed": list(map(str, found.changed)),
        "unlisted": list(map(str, found.unlisted)),
        "set_aside": list(map(list, ahead.aside)),
        "would_plan": list(map(list, ahead.planned)),
        "plans": [
            {
                "number": one.number,
                "kind": one.kind,
                "due": rfc3339.format_utc(one.due_ns),
                "waits": one.waits or None,
                "goes": list(map(list, one.goes)),
            }
            for one in ahead.plans
        ],
    }


def _requests(found: Requests) -> dict[str, int]:
    return {"lists": found.lists, "heads": found.heads, "reads": found.reads, "writes": found.writes}


def _cost(requests: Requests, count: int, prices: Prices | None) -> float | None:
    return None if prices is None else round(prices.of(requests, count), 6)


def forecast_lines(found: Forecast, prices: Prices | None) -> Iterator[str]:
    """What people read of a round, and of a month."""
    again = f" and {_amount(found.read_again)} again" if found.read_again.objects else ""
    yield f"a round reads {_amount(found.read)} for the first time{again}, and asks for {_asked(found.requests)}"
    if found.left.words():
        yield f"  {found.left.words()}"
    if found.judges:
        yield f"  it judges {found.judges} new snapshots, and reads their new trees for that"
    month = found.month
    yield (
        f"a month, with {month.rounds:.1f} rounds a day, reads {_amount(month.read)}, and asks for "
        f"{_asked(month.requests)}"
    )
    if prices is None:
        yield "what that costs is said where custody.toml has prices: `[prices.default]`"
        return
    once = prices.of(found.requests, found.read.bytes + found.read_again.bytes)
    monthly = prices.of(month.requests, month.read.bytes)
    yield f"a round costs {once:.4f} {prices.currency}, a month {monthly:.2f} {prices.currency}"


def dry_run_lines(found: Forecast, ahead: Ahead, prices: Prices | None) -> Iterator[str]:
    """The same, with what is news and what would go."""
    yield (
        f"{found.there.objects} objects are there, {len(found.new)} new, {len(found.changed)} changed, "
        f"{len(found.unlisted)} in no list any more"
    )
    yield from forecast_lines(found, prices)
    yield from _named("is in no list; the round asks for it", [(str(name), "") for name in found.unlisted])
    yield from _named("may be set aside: ", ahead.aside)
    for one in ahead.plans:
        how = f"waits: {one.waits}" if one.waits else "is due, once its executor has seen it for long enough"
        yield f"plan {one.number} ({one.kind}, {rfc3339.format_utc(one.due_ns)[:10]}) {how}; it names {len(one.goes)}"
        yield from _named("" if one.waits else "goes: ", one.goes)
    yield from _named("would be planned: ", ahead.planned)


def _named(what: str, things: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, why in things[:_MOST_LINES]:
        yield f"  {name}: {what}{why}"
    if len(things) > _MOST_LINES:
        yield f"  and {len(things) - _MOST_LINES} more; --json has all"


def _amount(one: ReadAmount) -> str:
    return f"{one.objects} objects ({format_bytes(one.bytes)})"


def _asked(found: Requests) -> str:
    counts = ((found.lists, "lists"), (found.heads, "answers"), (found.reads, "reads"), (found.writes, "writes"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)
