"""Repositories as an attacker with the password would make them: valid where it helps them, wrong where it hurts us.

Nothing here uses this project's own code: the envelope is built on another library, compressed frames are spelled out
by hand, so that a mistake of ours cannot hide in the tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from tests.support.command import PASSWORD

Json = dict[str, Any]
POLYNOMIAL = "25b468838dcb75"


@dataclass(frozen=True)
class Secret:
    """Key material: 32 bytes to encrypt, 16 and 16 to authenticate."""

    encrypt: bytes
    mac_k: bytes
    mac_r: bytes

    def seal(self, plaintext: bytes) -> bytes:
        """The envelope: iv, AES-256-CTR ciphertext, Poly1305-AES of the ciphertext."""
        iv = os.urandom(16)
        encryptor = Cipher(algorithms.AES(self.encrypt), modes.CTR(iv)).encryptor()
        ciphertext = encryptor.update(plaintext) + encryptor.finalize()
        nonce = Cipher(algorithms.AES(self.mac_k), modes.ECB()).encryptor().update(iv)
        return iv + ciphertext + Poly1305.generate_tag(self.mac_r + nonce, ciphertext)


def sha(data: bytes) -> str:
    """The name of these bytes."""
    return hashlib.sha256(data).hexdigest()


def dumps(value: object) -> bytes:
    """JSON as restic's trees have it: no spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def zstd_bomb(size: int, *, declared: int | None = None, content: bytes = b" ") -> bytes:
    """A zstd frame of a few bytes for each 128 KiB of ``size`` it expands to; may declare another content size."""
    frame = struct.pack("<I", 0xFD2FB528) + bytes([0xE0]) + struct.pack("<Q", size if declared is None else declared)
    blocks, rest = divmod(size, 128 << 10)
    sizes = [128 << 10] * blocks + ([rest] if rest else [])
    return frame + b"".join(
        struct.pack("<I", length << 3 | 1 << 1 | (number == len(sizes) - 1))[:3] + content
        for number, length in enumerate(sizes)
    )


def zstd_raw(content: bytes) -> bytes:
    """A valid zstd frame that holds its content as it is."""
    frame = struct.pack("<I", 0xFD2FB528) + bytes([0xE0]) + struct.pack("<Q", len(content))
    parts = [content[start : start + (128 << 10)] for start in range(0, len(content), 128 << 10)] or [b""]
    for number, part in enumerate(parts):
        frame += struct.pack("<I", len(part) << 3 | (number == len(parts) - 1))[:3] + part
    return frame


def node(name: str, kind: str, **fields: Any) -> Json:
    """A node as restic writes it; further fields replace or add."""
    base: Json = {
        "name": name,
        "type": kind,
        "mode": {"dir": 0o755 | 1 << 31, "symlink": 0o777 | 1 << 27}.get(kind, 0o644),
        "mtime": "2024-01-01T00:00:00Z",
        "atime": "2024-01-01T00:00:00Z",
        "ctime": "2024-01-01T00:00:00Z",
        "uid": os.getuid(),
        "gid": os.getgid(),
        "content": [] if kind == "file" else None,
    }
    return base | fields


