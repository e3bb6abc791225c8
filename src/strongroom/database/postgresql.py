"""PostgreSQL for many gateways: a pool for requests, and connections apart for whoever waits for a lock."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_ARGUMENTS: dict[str, Any] = {"client_encoding": "utf8"}
"""Without it, a SQL_ASCII server answers in bytes."""
_BOUNDS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""libpq's, unless the URL has others: a machine that went without a word, as one that another takes the place of, is
else waited for as long as TCP likes, which is a quarter of an hour."""


def open_postgresql(url: sa.URL) -> tuple[sa.Engine, sa.Engine]:
    """The pool, and the engine whose connections nobody shares."""
    at = url.set(drivername="postgresql+psycopg")
    arguments = _ARGUMENTS | {name: value for name, value in _BOUNDS.items() if name not in url.query}
    pool = sa.create_engine(at, pool_size=8, max_overflow=8, pool_pre_ping=True, connect_args=arguments)
    return pool, sa.create_engine(at, poolclass=sa.NullPool, connect_args=arguments)
