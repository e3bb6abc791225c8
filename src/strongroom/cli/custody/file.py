"""custody.toml as the custodian's verbs use it: found once a command, then in force."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from strongroom.base.configuration.client import Configuration
from strongroom.base.configuration.custody import FILE, read_custody_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.cli.shared.context import Context

_READ: weakref.WeakKeyDictionary[Context, Mapping[str, Any]] = weakref.WeakKeyDictionary()


def custody_file(context: Context, folder: str) -> Mapping[str, Any]:
    """The tables of the file that ``--config`` names, else of the one in the state's folder; empty without any.

    From then on its tables of repositories say how their stores are reached, and no file of a client does. Raises
    ``ConfigurationError``.
    """
    found = _READ.get(context)
    if found is None:
        path = context.arguments.config or _in_folder(folder)
        found = read_custody_file(path) if path else {}
        _READ[context] = found
        if path:
            for table in found["repository"].values():
                if "store" in table:
                    table["url"] = table["store"]
            context.use_file(Configuration(path, {}, dict(found["repository"]), {}, {}))
    return found


def _in_folder(folder: str) -> str | None:
    path = os.path.join(folder, FILE)
    return path if "://" not in folder and os.path.lexists(path) else None
