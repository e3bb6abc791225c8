"""What a host asks of operators while it joins: by the words of its own key, which nobody else can have."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.fleet.host.reporting.member import host_key
from strongroom.fleet.protocol.fingerprint_words import words_of

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context


def say_key(context: Context, folder: str, name: str) -> None:
    """By which words the gateway's operator lets this key have the name: of this machine's own making, so that no
    server could put its own key in their place."""
    with contextlib.suppress(StrongroomError):
        words = words_of(host_key(folder).id)
        said = f"strongroom gateway principal readmit {name} --key {words}"
        context.warn(f"the key of this host is {words}; if it was reinstalled, or takes another one's place, type")
        context.warn(f"at the gateway, then do this again here: {said}")


def say_waiting(context: Context, folder: str, name: str) -> None:
    """What an operator has to do, with this key's own words: a name alone may be somebody else's."""
    words = words_of(host_key(folder).id)
    context.warn("the token has let in as many hosts as it may, so an operator has to let this one in: at the server")
    context.warn(f"  strongroom fleet approve {name} --key {words}")
    context.warn("waiting for that, an hour at most; the same command goes on later")
