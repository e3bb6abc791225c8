"""Public keys of hosts, remembered: a signature is verified before anything is written, and mostly without a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Missing

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

_REMEMBERED = 20_000
_CUSTODIAN = "SELECT id FROM fleet_custodian WHERE id = ?"
_QUERY = "SELECT public FROM fleet_host WHERE id = ?"


class HostKeys:
    """The keys of hosts that have joined. A key never changes: another one is another host."""

    def __init__(self, state: FleetState) -> None:
        self._state = state
        self._known: dict[str, bytes] = {}

    def check_custodian(self, signer: str) -> None:
        """Raise ``Missing`` unless a custodian whose statements count has this ID; or ``Unavailable``."""
        if self._state.database.row(_CUSTODIAN, signer) is None:
            raise Missing("no custodian of this server has this key", subject=signer)

    def known(self, signer: str) -> bytes | None:
        """The key of a host, where it was asked for before."""
        return self._known.get(signer)

    def find(self, signer: str) -> bytes:
        """The key of a host, from the database where need be. Raises ``Missing`` or ``Unavailable``."""
        found = self._known.get(signer)
        if found is None:
            row = self._state.database.row(_QUERY, signer)
            if row is None:
                hint = "Ask for a new token: `strongroom fleet invite` prints one."
                raise Missing("no host with this key has joined", subject=signer, hint=hint)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[signer] = bytes(row[0])
        return found
