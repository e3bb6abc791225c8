"""Saying loudly what gateways did not do that they promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.promises import Broken


def say_broken(context: Context) -> bool:
    """End the checks and say loudly what they found. Whether there was anything."""
    return say(context, context.promises.conclude())


def say(context: Context, broken: list[Broken]) -> bool:
    """Say loudly what gateways are to be reproached with. Whether there is anything."""
    for one in broken:
        if context.json:
            event = {"message_type": "incident", "repository": one.label, "object": one.reproach.object or None}
            event["code"] = str(one.reproach.fault)
            context.out.warn_json({**event, "message": one.sentence, "advice": one.advice})
        else:
            context.out.warn(f"ALARM: {one.sentence}")
    for advice in dict.fromkeys(one.advice for one in broken):
        if not context.json:
            context.out.warn(advice)
    return bool(broken)
