"""What an audit says: a row for each thing that was tried, by whose credential."""

from __future__ import annotations

from enum import StrEnum

from strongroom.base.record import record


class CredentialHolder(StrEnum):
    """Whose credential it is, and so what must not work with it."""

    HOST = "host"
    """May create and read."""
    READER = "reader"
    """The judge's: may read, and create indexes and packs."""
    EXECUTOR = "executor"
    """May delete so that it can be brought back, and nothing else."""
    STRANGER = "stranger"
    """Has no credential."""


class AuditState(StrEnum):
    """Whether an attempt was turned away."""

    YES = "held"
    NO = "not held"
    UNTRIED = "not tried"


@record
class Tried:
    """``threats`` are rows of ``docs/threat-model.md``; ``answer`` says what came of it."""

    holder: CredentialHolder
    threats: str
    what: str
    held: AuditState
    answer: str
