"""A gateway's log in memory, as a fleet's server reads it, which can do what an honest one does not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.fleet.server.following.follower import FollowedGateway, follow_once
from strongroom.fleet.server.following.gateway_source import GatewayNames
from strongroom.receipts.log.checkpoint import Checkpoint
from strongroom.receipts.log.leaf import NO_HASH, LeafType, Receipt, hash_of
from strongroom.receipts.log.merkle import Edge, leaf_hash
from strongroom.receipts.log.note import Signer
from tests.support.fleet.server import ServerInProcess

URL = "https://backup:8000"


def identifier(name: str) -> str:
    """An ID of 32 digits that is the same in each run."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def new_signer(name: str = "backup/log") -> Signer:
    """A log's key."""
    return Signer(name, Ed25519PrivateKey.generate())


@dataclass
class LoggingGateway:
    """``leaves`` are what it shows; a test may change them, and sign anew."""

    server: ServerInProcess
    signer: Signer = field(default_factory=new_signer)
    leaves: list[bytes] = field(default_factory=list)
    called: GatewayNames = field(default_factory=GatewayNames)
    shown: bytes | None = None
    """The head that it shows; the newest that was signed where a test sets none."""
    ends: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def followed(self) -> FollowedGateway:
        """As fleet.toml names it."""
        return FollowedGateway("offsite", URL, self.signer.verifier)

    def receive(self, principal: str, path: str, kind: str, name: str, at: int | None = None) -> None:
        """An object arrives, and has a receipt."""
        repository, who = identifier(path), identifier(principal)
        self.called.repositories[repository] = path
        self.called.principals[who] = principal
        sequence, previous = self.ends.get(repository, (-1, NO_HASH))
        moment = self.server.now if at is None else at
        leaf = Receipt(
            LeafType.CREATE, repository, sequence + 1, previous, kind, name, name, 10, who, moment * 10**9, "", False,
            None, "", "00" * 16,
        ).encode()  # fmt: skip
        self.leaves.append(leaf)
        self.ends[repository] = sequence + 1, hash_of(leaf)

    def snapshot(self, principal: str, path: str, name: str = "", at: int | None = None) -> str:
        """A snapshot arrives; its ID."""
        found = name or hashlib.sha256(f"{principal} {path} {len(self.leaves)}".encode()).hexdigest()
        self.receive(principal, path, "snapshots", found, at)
        return found

    def sign(self, size: int | None = None) -> bytes:
        """The head over the first ``size`` leaves, or all."""
        edge = Edge()
        for leaf in self.leaves[:size]:
            edge.append(leaf_hash(leaf))
        return Checkpoint(self.signer.name, edge.size, edge.root()).signed(self.signer).encode()

    def head(self) -> bytes | None:
        """As a server reads it."""
        return self.shown or (self.sign() if self.leaves else None)

    def entries(self, number: int, width: int) -> list[bytes]:
        """As a server reads them."""
        return self.leaves[number * 256 : number * 256 + width]

    def names(self) -> GatewayNames:
        """What it calls them."""
        return self.called

    def follow(self) -> int:
        """The server looks; how many entries were new."""
        return follow_once(self.server.state, self.followed, self, self.names)
