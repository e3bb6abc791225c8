"""Kinds of passing fault that the retries treat differently. To everybody else each is ``Unavailable``."""

from __future__ import annotations

from strongroom.base.errors import Unavailable


class Unreachable(Unavailable):
    """Nobody answered at all. On first contact that is more often a wrong address than a passing fault."""


class Busy(Unavailable):
    """The store asks for patience: ``retry_after`` seconds."""

    def __init__(self, what: str, *, subject: str = "", hint: str = "", retry_after: float) -> None:
        super().__init__(what, subject=subject, hint=hint)
        self.retry_after = retry_after
