"""How far a host has come in joining, in a file for its owner alone, since it holds tokens and passwords."""

from __future__ import annotations

import json
import os
from typing import Any

from strongroom.base.durable import replace_file
from strongroom.base.errors import ConfigurationError
from strongroom.base.record import as_dict, field, mutable
from strongroom.fleet.protocol.enrolment import GatewayAccess

_LARGEST = 1 << 20


@mutable
class JoinProgress:
    """What was done. ``custody`` by repository: ``file`` (hexadecimal digits) and ``sealed`` of the custody key."""

    ticket: str = ""
    name: str = ""
    profile: str = ""
    url: str = ""
    pin: str = ""
    tokens: list[str] = field(default_factory=list, repr=False)
    replaces: bool = False
    keep: bool = False
    """Whether the repository goes on that another machine made, whose place this one takes."""
    gateways: list[dict[str, str]] = field(default_factory=list, repr=False)
    custody: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    seals: dict[str, str] = field(default_factory=dict)
    done: bool = False

    def accesses(self) -> list[GatewayAccess]:
        """What this host may use of gateways."""
        return [GatewayAccess(**one) for one in self.gateways]


class ProgressFile:
    """The file ``joining.json`` below the state of the fleet."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "joining.json")

    def read(self) -> JoinProgress:
        """What was done; nothing yet where there is no file. Raises ``ConfigurationError``."""
        try:
            with open(self._path, "rb") as file:
                found: dict[str, Any] = json.loads(file.read(_LARGEST))
            return JoinProgress(**found)
        except FileNotFoundError:
            return JoinProgress()
        except (OSError, ValueError, TypeError) as error:
            hint = "Move it away, and enrol with a new token."
            raise ConfigurationError(f"cannot be read: {error}", subject=self._path, hint=hint) from None

    def write(self, progress: JoinProgress) -> None:
        """Keep it, durably. Raises OSError."""
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        replace_file(self._path, json.dumps(as_dict(progress)).encode())
