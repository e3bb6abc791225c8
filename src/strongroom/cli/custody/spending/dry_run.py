"""``custody round --dry-run``: what rounds would do and cost. Nothing is written anywhere, and no lease taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import chosen, file_of, open_state, store_for
from strongroom.cli.output.custody_forecast import dry_run_lines, dry_run_object, forecast_lines, forecast_object
from strongroom.cli.shared.opening import say_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.foreseen.forecast import Forecast
    from strongroom.custody.foreseen.prices import Prices
    from strongroom.custody.spending.budget import Limits
    from strongroom.custody.state import Adopted, State
    from strongroom.storage.contract import Store


def run_dry(context: Context, limits: Limits) -> int:
    """Say it of each repository; 1 where a store does not answer, or has not the config that was adopted."""
    failed = False
    with open_state(context) as state:
        for adopted in chosen(context, state):
            try:
                with store_for(context, adopted) as store:
                    _say(context, state, adopted, store, limits)
            except Interrupted:
                raise
            except StrongroomError as error:
                failed = True
                say_failure(context, adopted.name, error)
    return exit_codes.FAILED if failed else exit_codes.OK


def _say(context: Context, state: State, adopted: Adopted, store: Store, limits: Limits) -> None:
    from strongroom.custody.adopting import pinned_config
    from strongroom.custody.foreseen.ahead import look_ahead

    pinned_config(adopted, store)  # under another a round does nothing, and a disk that is away has none
    found = _forecast(state, adopted, store, limits)
    ahead = look_ahead(state, adopted, state.clock.now_ns())
    prices = _prices(context, adopted)
    if context.json:
        context.out.json(dry_run_object(adopted.name, adopted.id, found, ahead, prices))
        return
    for line in dry_run_lines(found, ahead, prices):
        context.out.line(f"{adopted.name}: {line}")


def first_round(context: Context, state: State, adopted: Adopted, store: Store) -> tuple[dict[str, Any], Iterator[str]]:
    """What the first round of a repository, and a month, will read, ask for and cost: for programs, and for people."""
    from strongroom.custody.spending.budget import Limits

    found = _forecast(state, adopted, store, Limits())
    prices = _prices(context, adopted)
    return forecast_object(found, prices), forecast_lines(found, prices)


def _forecast(state: State, adopted: Adopted, store: Store, limits: Limits) -> Forecast:
    from strongroom.custody.foreseen.forecast import forecast
    from strongroom.custody.spending.budget import Spending

    return forecast(state, adopted, store, Spending(limits, state.clock))


def _prices(context: Context, adopted: Adopted) -> Prices | None:
    from strongroom.custody.foreseen.prices import prices_of

    file = file_of(context)
    return prices_of(file.get("prices", {}), file.get("repository", {}).get(adopted.name, {}).get("prices"))
