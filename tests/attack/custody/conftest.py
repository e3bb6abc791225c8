"""A host and its custodian."""

from __future__ import annotations

from tests.support.custody.fixtures import clock, custody, host

__all__ = ["clock", "custody", "host"]
