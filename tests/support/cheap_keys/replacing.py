"""Putting cheap keys in the place of those that another program has just made: same password, same master key."""

from __future__ import annotations

from pathlib import Path

from strongroom import _kernel
from strongroom.base.record import replace
from strongroom.format.key import KeyFile, encode_material
from strongroom.repository.keyring import unwrap

COST = (1024, 8, 1)
"""N, r, p."""


def replace_keys(repository: Path, password: str) -> None:
    """Replace each key of a repository on this disk; what a file says besides stays."""
    for path in list((repository / "keys").iterdir()):
        file = KeyFile.parse(path.read_bytes(), path.name)
        key = unwrap(file, password.encode(), path.name)
        derived = _kernel.derive_key(password.encode(), file.salt, *COST)
        n, r, p = COST
        cheap = replace(file, n=n, r=r, p=p, data=derived.seal(encode_material(key.material()))).encode()
        (path.parent / _kernel.sha256_hex(cheap)).write_bytes(cheap)
        path.unlink()
