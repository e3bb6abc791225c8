"""What a REST server of the tests keeps, and what it was told to do wrong."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next request of a method (and path, where given)."""

    method: str
    what: str
    """``status``, ``lost`` (hang up without doing anything), ``lost-answer`` (do it, then hang up), ``short`` (end the
    body early), ``no-length``, ``wrong-range``, ``slow``, ``stall`` (read and say nothing more), ``stall-body`` (the
    same in the middle of the answer's body), ``drip`` (a byte of the body each second),
    ``flip`` (one bit of the body is another)."""
    status: int = 500
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    matching: str = ""


class FaultyObjects:
    """What such a server keeps and was asked, how it answers, and what is to go wrong with its next requests."""

    def __init__(
        self,
        *,
        version: int = 2,
        credentials: tuple[str, str] | None = None,
        append_only: bool = False,
        keep_alive: bool = True,
        banner: str = "scripted",
    ) -> None:
        self.banner = banner
        self.version = version
        self.credentials = credentials
        self.append_only = append_only
        self.keep_alive = keep_alive
        self.unix: Path | None = None
        """The socket that it listens at, where that is no port."""
        self.accepted: dict[str, str] = {}
        """Headers for the answer to an upload that was accepted."""
        self.pace = 0
        """Bytes a second that uploads are taken in at, all together; 0 for as they come."""
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.heads: list[dict[str, str]] = []
        self.connections = 0
        self.faults: list[Fault] = []
        self.lock = threading.Lock()
        self.freed = threading.Event()
        """Set at the end, for what stalls."""
        self._line = threading.Lock()

    @property
    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [method for method, _ in self.requests]

    def fail(self, method: str, what: str, times: int = 1, **more: Any) -> None:
        """Let the next requests of this method go wrong."""
        with self.lock:
            self.faults.extend(Fault(method, what, **more) for _ in range(times))

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault for this request, taken off the list."""
        with self.lock:
            for index, fault in enumerate(self.faults):
                if fault.method == method and fault.matching in path:
                    return self.faults.pop(index)
        return None

    def take_in(self, length: int) -> None:
        """Let as much time go by as so many bytes of an upload take."""
        if self.pace:
            with self._line:
                self.freed.wait(length / self.pace)