@dataclass
class Forge:
    """A repository in the making. Blobs gather until ``pack``; ``index`` and ``snapshot`` write their objects."""

    place: Path
    version: int = 2
    secret: Secret = field(default_factory=lambda: Secret(os.urandom(32), os.urandom(16), os.urandom(16)))
    entries: list[Json] = field(default_factory=list)
    """Packs as an index file lists them, of all packs written so far."""

    def __post_init__(self) -> None:
        for folder in ("data", "index", "keys", "locks", "snapshots"):
            (self.place / folder).mkdir(parents=True, exist_ok=True)
        self.key()
        self.config({"version": self.version, "id": os.urandom(32).hex(), "chunker_polynomial": POLYNOMIAL})

    def write(self, kind: str, content: bytes, name: str | None = None) -> Path:
        """Store bytes under their hash, or under another name."""
        chosen = name or sha(content)
        folder = self.place / "data" / chosen[:2] if kind == "data" else self.place / kind
        folder.mkdir(exist_ok=True)
        path = folder / chosen
        path.write_bytes(content)
        return path

    def config(self, value: object) -> None:
        """Write the config, which is not named by its hash."""
        (self.place / "config").write_bytes(self.secret.seal(dumps(value)))

    def key(self, *, n: int = 1024, r: int = 8, p: int = 1, declared: Json | None = None) -> Path:
        """Write a key that the usual password opens; ``declared`` replaces fields afterwards."""
        salt = os.urandom(64)
        derived = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=n, r=r, p=p, maxmem=1 << 30, dklen=64)
        user = Secret(derived[:32], derived[32:48], derived[48:])
        encode = {
            "mac": {
                "k": base64.b64encode(self.secret.mac_k).decode(),
                "r": base64.b64encode(self.secret.mac_r).decode(),
            },
            "encrypt": base64.b64encode(self.secret.encrypt).decode(),
        }
        value: Json = {
            "created": "2024-01-01T00:00:00Z",
            "username": "root",
            "hostname": "forge",
            "kdf": "scrypt",
            "N": n,
            "r": r,
            "p": p,
            "salt": base64.b64encode(salt).decode(),
            "data": base64.b64encode(user.seal(dumps(encode))).decode(),
        }
        return self.write("keys", dumps(value | (declared or {})))

    def pack(self, *blobs: tuple[str, bytes], frames: dict[int, tuple[bytes, int]] | None = None) -> list[str]:
        """Write a pack of blobs (type, plaintext); returns their IDs.

        ``frames`` puts, for the blob of that number, another stored content and declared length in place: a
        compressed frame as it stands, whatever it expands to.
        """
        body, header, listed, ids = b"", b"", [], []
        for number, (kind, plaintext) in enumerate(blobs):
            frame = (frames or {}).get(number)
            sealed = self.secret.seal(frame[0] if frame else plaintext)
            blob = sha(plaintext)
            code = (kind == "tree") + (2 if frame else 0)
            extra = struct.pack("<I", frame[1]) if frame else b""
            header += struct.pack("<BI", code, len(sealed)) + extra + bytes.fromhex(blob)
            entry: Json = {"id": blob, "type": kind, "offset": len(body), "length": len(sealed)}
            listed.append(entry | ({"uncompressed_length": frame[1]} if frame else {}))
            body += sealed
            ids.append(blob)
        sealed_header = self.secret.seal(header)
        path = self.write("data", body + sealed_header + struct.pack("<I", len(sealed_header)))
        self.entries.append({"id": path.name, "blobs": listed})
        return ids

    def tree(self, *nodes: Json) -> str:
        """Write a tree of these nodes in a pack of its own; its ID."""
        return self.raw_tree(dumps({"nodes": list(nodes)}) + b"\n")

    def raw_tree(self, content: bytes) -> str:
        """Write these bytes as a tree, whatever they are; the ID."""
        return self.pack(("tree", content))[0]

    def index(self, entries: list[Json] | None = None) -> Path:
        """Write an index file of all packs so far, or of these."""
        return self.unpacked("index", dumps({"packs": self.entries if entries is None else entries}))

    def unpacked(self, kind: str, plaintext: bytes) -> Path:
        """Write an index, snapshot or lock, uncompressed."""
        return self.write(kind, self.secret.seal(plaintext))

    def compressed(self, kind: str, frame: bytes) -> Path:
        """Write an index, snapshot or lock that says it is a zstd frame (a leading byte 2)."""
        return self.write(kind, self.secret.seal(b"\x02" + frame))

    def snapshot(self, tree: str, **fields: Any) -> Path:
        """Write a snapshot of a tree."""
        base: Json = {
            "time": "2024-01-01T00:00:00Z",
            "tree": tree,
            "paths": ["/source"],
            "hostname": "forge",
            "username": "root",
        }
        return self.unpacked("snapshots", dumps(base | fields))


def ordinary(place: Path, *, version: int = 2) -> Forge:
    """A sound repository with a small tree: folders ``docs`` and ``docs/deep``, three files, a link."""
    forge = Forge(place, version)
    contents = [b"first file\n" * 50, os.urandom(5000), b"third"]
    ids = forge.pack(*(("data", content) for content in contents))
    deep = forge.tree(node("third", "file", content=[ids[2]], size=len(contents[2])))
    docs = forge.tree(
        node("deep", "dir", subtree=deep),
        node("first", "file", content=[ids[0]], size=len(contents[0])),
        node("link", "symlink", linktarget="first"),
        node("second", "file", content=[ids[1]], size=len(contents[1])),
    )
    root = forge.tree(node("docs", "dir", subtree=docs))
    forge.index()
    forge.snapshot(root)
    return forge
