"""Objects whose bytes are right and that the store keeps under somebody else's key (threat S-5).

Whoever may write copies an object onto itself under a key of his own, and takes the key away later. So what changed is
asked for its key, too: a copy within the store, without any key named, is under the bucket's own again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.storage.versions.contract import Version, Versions

KMS = "aws:kms"


def foreign_key(versions: Versions, version: Version, default: str | None) -> str:
    """The key of this version that is not the bucket's, in words; empty where it is, or where nobody can tell.

    ``default``: how the bucket encrypts by itself, as ``Protection.encryption`` has it. Without a right to see that,
    or where its key is named by an alias or is the provider's, only keys of clients are told from it.
    """
    algorithm, key = versions.encryption_of(version)
    if algorithm == "customer":
        return "a key that a client named for this object"
    if not algorithm.startswith(KMS) or default is None:
        return ""
    own = [part for rule in default.split("; ") for part in rule.split(", ")]
    if not any(part.startswith(KMS) for part in own):
        return f"the key {key}"
    keys = [part for part in own if part not in ("-", "true", "false") and not part.startswith(KMS)]
    if not keys or any("alias/" in one for one in keys):
        return ""
    return "" if any(_is_one(key, one) for one in keys) else f"the key {key}"


def _is_one(one: str, other: str) -> bool:
    """Whether two spellings name one key: with where it is, or without."""
    return one.rsplit("/", 1)[-1].rsplit(":", 1)[-1] == other.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
