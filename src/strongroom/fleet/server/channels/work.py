"""What one channel is at, beside all others."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.server_log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable


class ChannelWork:
    """One channel's work in a thread. ``sent``: how many messages went out, once it has ended."""

    def __init__(self, name: str, work: Callable[[], int], begun: int) -> None:
        self.begun, self.sent, self._work, self._name = begun, 0, work, name
        self.thread = threading.Thread(target=self._run, name=f"channel {name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.sent = self._work()
        except Exception as error:  # a fault must not end the messages: the next turn is tried
            LOG.error(f"the channel {self._name} sent nothing: {error!r}")
