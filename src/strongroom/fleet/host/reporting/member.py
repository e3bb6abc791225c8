"""What this host is in its fleet: its key, its server, and the reports that it makes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from strongroom.base.configuration.document import parse, read_text
from strongroom.base.configuration.membership import FORM
from strongroom.base.durable import write_new
from strongroom.base.errors import ConfigurationError, Damaged
from strongroom.base.record import record
from strongroom.fleet.host.reporting.outbox import Outbox
from strongroom.fleet.host.reporting.requests import RequestBook
from strongroom.fleet.host.reporting.sending import Sent, send_all
from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.fleet.protocol.report import REPORT, HostReport
from strongroom.fleet.protocol.signed import KeyPair

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from strongroom.base.clock import Clock
    from strongroom.fleet.protocol.report import JobRequest, RunReport
    from strongroom.fleet.protocol.schedule_terms import ScheduleTerms

REPORTS = "/fleet/v1/reports"
_NANO = 1_000_000_000
_KEY_BYTES = 32


@record
class MembershipFile:
    """A host's fleet.toml."""

    path: str
    url: str
    pin: str
    host: str
    name: str
    paths: bool
    requests: tuple[str, ...] = ()
    """What the server may ask of this host: kinds of ``WISHES``."""

    def text(self) -> str:
        """As it is written."""
        more = "" if self.paths else "paths = false\n"
        more += f"requests = [{', '.join(map(_quoted, self.requests))}]\n" if self.requests else ""
        pin = f'pin = "{self.pin}"\n' if self.pin else ""
        return (
            f'{FORM.head}\nversion = 1\n\n[server]\nurl = "{self.url}"\n{pin}\n[host]\n'
            f'id = "{self.host}"\nname = "{self.name}"\n{more}'
        )


def _quoted(text: str) -> str:
    return f'"{text}"'


def membership_path(configuration: str) -> str:
    """Where fleet.toml is: beside the configuration file."""
    return os.path.join(os.path.dirname(os.path.abspath(configuration)), "fleet.toml")


def read_membership(path: str) -> MembershipFile | None:
    """The file; None where this host is in no fleet. Raises ``ConfigurationError``."""
    if not os.path.lexists(path):
        return None
    found = parse(FORM, read_text(path), path)
    server, host = found["server"], found["host"]
    for table, needed in ((server, ("url",)), (host, ("id", "name"))):
        if any(name not in table for name in needed):
            hint = "`strongroom host enrol` writes it."
            raise ConfigurationError("is not whole", subject=path, hint=hint)
    paths, requests = host.get("paths", True), tuple(host.get("requests", ()))
    return MembershipFile(path, server["url"], server.get("pin", ""), host["id"], host["name"], paths, requests)


def state_folder(state: str) -> str:
    """The folder of this host's key, outbox and chain, below the program's state."""
    return os.path.join(state, "fleet")


def host_key(folder: str, *, make: bool = False) -> KeyPair:
    """This host's key, which only its owner may read; ``make``: a new one where there is none.

    Raises ``ConfigurationError``, ``Damaged``, OSError.
    """
    path = os.path.join(folder, "host.key")
    if make:
        os.makedirs(folder, 0o700, exist_ok=True)
        if not os.path.exists(path):
            write_new(path, os.urandom(_KEY_BYTES), f"{path}.{os.getpid()}.new")
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(_KEY_BYTES + 1)
    except OSError as error:
        hint = "`strongroom host enrol` makes one."
        raise ConfigurationError(f"this host's key cannot be read: {error.strerror}", subject=path, hint=hint) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError("others can read this host's key", subject=path, hint=f"chmod 600 {path}")
    return KeyPair(secret)


class FleetMember:
    """This host as a member: it makes reports, and sends what waits."""

    def __init__(self, file: MembershipFile, state: str, versions: Mapping[str, str], clock: Clock) -> None:
        """Raises ``ConfigurationError`` when the key is gone, ``Damaged`` when it is another host's."""
        folder = state_folder(state)
        self.file = file
        self.outbox = Outbox(folder)
        self._key = host_key(folder)
        if self._key.id != file.host:
            hint = "Enrol this host again with a new token."
            raise Damaged("names another host than the key in the state", subject=file.path, hint=hint)
        self.requests = RequestBook(folder)
        self._versions = dict(versions)
        self._clock = clock

    def report(self, kind: str, schedules: Sequence[ScheduleTerms], run: RunReport | None, *, good: bool) -> None:
        """Make a report and keep it until it is sent. Raises OSError, ``Damaged``."""
        with self.outbox.alone() as state:

            def make(sequence: int, previous: str) -> object:
                dropped = tuple((first, last) for first, last in state.dropped)
                report = HostReport(
                    kind, self._key.id, boot_id(), sequence, previous, self._clock.now_ns() // _NANO, state.offset,
                    self._versions, tuple(schedules), run, dropped[-200:], self.requests.outcomes(),
                )  # fmt: skip
                return self._key.sign(REPORT, report.to_document())

            self.outbox.add(state, make, good=good)  # type: ignore[arg-type]
            self.requests.told()

    def decide(self, request: JobRequest, sources: Collection[str]) -> str | None:
        """Why this host refuses a request, as ``RequestBook.decide`` says. Raises OSError, ``Damaged``."""
        with self.outbox.alone():
            return self.requests.decide(request, self.file.requests, sources, self._clock.now_ns() // _NANO)

    def request_done(self, request: str, words: str) -> None:
        """Have the next report say that a request was done. Raises OSError, ``Damaged``."""
        with self.outbox.alone():
            self.requests.done(request, words)

    def send(self, *, at_once: bool = False) -> Sent:
        """Send what waits. Raises OSError, ``Damaged``."""
        server = FleetServer(self.file.url, self.file.pin)
        return send_all(self.outbox, lambda message: server.post(REPORTS, message), self._clock, at_once=at_once)


def boot_id() -> str:
    """The ID of this boot: 32 hexadecimal digits."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(64).strip().replace("-", "")
    except OSError:
        return "0" * 32
