"""What SQLAlchemy and the drivers raise, as errors of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from strongroom.base.errors import Unavailable

_FULL = "disk is full"


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises ``Unavailable`` for whatever may pass; a fault in a statement of ours stays as it is."""
    try:
        yield
    except sa.exc.TimeoutError:
        raise Unavailable("all connections to the database are in use") from None
    except OperationalError as error:
        if _FULL in reason(error):
            raise Unavailable(
                "there is no space left for the database",
                subject=reason(error),
                hint="Make room on its disk, and run the same again: what was written until now stays.",
            ) from None
        raise Unavailable("the database cannot be used now", subject=reason(error)) from None
    except DBAPIError as error:
        if type(error) is sa.exc.DatabaseError:  # and none of its kinds: the file is none, or is damaged
            raise Unavailable("the database cannot be used", subject=reason(error)) from None
        if error.connection_invalidated:
            raise Unavailable("the connection to the database broke", subject=reason(error)) from None
        raise


def reason(error: DBAPIError) -> str:
    """The first line of what a driver says."""
    lines = str(error.orig).strip().splitlines()
    return lines[0][:200] if lines else type(error.orig).__name__
