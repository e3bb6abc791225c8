"""Feeding a restore: threads that fetch the ranges of packs which the kernel asks for."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

from strongroom.base.errors import StrongroomError, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

    from strongroom import _kernel
    from strongroom.repository.opened import Repository


class Feed:
    """Answers the requests of one restore from its repository, with as many threads as the store has connections.

    Where the store has file descriptors the kernel reads for itself, and no byte passes through here. A pack that is
    missing or refused is an answer (other copies may serve); a store that stays unavailable ends the run.
    """

    def __init__(self, repository: Repository, kernel: _kernel.Restore) -> None:
        self._repository = repository
        self._kernel = kernel
        self._descriptors = True
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        count = max(1, min(repository.store.connections, 8))
        self._threads = [threading.Thread(target=self._serve, name=f"restore-{n}", daemon=True) for n in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._kernel.stop()
        for thread in self._threads:
            thread.join()

    def wait(self, seconds: float) -> bool:
        """Whether the restore has asked for its last range; waits for that so long."""
        return self._ended.wait(seconds)

    def end(self) -> None:
        """Wait for the kernel. Raises what ended it, or what ended the feeding."""
        try:
            self._kernel.join()
        except Exception:
            if self._failure is None:
                raise
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        kernel = self._kernel
        while not kernel.finished:
            request = kernel.next_request(0.1)
            if request is None:
                continue
            try:
                self._answer(request)
            except Unavailable as problem:
                self._fail(problem)
            except (StrongroomError, OSError) as problem:
                kernel.refuse(request.ticket, str(problem).splitlines()[0])
            except BaseException as problem:
                self._fail(problem)
        self._ended.set()

    def _fail(self, problem: BaseException) -> None:
        self._failure = self._failure or problem
        self._kernel.stop()

    def _answer(self, request: _kernel.RestoreRequest) -> None:
        pack, offset, length = request.pack, request.offset, request.length
        if request.tree and not self._descriptors:
            self._kernel.supply(request.ticket, self._repository.read_pack(pack, offset, length, tree=True))
            return
        with self._repository.open_pack(pack, offset, length) as reader:
            descriptor = reader.fileno()
            if descriptor is None:
                self._descriptors = False
                self._kernel.supply(request.ticket, reader.read())
            else:
                self._kernel.supply_file(request.ticket, descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
