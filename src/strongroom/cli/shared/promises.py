"""Keeping the promises of gateways, and holding gateways to them: the client's end of ``Strongroom-Receipt``.

Every upload's promise is appended to a file in this machine's state. A later backup or check asks the gateway, beside
its work and for seconds at most, whether the log has what was promised. What it finds never stops anything: it is a
warning that comes again with every run until a person has looked, and an exit code of its own when all else went well.

This is in ``cli`` because two layers meet that may not know each other: the engine hands promises out through the
store's options, and receipts know what they mean.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import StrongroomError
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.base.objects import ObjectName
    from strongroom.receipts.client.gateway_log import GatewayLog
    from strongroom.receipts.client.promise_file import PromiseFile
    from strongroom.receipts.client.reproach import Reproach
    from strongroom.storage.options import StoreOptions

SECONDS = 20.0
"""For so long a check may run beside the work."""
WAIT_SECONDS = 3.0
"""For so long the end of the work waits for it."""
SILENT_NS = 7 * 86_400 * 10**9
"""After so long it is said that a gateway which gave promises does not show its log."""


class Promises:
    """The promises of all gateways that one command talks to."""

    def __init__(self, state: str, warn: Callable[[str], None], clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._warn = warn
        self._checks: list[_Check] = []
        self._broken_disk = False

    def keeper(self, url: str, options: StoreOptions) -> Callable[[ObjectName, str], None] | None:
        """Who is told of the promises of the store at this URL; None for a store that gives none."""
        if not url.lower().startswith("rest:"):
            return None
        known: list[PromiseFile] = []

        def keep(name: ObjectName, value: str) -> None:
            if not known:
                from strongroom.receipts.client.promise_file import PromiseFile
                from strongroom.storage.rest.url import parse

                known.append(PromiseFile(self._state, parse(url[5:], options).location))
            try:
                known[0].keep(name, value, self._clock.now_ns())
            except OSError as error:
                if not self._broken_disk:
                    self._broken_disk = True
                    self._warn(f"cannot keep the gateway's promises: {known[0].path}: {error.strerror}")

        return keep

    def begin(self, label: str, url: str, options: StoreOptions) -> None:
        """Check what was kept of the gateway at this URL, if anything, beside whatever comes now."""
        if not url.lower().startswith("rest:"):
            return
        from strongroom.receipts.client.promise_file import PromiseFile
        from strongroom.storage.rest.url import parse

        address = parse(url[5:], options)
        file = PromiseFile(self._state, address.location)
        try:
            kept = file.read_promise()
        except OSError as error:
            self._warn(f"cannot read what the gateway promised: {file.path}: {error.strerror}")
            return
        except StrongroomError as error:
            self._warn(str(error))
            return
        if kept is None or not (kept.promises or kept.reproaches):
            return
        from strongroom.receipts.client.gateway_log import GatewayLog

        self._checks.append(_Check(label, file, GatewayLog(address, options), kept.reproaches, self._clock))

    def conclude(self) -> list[Broken]:
        """Wait a little for the checks, and return what their gateways are to be reproached with."""
        end = monotonic() + WAIT_SECONDS
        found = []
        for check in self._checks:
            check.thread.join(max(0.0, end - monotonic()))
            found += [Broken(check.label, check.root, one, check.file.path) for one in check.reproaches]
            if check.silence:
                self._warn(check.silence)
        self._checks.clear()
        return found


@record
class Broken:
    """A reproach to the gateway of one repository; ``root`` is its log's URL, ``evidence`` our file."""

    label: str
    root: str
    reproach: Reproach
    evidence: str

    @property
    def sentence(self) -> str:
        """What is wrong."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self.reproach.found_ns // 10**9))
        if not self.reproach.object:
            return f"{self.label}: the gateway contradicts itself: {self.reproach.what} (found on {day})"
        return (
            f"{self.label}: the gateway broke its promise to log {self.reproach.object}: {self.reproach.what}"
            f" (found on {day})"
        )

    @property
    def advice(self) -> str:
        """What to do."""
        if self.reproach.about_key:
            command = f"`strongroom log trust KEY --repo {self.label}`"
            return (
                "If the operator of this gateway rotated its log (`strongroom gateway rotate-log`) and gave you the new"
                f" verifier key by another way than the gateway, then {command} pins it, checks what was promised"
                " before, and ends this alarm. Otherwise take this gateway for compromised: do not rely on"
                f" {self.label} alone, and keep a copy of {self.evidence}."
            )
        return (
            f"Take this gateway for compromised until its operator has explained it: do not rely on {self.label} alone,"
            f" run `strongroom check --read-data` on it and `strongroom log verify {self.root}` as an auditor. The"
            f" signed evidence is in {self.evidence}; keep a copy. When it is explained, `strongroom log trust KEY"
            f" --explained --repo {self.label}`, with the verifier key as the operator gave it to you, puts that file"
            " aside and ends this alarm."
        )


class _Check:
    """One gateway's check, in a thread of its own."""

    def __init__(self, label: str, file: PromiseFile, source: GatewayLog, known: list[Reproach], clock: Clock) -> None:
        self.label = label
        self.file = file
        self.root = source.root
        self.reproaches = list(known)
        self.silence = ""
        self._source = source
        self._clock = clock
        self.thread = threading.Thread(target=self._run, name="promises", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            kept = self.file.read_promise()
            if kept is None:
                return
            from strongroom.receipts.client.promise_check import (
                check,  # loads cryptography: 9 MB, only where there is a promise
            )

            oldest = min((one.kept_ns for one in kept.promises), default=0)
            found = check(self._source, kept, self._clock.now_ns(), SECONDS)
            self.file.replace(kept)
            self.reproaches = kept.reproaches + found.late
            self.root = self._source.root
            if found.unanswered and oldest and not 0 <= self._clock.now_ns() - oldest <= SILENT_NS:
                self.silence = (
                    f"{self.label}: the gateway has not shown for more than a week that its log has what it promised"
                    f" ({found.unanswered})"
                )
        except (OSError, StrongroomError):
            return
        finally:
            self._source.close()
