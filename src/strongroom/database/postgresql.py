"""PostgreSQL for many gateways: a pool for requests, and connections apart for whoever waits for a lock."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_ARGUMENTS: dict[str, Any] = {"client_encoding": "utf8"}
"""Without it, a SQL_ASCII server answers in bytes."""


def open_postgresql(url: sa.URL) -> tuple[sa.Engine, sa.Engine]:
    """The pool, and the engine whose connections nobody shares."""
    at = url.set(drivername="postgresql+psycopg")
    pool = sa.create_engine(at, pool_size=8, max_overflow=8, pool_pre_ping=True, connect_args=_ARGUMENTS)
    return pool, sa.create_engine(at, poolclass=sa.NullPool, connect_args=_ARGUMENTS)
